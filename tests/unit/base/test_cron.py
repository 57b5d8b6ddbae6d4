"""Cron expressions: what is read, what is refused, and every instant against brute force."""

import datetime
import zoneinfo

import hypothesis
import pytest
from hypothesis import strategies

from fission.base import cron


def _utc(text: str) -> datetime.datetime:
    return datetime.datetime.fromisoformat(text).astimezone(datetime.UTC)


def _next(expression: str, after: str) -> str:
    return cron.parse(expression).next_after(_utc(after)).strftime("%Y-%m-%dT%H:%M:%SZ")


@pytest.mark.parametrize(
    ("expression", "after", "due"),
    [
        ("* * * * *", "2026-01-01T00:00:00Z", "2026-01-01T00:01:00Z"),
        ("* * * * *", "2026-01-01T00:00:59.999999Z", "2026-01-01T00:01:00Z"),
        ("*/15 * * * *", "2026-01-01T00:14:00Z", "2026-01-01T00:15:00Z"),
        ("7/20 * * * *", "2026-01-01T00:08:00Z", "2026-01-01T00:27:00Z"),
        ("* * * * * *", "2026-01-01T00:00:00.5Z", "2026-01-01T00:00:01Z"),
        ("30 0 12 * * *", "2026-01-01T00:00:00Z", "2026-01-01T12:00:30Z"),
        ("0 9-17/4 * * mon-FRI", "2026-01-02T17:00:00Z", "2026-01-05T09:00:00Z"),
        ("0 0 1 JAN,Jul ?", "2026-01-01T00:00:00Z", "2026-07-01T00:00:00Z"),
        ("0 0 29 2 *", "2026-01-01T00:00:00Z", "2028-02-29T00:00:00Z"),
        # Both days restricted: either suffices. A day with a step restricts, a star does not.
        ("0 0 13 * 5", "2026-02-09T00:00:00Z", "2026-02-13T00:00:00Z"),
        ("0 0 14 * 5", "2026-02-09T00:00:00Z", "2026-02-13T00:00:00Z"),
        ("0 0 */2 * 0", "2026-01-01T00:00:00Z", "2026-01-03T00:00:00Z"),
        ("0 0 * * 0", "2026-01-01T00:00:00Z", "2026-01-04T00:00:00Z"),
        ("@yearly", "2026-01-01T00:00:00Z", "2027-01-01T00:00:00Z"),
        ("@monthly", "2026-01-01T00:00:00Z", "2026-02-01T00:00:00Z"),
        ("@weekly", "2026-01-01T00:00:00Z", "2026-01-04T00:00:00Z"),
        ("@daily", "2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z"),
        ("@hourly", "2026-01-01T00:00:00Z", "2026-01-01T01:00:00Z"),
        ("@every 1h30m", "2026-01-01T00:00:00.7Z", "2026-01-01T01:30:00Z"),
        ("CRON_TZ=Asia/Tokyo 0 9 * * *", "2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z"),
        ("TZ=America/New_York @daily", "2026-01-01T00:00:00Z", "2026-01-01T05:00:00Z"),
    ],
)
def test_next_instant(expression: str, after: str, due: str) -> None:
    assert _next(expression, after) == due


@pytest.mark.parametrize(
    ("expression", "after", "due"),
    [
        # 2:30 does not exist on the day of the spring change in New York: the next day's comes.
        ("CRON_TZ=America/New_York 30 2 * * *", "2012-03-10T07:30:00Z", "2012-03-12T06:30:00Z"),
        ("CRON_TZ=America/New_York 0 * * * *", "2012-03-11T06:00:00Z", "2012-03-11T07:00:00Z"),
        # 1:30 comes twice in autumn, once before and once after the clocks go back.
        ("CRON_TZ=America/New_York 30 1 * * *", "2012-11-04T04:00:00Z", "2012-11-04T05:30:00Z"),
        ("CRON_TZ=America/New_York 30 1 * * *", "2012-11-04T05:30:00Z", "2012-11-04T06:30:00Z"),
        ("CRON_TZ=America/New_York 30 1 * * *", "2012-11-04T06:30:00Z", "2012-11-05T06:30:00Z"),
        ("CRON_TZ=America/New_York 0 2 * * *", "2012-11-04T05:00:00Z", "2012-11-04T07:00:00Z"),
        # Midnight itself is skipped where the change is at midnight.
        ("CRON_TZ=America/Sao_Paulo @daily", "2018-11-03T03:00:00Z", "2018-11-05T02:00:00Z"),
        ("CRON_TZ=America/Sao_Paulo 0 1 * * *", "2018-11-04T02:00:00Z", "2018-11-04T03:00:00Z"),
        # A change of half an hour.
        ("CRON_TZ=Australia/Lord_Howe 0 5 * * *", "2026-04-04T12:00:00Z", "2026-04-04T18:30:00Z"),
        # A whole day that a country left out.
        ("CRON_TZ=Pacific/Apia 0 12 30 12 *", "2011-12-01T00:00:00Z", "2012-12-29T22:00:00Z"),
    ],
)
def test_clock_changes(expression: str, after: str, due: str) -> None:
    assert _next(expression, after) == due


def test_an_interval_keeps_its_start_over_restarts() -> None:
    schedule = cron.parse("@every 10m").anchored(_utc("2026-01-01T00:03:00.9Z"))
    assert schedule.next_after(_utc("2026-01-01T00:03:00Z")) == _utc("2026-01-01T00:13:00Z")
    assert schedule.next_after(_utc("2026-01-01T07:44:11Z")) == _utc("2026-01-01T07:53:00Z")
    assert schedule.next_after(_utc("2025-01-01T00:00:00Z")) == _utc("2026-01-01T00:13:00Z")


def test_the_default_zone_is_meant_where_none_is_named() -> None:
    schedule = cron.parse("0 9 * * *", default_zone="Europe/Berlin")
    assert schedule.next_after(_utc("2026-07-01T00:00:00Z")) == _utc("2026-07-01T07:00:00Z")


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("", "it is empty"),
        ("TZ=UTC", "it is empty"),
        ("* * *", "it has 3 fields; want 5"),
        ("* * * * * * *", "it has 7 fields"),
        ("61 * * * *", 'field minute "61": 61 is outside of 0-59'),
        ("60 * * * * *", 'field second "60"'),
        ("* 24 * * *", 'field hour "24": 24 is outside of 0-23'),
        ("* * 0 * *", 'field day of month "0": 0 is outside of 1-31'),
        ("* * * foo *", 'field month "foo": "foo" is no month; allowed: 1-12, JAN-DEC'),
        ("* * * * 7", "7 is outside of 0-6; Sunday is 0"),
        ("1,,2 * * * *", "a value is missing"),
        ("5-1 * * * *", 'range "5-1" ends before it begins'),
        ("1-2-3 * * * *", '"2-3" is no minute'),
        ("*-5 * * * *", '"*" is no minute'),
        ("*/0 * * * *", 'step "0" is not a number above 0'),
        ("1/2/3 * * * *", 'step "2/3"'),
        ("-1 * * * *", "field minute"),
        ("٣ * * * *", "field minute"),
        ("0 0 30 2 *", "never meet: the longest of these months has 29 days"),
        ("0 0 31 4,6,9,11 *", "never meet"),
        ("@fortnightly", 'descriptor "@fortnightly" is not known; allowed: @yearly'),
        ("@every", "is no duration"),
        ("@every 5", "is no duration"),
        ("@every nan", "is no duration"),
        ("@every -1s", "is no duration"),
        ("@every 500ms", "want whole seconds, at least 1s"),
        ("@every 1.5s", "want whole seconds"),
        ("@every 999999999h", "longer than a hundred years"),
        ("CRON_TZ=Mars/Olympus * * * * *", 'time zone "Mars/Olympus" is not known'),
        ("CRON_TZ=../passwd * * * * *", "is not known"),
        ("CRON_TZ=America * * * * *", "is not known"),
        ("1" * 2000, "it has 2000 characters"),
    ],
)
def test_refusals_name_the_field(expression: str, message: str) -> None:
    with pytest.raises(cron.CronError) as caught:
        cron.parse(expression)
    assert message in caught.value.message
    assert caught.value.message.startswith('cron "')


_ZONES_AND_CHANGES = (
    ("UTC", "2026-03-08T00:00:00+00:00"),
    ("America/New_York", "2026-03-08T07:00:00+00:00"),
    ("America/New_York", "2026-11-01T06:00:00+00:00"),
    ("Europe/Berlin", "2026-03-29T01:00:00+00:00"),
    ("Europe/Berlin", "2026-10-25T01:00:00+00:00"),
    ("Australia/Lord_Howe", "2026-04-04T15:00:00+00:00"),
    ("Australia/Lord_Howe", "2026-10-03T15:30:00+00:00"),
    ("America/Sao_Paulo", "2018-11-04T03:00:00+00:00"),
    ("America/Sao_Paulo", "2019-02-17T02:00:00+00:00"),
    ("America/Havana", "2026-03-08T05:00:00+00:00"),
    ("Africa/Casablanca", "2026-02-15T02:00:00+00:00"),
    ("Pacific/Apia", "2011-12-30T10:00:00+00:00"),
    ("Asia/Kathmandu", "1985-12-31T18:30:00+00:00"),
)


@strategies.composite
def _field(draw: strategies.DrawFn, low: int, high: int) -> tuple[str, set[int], bool]:
    """Text of a field, the values it stands for, and whether it is open."""
    terms: list[str] = []
    values: set[int] = set()
    is_open = False
    for _ in range(draw(strategies.integers(1, 2))):
        first = draw(strategies.integers(low, high))
        last = draw(strategies.integers(first, high))
        step = draw(strategies.integers(1, high))
        shape = draw(strategies.sampled_from(["*", "?", "*/", "n", "n/", "n-m", "n-m/"]))
        span = {"*": range(low, high + 1), "?": range(low, high + 1), "n": range(first, first + 1)}
        if shape in span:
            values |= set(span[shape])
            terms.append(str(first) if shape == "n" else shape)
            is_open = is_open or shape != "n"
        elif shape == "*/":
            values |= set(range(low, high + 1, step))
            terms.append(f"*/{step}")
            is_open = is_open or step == 1
        elif shape == "n/":
            values |= set(range(first, high + 1, step))
            terms.append(f"{first}/{step}")
        elif shape == "n-m":
            values |= set(range(first, last + 1))
            terms.append(f"{first}-{last}")
        else:
            values |= set(range(first, last + 1, step))
            terms.append(f"{first}-{last}/{step}")
    return ",".join(terms), values, is_open


@hypothesis.settings(max_examples=150, deadline=None)
@hypothesis.given(
    fields=strategies.tuples(_field(0, 59), _field(0, 23), _field(1, 31), _field(0, 6)),
    place=strategies.sampled_from(_ZONES_AND_CHANGES),
    minutes_before=strategies.integers(0, 1500),
)
def test_every_instant_is_one_whose_wall_clock_matches(
    fields: tuple[tuple[str, set[int], bool], ...],
    place: tuple[str, str],
    minutes_before: int,
) -> None:
    (minute, hour, day, weekday) = fields
    zone_name, change = place
    zone = zoneinfo.ZoneInfo(zone_name)
    expression = f"CRON_TZ={zone_name} {minute[0]} {hour[0]} {day[0]} * {weekday[0]}"
    schedule = cron.parse(expression)
    start = _utc(change) - datetime.timedelta(minutes=minutes_before)

    def matches(moment: datetime.datetime) -> bool:
        reading = moment.astimezone(zone)
        by_month = reading.day in day[1]
        by_week = (reading.weekday() + 1) % 7 in weekday[1]
        is_day = by_month and by_week if day[2] or weekday[2] else by_month or by_week
        return reading.minute in minute[1] and reading.hour in hour[1] and is_day

    horizon = start + datetime.timedelta(minutes=3000)
    expected = []
    moment = start
    while moment < horizon and len(expected) < 200:
        moment += datetime.timedelta(minutes=1)
        if matches(moment):
            expected.append(moment)
    found = []
    moment = start
    while len(found) < len(expected):
        moment = schedule.next_after(moment)
        found.append(moment)
    assert found == expected
    if len(expected) < 200:
        assert schedule.next_after(moment) > horizon


@hypothesis.given(text=strategies.text(max_size=60))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        schedule = cron.parse(text)
    except cron.CronError:
        return
    now = _utc("2026-01-01T00:00:00Z")
    assert schedule.next_after(now) > now
