"""Whose turn it is."""

from __future__ import annotations

import asyncio

from hypothesis import given
from hypothesis import strategies as st

from fission.base import turns


def test_there_are_as_many_slots_as_the_limit_says() -> None:
    line = turns.Line(2, 1)
    assert line.request(1, "a") == [1]
    assert line.request(2, "b") == [2]
    assert line.request(3, "c") == []
    assert line.leave(1) == [3]


def test_one_owner_gets_its_share_at_most() -> None:
    line = turns.Line(4, 2)
    assert [line.request(ticket, "burst") for ticket in range(1, 5)] == [[1], [2], [], []]
    assert line.request(5, "other") == [5]


def test_owners_take_turns() -> None:
    line = turns.Line(2, 1)
    for ticket in range(1, 5):
        line.request(ticket, "burst")
    line.request(10, "x")
    line.request(11, "y")
    assert line.leave(10) == [11]
    assert line.leave(11) == []
    assert line.leave(1) == [2]


def test_who_left_the_line_is_not_called() -> None:
    line = turns.Line(1, 1)
    line.request(1, "a")
    line.request(2, "b")
    line.leave(2)
    assert line.leave(1) == []
    assert (line.held_count, line.waiting_count) == (0, 0)


@given(
    st.integers(1, 8),
    st.lists(
        st.tuples(st.sampled_from(["come", "leave"]), st.integers(0, 30), st.sampled_from("abc"))
    ),
)
def test_no_slot_is_idle_while_somebody_may_have_it(
    limit: int, steps: list[tuple[str, int, str]]
) -> None:
    share = max(1, limit // 2)
    line = turns.Line(limit, share)
    state: dict[int, tuple[str, bool]] = {}
    for number, (what, index, owner) in enumerate(steps):
        if what == "come":
            state[number] = (owner, False)
            going = line.request(number, owner)
        else:
            tickets = sorted(state)
            if not tickets:
                continue
            ticket = tickets[index % len(tickets)]
            del state[ticket]
            going = line.leave(ticket)
        for ticket in going:
            assert not state[ticket][1]
            state[ticket] = (state[ticket][0], True)
        held = [uid for uid, has_slot in state.values() if has_slot]
        assert len(held) == line.held_count <= limit
        assert all(held.count(uid) <= share for uid in held)
        if len(held) < limit:
            assert all(has_slot or held.count(uid) >= share for uid, has_slot in state.values())


@given(
    st.integers(1, 6),
    st.integers(1, 6),
    st.lists(st.tuples(st.sampled_from("abcd"), st.booleans()), min_size=1, max_size=60),
)
def test_nobody_starves_and_an_owners_order_is_kept(
    limit: int, share: int, steps: list[tuple[str, bool]]
) -> None:
    line = turns.Line(limit, share)
    owners: dict[int, str] = {}
    served: list[int] = []
    for ticket, (owner, ends_one) in enumerate(steps):
        owners[ticket] = owner
        served += line.request(ticket, owner)
        if ends_one and line.held_count:
            served += line.leave(next(t for t in served if t in owners))
            owners.pop(next(t for t in served if t in owners))
    while line.held_count:
        ticket = next(t for t in served if t in owners)
        del owners[ticket]
        served += line.leave(ticket)
    assert sorted(served) == list(range(len(steps)))
    for owner in "abcd":
        own = [ticket for ticket in served if steps[ticket][0] == owner]
        assert own == sorted(own)


def test_who_holds_the_fewest_goes_first() -> None:
    line = turns.Line(3, 2)
    for ticket in range(10):
        line.request(ticket, "burst")
    assert line.request(20, "other") == [20]
    line.request(21, "other")
    line.request(30, "third")
    assert line.leave(0) == [30]
    assert line.leave(1) == [2]


async def test_a_slow_start_gives_its_slot_up() -> None:
    chosen = turns.Turns(1, 1, hold_seconds=0.0)
    async with chosen.turn("slow"), asyncio.timeout(5), chosen.turn("other"):
        pass


async def test_who_goes_away_while_waiting_leaves_no_trace() -> None:
    chosen = turns.Turns(1, 1, hold_seconds=60.0)
    async with chosen.turn("a"):

        async def wait() -> None:
            async with chosen.turn("b"):
                raise AssertionError("the slot is taken")

        waiting = asyncio.ensure_future(wait())
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
    async with asyncio.timeout(5), chosen.turn("c"):
        pass


async def test_without_a_limit_nobody_waits() -> None:
    chosen = turns.Turns(0, 0, 0.0)
    async with chosen.turn("a"), chosen.turn("a"), chosen.turn("a"):
        pass
