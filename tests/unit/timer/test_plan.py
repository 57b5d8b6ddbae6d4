"""Which ticks are due and which were missed, against a plain walk; and the heap of all triggers."""

import datetime

import hypothesis
from hypothesis import strategies

from fission.api import timetrigger_types
from fission.base import cron
from fission.meta import objectmeta
from fission.timer import agenda, entries, plan

START = datetime.datetime(2026, 3, 1, tzinfo=datetime.UTC)


def _at(seconds: float) -> datetime.datetime:
    return START + datetime.timedelta(seconds=seconds)


@hypothesis.given(
    expression=strategies.sampled_from(
        ["* * * * * *", "*/7 * * * * *", "* * * * *", "0 0,30 * * * *", "@every 90s", "@hourly"]
    ),
    after=strategies.integers(0, 100),
    later=strategies.floats(0, 900),
    grace=strategies.floats(0, 1000),
)
def test_a_look_finds_what_a_walk_finds(
    expression: str, after: int, later: float, grace: float
) -> None:
    schedule = cron.parse(expression).anchored(START)
    now = _at(after + later)
    walked = []
    moment = schedule.next_after(_at(after))
    while moment <= now:
        walked.append(moment)
        moment = schedule.next_after(moment)
    due = plan.look(schedule, _at(after), now, grace)
    if not walked:
        assert due == plan.NOTHING
        return
    assert due.latest == walked[-1]
    is_fresh = (now - walked[-1]).total_seconds() <= max(grace, plan.ON_TIME_SECONDS)
    assert due.fire == (walked[-1] if is_fresh else None)
    assert due.missed == min(len(walked) - is_fresh, plan.MOST_COUNTED)


def test_a_night_without_a_timer_is_counted_up_to_a_bound() -> None:
    schedule = cron.parse("* * * * * *")
    due = plan.look(schedule, START, _at(8 * 3600), 300)
    assert due.fire == _at(8 * 3600)
    assert due.missed == plan.MOST_COUNTED


class Counted:
    """A schedule that counts how often it is asked."""

    def __init__(self, expression: str) -> None:
        self._schedule = cron.parse(expression)
        self.text = expression
        self.asked = 0

    def next_after(self, instant: datetime.datetime) -> datetime.datetime:
        self.asked += 1
        return self._schedule.next_after(instant)

    def anchored(self, start: datetime.datetime) -> cron.Schedule:
        return self._schedule.anchored(start)


def test_the_latest_of_millions_of_ticks_is_found_without_walking_through_them() -> None:
    schedule = Counted("* * * * 3 *")
    due = plan.look(schedule, START, _at(200 * 86400), 300)
    assert due.latest == _at(31 * 86400 - 1)
    assert due.fire is None
    assert schedule.asked < plan.MOST_COUNTED + 50


def test_a_change_that_leaves_the_schedule_does_not_look_again_for_ticks_that_wait() -> None:
    trigger = timetrigger_types.TimeTrigger(
        metadata=objectmeta.ObjectMeta(
            name="tick", namespace="default", creation_timestamp="2026-03-01T00:00:00Z"
        ),
        spec=timetrigger_types.TimeTriggerSpec(cron="* * * * *"),
    )
    entry = entries.make(trigger, 300, START)
    entry.base = _at(180)
    trigger.spec.method = "PUT"
    entries.adopt(entry, 300, _at(200))
    assert entry.next_tick() == _at(240)
    trigger.spec.cron = "*/2 * * * *"
    entries.adopt(entry, 300, _at(100))
    assert entry.next_tick() == _at(120)


def test_groups_are_taken_up_ahead_by_what_their_claims_take() -> None:
    diary: agenda.Agenda[str] = agenda.Agenda(lambda count: 0.1 + count / 100)
    diary.put("late", _at(20))
    for number in range(300):
        diary.put(f"many-{number}", _at(10))
    assert len(diary) == 301
    assert diary.next_wake() == _at(10 - 3.1)
    assert diary.take(_at(6.8)) == []
    taken = diary.take(_at(6.9))
    assert len(taken) == 300
    assert {instant for _, instant in taken} == {_at(10)}
    assert diary.next_wake() == _at(20 - 0.11)


def test_a_key_is_there_once_and_goes_without_a_trace() -> None:
    diary: agenda.Agenda[str] = agenda.Agenda(lambda count: 0.0)
    diary.put("a", _at(10))
    diary.put("a", _at(5))
    diary.put("a", _at(7))
    assert diary.next_wake() == _at(7)
    diary.drop("a")
    diary.drop("a")
    assert diary.next_wake() is None
    diary.put("a", _at(7))
    assert diary.take(_at(7)) == [("a", _at(7))]
    assert len(diary) == 0
