"""Capacity decisions of the function service cache."""

from __future__ import annotations

import itertools
import sys

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from fission.executor import fscache
from fission.executor.fscache import FunctionKey, Grant, Limits, Refuse, Serve, Specialize, Wait

KEY = FunctionKey("uid-1", 1)


def a_service(
    address: str = "127.1.0.2:8888", key: FunctionKey = KEY, **overrides: object
) -> fscache.FunctionService:
    values: dict[str, object] = {
        "key": key,
        "address": address,
        "namespace": "default",
        "pod": f"pod-{address}",
        "pod_uid": f"uid-{address}",
        "created_at": 0.0,
        "last_used_at": 0.0,
    }
    return fscache.FunctionService(**(values | overrides))  # type: ignore[arg-type]


def a_cache_with(service: fscache.FunctionService, limits: Limits) -> fscache.FunctionServiceCache:
    cache = fscache.FunctionServiceCache()
    cache.adopt(service, limits)
    return cache


def test_the_first_request_specializes_and_the_next_uses_the_pod() -> None:
    cache = fscache.FunctionServiceCache()
    assert cache.acquire(KEY, Limits(), 0.0) == Specialize()
    service = a_service()
    assert cache.specialized(service, 1.0) == []
    assert service.active == 1
    assert cache.release("uid-1", service.address, 2.0) == []
    assert cache.acquire(KEY, Limits(), 3.0) == Serve(service)


def test_a_full_pod_makes_the_next_request_specialize_another() -> None:
    cache = a_cache_with(a_service(), Limits())
    assert isinstance(cache.acquire(KEY, Limits(), 0.0), Serve)
    assert cache.acquire(KEY, Limits(), 0.0) == Specialize()


def test_the_pod_with_the_fewest_requests_is_chosen() -> None:
    limits = Limits(requests_per_pod=3)
    cache = a_cache_with(a_service("127.1.0.2:8888", active=2), limits)
    cache.adopt(a_service("127.1.0.3:8888", active=1), limits)
    decision = cache.acquire(KEY, limits, 0.0)
    assert isinstance(decision, Serve)
    assert decision.service.address == "127.1.0.3:8888"


def test_a_request_waits_for_spare_slots_of_a_pod_under_way() -> None:
    limits = Limits(requests_per_pod=2)
    cache = fscache.FunctionServiceCache()
    assert cache.acquire(KEY, limits, 0.0) == Specialize()
    waiting = cache.acquire(KEY, limits, 0.0)
    assert isinstance(waiting, Wait)
    assert cache.acquire(KEY, limits, 0.0) == Specialize()
    service = a_service()
    assert cache.specialized(service, 0.0) == [Grant(waiting.ticket, Serve(service))]
    assert service.active == 2


def test_at_the_concurrency_limit_a_request_is_refused_by_number() -> None:
    limits = Limits(concurrency=1)
    cache = fscache.FunctionServiceCache()
    assert cache.acquire(KEY, limits, 0.0) == Specialize()
    assert cache.acquire(KEY, limits, 0.0) == Refuse("concurrency '1' limit reached")


def test_a_released_slot_goes_to_the_one_in_line() -> None:
    limits = Limits(max_pending=1)
    cache = fscache.FunctionServiceCache()
    cache.acquire(KEY, limits, 0.0)
    waiting = cache.acquire(KEY, limits, 0.0)
    assert isinstance(waiting, Wait)
    # The line moves on when the pod under way is there: the waiting one may start its own.
    service = a_service()
    assert cache.specialized(service, 0.0) == [Grant(waiting.ticket, Specialize())]


def test_a_failure_that_is_the_functions_fault_ends_the_line() -> None:
    limits = Limits(max_pending=1)
    cache = fscache.FunctionServiceCache()
    cache.acquire(KEY, limits, 0.0)
    waiting = cache.acquire(KEY, limits, 0.0)
    assert isinstance(waiting, Wait)
    assert cache.failed(KEY, 0.0, for_good=True) == [Grant(waiting.ticket, None)]
    assert cache.snapshot(0.0) == []


def test_a_failure_of_a_pod_lets_the_next_in_line_try() -> None:
    limits = Limits(max_pending=1)
    cache = fscache.FunctionServiceCache()
    cache.acquire(KEY, limits, 0.0)
    waiting = cache.acquire(KEY, limits, 0.0)
    assert isinstance(waiting, Wait)
    assert cache.failed(KEY, 0.0) == [Grant(waiting.ticket, Specialize())]


def test_a_once_only_pod_is_never_given_out_again() -> None:
    cache = fscache.FunctionServiceCache()
    assert cache.acquire(KEY, Limits(), 0.0, once=True) == Specialize()
    service = a_service(once=True)
    cache.specialized(service, 0.0)
    cache.release("uid-1", service.address, 0.0)
    assert cache.acquire(KEY, Limits(), 0.0) == Specialize()


def test_busy_endpoints_are_not_offered_but_newer_ones_are() -> None:
    limits = Limits()
    cache = a_cache_with(a_service("127.1.0.2:8888"), limits)
    assert cache.acquire(KEY, limits, 0.0, busy_endpoints=1) == Specialize()
    newer = a_service("127.1.0.3:8888")
    cache.specialized(newer, 0.0)
    cache.release("uid-1", newer.address, 0.0)
    assert cache.acquire(KEY, limits, 0.0, busy_endpoints=1) == Serve(newer)


def test_requests_of_a_silent_router_stop_counting() -> None:
    service = a_service(active=1, lease_seconds=60.0)
    cache = a_cache_with(service, Limits())
    assert cache.acquire(KEY, Limits(), 60.0) == Specialize()
    cache.failed(KEY, 60.0)
    assert cache.acquire(KEY, Limits(), 60.1) == Serve(service)


def test_an_unknown_address_is_reported() -> None:
    cache = a_cache_with(a_service(), Limits())
    assert cache.release("uid-1", "127.9.9.9:8888", 0.0) is None
    assert cache.touch("uid-1", "127.9.9.9:8888", 0.0) is False
    assert cache.touch("uid-2", "127.1.0.2:8888", 0.0) is False


def test_a_removed_service_frees_its_place() -> None:
    limits = Limits(concurrency=1)
    service = a_service(active=1)
    cache = a_cache_with(service, limits)
    assert isinstance(cache.acquire(KEY, limits, 0.0), Refuse)
    cache.remove(service, 0.0)
    assert cache.acquire(KEY, limits, 0.0) == Specialize()


def test_a_cancelled_ticket_gets_no_grant() -> None:
    limits = Limits(max_pending=1)
    cache = fscache.FunctionServiceCache()
    cache.acquire(KEY, limits, 0.0)
    waiting = cache.acquire(KEY, limits, 0.0)
    assert isinstance(waiting, Wait)
    cache.cancel(KEY, waiting.ticket, 0.0)
    assert cache.failed(KEY, 0.0) == []


@pytest.mark.parametrize("once", [False, True])
def test_the_line_has_an_end(once: bool) -> None:
    limits = Limits(max_pending=1, max_waiting=1)
    cache = fscache.FunctionServiceCache()
    cache.acquire(KEY, limits, 0.0, once=once)
    assert isinstance(cache.acquire(KEY, limits, 0.0, once=once), Wait)
    assert isinstance(cache.acquire(KEY, limits, 0.0, once=once), Refuse)


def test_leaving_a_long_line_costs_the_same_from_any_place() -> None:
    limits = Limits(max_pending=1, max_waiting=3000)
    cache = fscache.FunctionServiceCache()
    cache.acquire(KEY, limits, 0.0)
    tickets = []
    for _ in range(3000):
        waiting = cache.acquire(KEY, limits, 0.0)
        assert isinstance(waiting, Wait)
        tickets.append(waiting.ticket)
    steps = 0

    def count(frame: object, event: str, argument: object) -> object:
        nonlocal steps
        steps += 1
        return count

    before = sys.gettrace()
    sys.settrace(count)  # lines run, whatever the machine is doing
    try:
        for ticket in tickets[1500:1510]:
            cache.cancel(KEY, ticket, 0.0)
    finally:
        sys.settrace(before)
    assert steps < 10 * 200
    (one,) = cache.snapshot(0.0)
    assert one["waiting"] == 2990
    assert cache.failed(KEY, 0.0) == [Grant(tickets[0], Specialize())]


class AnyOrderOfEvents(RuleBasedStateMachine):
    """Requests, ends, failures and removals in any order keep the promises."""

    def __init__(self) -> None:
        super().__init__()
        self.cache = fscache.FunctionServiceCache()
        self.limits = Limits(requests_per_pod=2, concurrency=4, max_pending=2, max_waiting=6)
        self.numbers = itertools.count(1)
        self.pending: list[tuple[bool, bool]] = []
        """Whether each is for one request alone, and whether it is ahead of any."""
        self.waiting: dict[int, bool] = {}
        self.served: list[fscache.FunctionService] = []
        self.now = 0.0

    def note(self, decision: fscache.Decision | None, once: bool) -> None:
        if isinstance(decision, Serve):
            assert not once
            self.served.append(decision.service)
        elif isinstance(decision, Specialize):
            self.pending.append((once, False))
        elif isinstance(decision, Wait):
            self.waiting[decision.ticket] = once

    def grant(self, grants: list[Grant]) -> None:
        for grant in grants:
            self.note(grant.decision, self.waiting.pop(grant.ticket))

    @rule(once=st.booleans())
    def request(self, once: bool) -> None:
        self.note(self.cache.acquire(KEY, self.limits, self.now, once=once), once)

    @rule()
    def pod_is_provisioned(self) -> None:
        waited = bool(self.waiting)
        if self.cache.provision(KEY, self.limits):
            assert not waited
            self.pending.append((False, True))
        assert self.cache.is_ahead(KEY) == any(ahead for _, ahead in self.pending)

    @precondition(lambda self: self.pending)
    @rule(data=st.data())
    def specialization_ends_well(self, data: st.DataObject) -> None:
        once, ahead = self.pending.pop(data.draw(st.integers(0, len(self.pending) - 1)))
        service = a_service(f"127.1.0.{next(self.numbers)}:8888", once=once)
        if not ahead:
            self.served.append(service)
        self.grant(self.cache.specialized(service, self.now, ahead=ahead))

    @precondition(lambda self: self.pending)
    @rule(data=st.data(), for_good=st.booleans())
    def specialization_fails(self, data: st.DataObject, for_good: bool) -> None:
        once, ahead = self.pending.pop(data.draw(st.integers(0, len(self.pending) - 1)))
        grants = self.cache.failed(KEY, self.now, once=once, for_good=for_good, ahead=ahead)
        self.grant(grants)

    @precondition(lambda self: self.served)
    @rule(data=st.data())
    def request_ends(self, data: st.DataObject) -> None:
        service = self.served.pop(data.draw(st.integers(0, len(self.served) - 1)))
        self.grant(self.cache.release("uid-1", service.address, self.now) or [])

    @precondition(lambda self: self.cache.services())
    @rule(data=st.data())
    def pod_goes(self, data: st.DataObject) -> None:
        service = data.draw(st.sampled_from(self.cache.services()))
        self.served = [s for s in self.served if s is not service]
        self.grant(self.cache.remove(service, self.now))

    @precondition(lambda self: len(self.cache.services()) + len(self.pending) < 4)
    @rule()
    def pod_is_adopted(self) -> None:
        service = a_service(f"127.1.0.{next(self.numbers)}:8888", last_used_at=self.now)
        self.grant(self.cache.adopt(service, self.limits))

    @rule(seconds=st.floats(0.0, 30.0))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds
        for service in self.served:  # routers report what they use
            self.cache.touch("uid-1", service.address, self.now)

    @rule()
    def the_function_is_updated(self) -> None:
        """The pods of the old generation leave one by one; calls in them are not taken back."""
        for service in list(self.cache.services()):
            self.served = [one for one in self.served if one is not service]
            self.grant(self.cache.remove(service, self.now))

    @invariant()
    def every_pod_is_found_by_its_uid(self) -> None:
        services = self.cache.services()
        assert all(self.cache.in_pod(one.pod_uid) == [one] for one in services)
        assert all(self.cache.find("uid-1", one.address) is one for one in services)

    @precondition(lambda self: self.waiting)
    @rule(data=st.data())
    def waiter_leaves(self, data: st.DataObject) -> None:
        ticket = data.draw(st.sampled_from(sorted(self.waiting)))
        del self.waiting[ticket]
        self.grant(self.cache.cancel(KEY, ticket, self.now))

    @invariant()
    def the_limits_hold(self) -> None:
        services = self.cache.services()
        assert len(services) + len(self.pending) <= self.limits.concurrency
        assert len(self.pending) <= self.limits.max_pending
        for service in services:
            assert service.active == sum(1 for s in self.served if s is service)
            assert service.active <= (1 if service.once else self.limits.requests_per_pod)

    @invariant()
    def nobody_waits_while_a_slot_is_free(self) -> None:
        if not any(not once for once in self.waiting.values()):
            return
        assert all(
            service.once or service.active == self.limits.requests_per_pod
            for service in self.cache.services()
        )

    @invariant()
    def nobody_waits_for_nothing(self) -> None:
        if self.waiting:
            assert self.pending or len(self.cache.services()) >= self.limits.concurrency


TestAnyOrderOfEvents = AnyOrderOfEvents.TestCase
TestAnyOrderOfEvents.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
