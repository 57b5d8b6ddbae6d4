"""Slots: who gets which, who waits, what is asked for, by plain calls and at random."""

import math

from hypothesis import settings
from hypothesis import stateful as hs
from hypothesis import strategies as st

from fission.router import demand, slots

A, B, C = ("127.0.0.1", 1), ("127.0.0.2", 1), ("127.0.0.3", 1)


class Waiter:
    """Takes what it is offered, once."""

    def __init__(self, interested: bool = True, since: float = 0.0) -> None:
        self.interested = interested
        self.since = since
        self.got: slots.Endpoint | None = None

    def offer(self, endpoint: slots.Endpoint) -> bool:
        if self.interested:
            self.got = endpoint
        return self.interested


def some(limit: float = 1, *addresses: slots.Address) -> slots.Slots:
    made = slots.Slots(limit, slots.Bounds())
    made.show(addresses, 0.0)
    return made


def join(own: slots.Slots, *waiters: Waiter) -> None:
    for waiter in waiters:
        own.join(waiter)


def test_the_least_loaded_is_taken_and_the_first_of_equals():
    own = some(2, A, B)
    taken = [own.try_acquire(0.0) for _ in range(5)]
    assert [endpoint and endpoint.address for endpoint in taken] == [A, B, A, B, None]
    assert taken[1] is not None
    own.release(taken[1], 0.1, 1.0)
    again = own.try_acquire(1.0)
    assert again is not None
    assert again.address == B


def test_a_freed_slot_goes_to_the_first_who_waits():
    own = some(1, A)
    running = own.try_acquire(0.0)
    assert running is not None
    gone, first, second = Waiter(interested=False), Waiter(), Waiter()
    join(own, gone, first, second)
    own.release(running, 0.1, 1.0)
    assert (first.got, second.got) == (running, None)
    assert running.in_flight == 1
    assert own.try_acquire(1.0) is None
    own.show([A, B], 1.0)
    assert second.got is not None
    assert second.got.address == B


def test_a_provisional_address_ends_unless_a_slice_shows_it():
    own = slots.Slots(1, slots.Bounds(provisional_seconds=10))
    own.provide(A, 0.0)
    own.show([], 1.0)
    assert [endpoint.address for endpoint in own.ready] == [A]
    own.sweep(11.0)
    assert own.ready == []
    endpoint = own.provide(A, 20.0)
    own.show([A], 21.0)
    assert endpoint.state is slots.State.SEEN
    own.sweep(1000.0)
    assert own.ready == [endpoint]
    own.show([], 1001.0)
    assert own.ready == []
    assert endpoint.state is slots.State.GONE


def test_an_address_in_use_is_not_swept_away():
    own = slots.Slots(1, slots.Bounds(provisional_seconds=10))
    own.provide(A, 0.0)
    running = own.try_acquire(0.0)
    own.sweep(100.0)
    assert running in own.known


def test_a_refusal_takes_an_endpoint_out_at_once():
    own = some(1, A, B)
    endpoint = own.try_acquire(0.0)
    assert endpoint is not None
    own.refused(endpoint, 0.0)
    own.release(endpoint, None, 0.0)
    assert [each.address for each in own.ready] == [B]
    own.show([A, B], 1.0)
    assert [each.address for each in own.ready] == [B]
    other = own.try_acquire(31.0)
    assert other is not None
    assert len(own.ready) == 2
    provisional = own.provide(C, 31.0)
    own.refused(provisional, 31.0)
    assert provisional.state is slots.State.GONE


def test_the_executor_naming_an_address_ends_its_rest():
    own = some(1, A)
    (endpoint,) = own.ready
    own.refused(endpoint, 0.0)
    assert own.provide(A, 1.0) is endpoint
    assert own.ready == [endpoint]


def test_dial_timeouts_count_as_a_refusal_when_there_are_too_many():
    own = some(1, A)
    (endpoint,) = own.ready
    for _ in range(4):
        own.dial_failed(endpoint, 0.0)
    assert own.ready
    own.dial_failed(endpoint, 0.0)
    assert not own.ready


def test_a_busy_pod_rests_for_a_moment():
    own = some(1, A)
    (endpoint,) = own.ready
    own.busy(endpoint, 0.05)
    assert own.try_acquire(0.01) is None
    assert own.try_acquire(0.06) is endpoint


def test_pods_are_asked_for_by_need():
    own = some(2)
    join(own, *(Waiter() for _ in range(5)))
    assert demand.asks_due(own, 0.0, 20) == 3
    own.asking = 2
    assert demand.asks_due(own, 0.0, 20) == 1
    assert demand.asks_due(own, 0.0, 2) == 0
    own.asking = 0
    assert demand.asks_due(own, 0.0, 2) == 2


def test_one_address_is_enough_where_there_is_no_limit():
    own = some(math.inf)
    join(own, *(Waiter() for _ in range(5)))
    assert demand.asks_due(own, 0.0, 20) == 1


def test_no_pod_is_asked_for_while_those_there_are_will_be_free_sooner():
    own = some(1, A)
    own.service_seconds = 0.002
    own.cold_start_seconds = 0.1
    join(own, *(Waiter() for _ in range(10)))
    assert demand.asks_due(own, 0.0, 20) == 0
    assert demand.asks_due(own, 0.2, 20) == 10
    join(own, *(Waiter() for _ in range(90)))
    assert demand.asks_due(own, 0.0, 20) == 20


def test_a_slow_start_is_no_reason_to_wait_long_for_a_pod_in_use():
    own = some(1, A)
    own.service_seconds = 0.3
    own.cold_start_seconds = 2.0
    join(own, Waiter())
    assert demand.asks_due(own, 0.0, 20) == 1


def test_a_short_line_that_does_not_end_gets_one_more_pod():
    own = some(1, A)
    own.service_seconds = 0.02
    running = own.try_acquire(0.0)
    assert running is not None
    join(own, *(Waiter(since=0.0) for _ in range(3)))
    assert demand.asks_due(own, 0.01, 20) == 0
    for moment in (0.5, 0.99, 1.0):  # four clients without a pause: always three in line
        join(own, *(Waiter(since=moment) for _ in range(3)))
        while len(own.waiting) > 3:
            own.release(running, 0.02, moment)
        assert demand.asks_due(own, moment, 20) == (moment >= demand.LASTING_SECONDS)
    own.asking = 1
    assert demand.asks_due(own, 1.0, 20) == 0
    own.asking = 0
    demand.given(own, B, 1.0, 0.1)
    assert len(own.waiting) == 2
    assert demand.asks_due(own, 1.01, 20) == 0


def test_a_lasting_line_of_those_who_wait_for_a_moment_gets_none():
    own = some(1, A)
    own.service_seconds = 0.002
    assert own.try_acquire(0.0) is not None
    join(own, *(Waiter(since=9.0) for _ in range(3)))
    own.line_since = 0.0
    assert demand.asks_due(own, 9.001, 20) == 0


class Machine(hs.RuleBasedStateMachine):
    """Whatever happens in whatever order: counts hold, limits hold, nobody starves."""

    @hs.initialize(limit=st.sampled_from([1, 2, 3]))
    def begin(self, limit: int) -> None:
        self.own = slots.Slots(limit, slots.Bounds(5.0, 5.0, 2))
        self.limit = limit
        self.now = 0.0
        self.running: list[slots.Endpoint] = []
        self.waiters: list[Waiter] = []

    @hs.rule()
    def acquire(self) -> None:
        endpoint = self.own.try_acquire(self.now)
        if endpoint is not None:
            self.running.append(endpoint)
        else:
            waiter = Waiter()
            self.waiters.append(waiter)
            self.own.join(waiter)

    @hs.rule(pick=st.integers(0, 100))
    def release(self, pick: int) -> None:
        self._collect()
        if self.running:
            endpoint = self.running.pop(pick % len(self.running))
            self.own.release(endpoint, 0.01, self.now)

    @hs.rule(shown=st.sets(st.sampled_from([A, B, C])))
    def show(self, shown: set[slots.Address]) -> None:
        self.own.show(shown, self.now)

    @hs.rule(address=st.sampled_from([A, B, C]))
    def provide(self, address: slots.Address) -> None:
        self.own.provide(address, self.now)
        self.own.wake(self.now)

    @hs.rule(pick=st.integers(0, 100), how=st.sampled_from(["refused", "busy", "dial"]))
    def trouble(self, pick: int, how: str) -> None:
        known = self.own.known
        if known:
            endpoint = known[pick % len(known)]
            if how == "refused":
                self.own.refused(endpoint, self.now)
            elif how == "busy":
                self.own.busy(endpoint, self.now + 1)
            else:
                self.own.dial_failed(endpoint, self.now)

    @hs.rule(seconds=st.floats(0, 10))
    def pass_time(self, seconds: float) -> None:
        self.now += seconds
        self.own.sweep(self.now)
        self.own.wake(self.now)

    @hs.rule()
    def give_up(self) -> None:
        self._collect()
        if self.waiters:
            self.waiters[0].interested = False

    def _collect(self) -> None:
        for waiter in list(self.waiters):
            if waiter.got is not None:
                self.running.append(waiter.got)
                self.waiters.remove(waiter)

    @hs.invariant()
    def counts_hold(self) -> None:
        if not hasattr(self, "own"):
            return
        self._collect()
        for endpoint in {*self.own.known, *self.running}:
            assert endpoint.in_flight == self.running.count(endpoint)
            assert endpoint.in_flight <= self.limit
        assert set(self.own.ready) <= set(self.own.known)
        free = any(endpoint.in_flight < self.limit for endpoint in self.own.ready)
        assert not (free and any(w.interested for w in self.own.waiting))


TestMachine = Machine.TestCase
TestMachine.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
