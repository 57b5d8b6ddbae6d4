"""The function service cache: which pods a function has, who uses them, who waits for one.

Pure: every call takes the time, answers with a decision and never waits. One group per function
generation holds its services (specialized pods), the specializations under way and a queue of
requests. The rules, in the order in which a request meets them:

===========================  ==================================================================
a service has a free slot    use it: the one with the fewest requests
a pod under way has spare    wait for it: a cold start already running is the shortest wait
used < concurrency           specialize a pod, unless too many are under way: then wait in line
a pod comes ahead of calls   wait for it, though it was to come after everybody else's: hurry it
otherwise                    refuse: the concurrency limit is reached
===========================  ==================================================================

``used`` is services plus specializations under way. Every change that may free a slot (a
specialization ends, a request ends, a pod goes) returns grants for those in line, first come first
served. Invariants: ``used`` never exceeds ``concurrency``; no service serves more than
``requestsPerPod`` by this cache's count; nobody waits while a slot is free; a ``onceOnly`` service
is given out once.

A request that was given an address is counted until it is untapped. A router that dies never
untaps, so a count that nobody refreshed for ``lease_seconds`` is void.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class FunctionKey:
    """One generation of one function: code or settings that differ never share a pod."""

    uid: str
    generation: int


@dataclass(frozen=True, slots=True)
class Limits:
    """What a function's spec and the executor's settings allow."""

    requests_per_pod: int = 1
    concurrency: int = 500
    max_pending: int = 20
    """Specializations of one function under way at once."""
    max_waiting: int = 1000
    """Requests of one function in line; the next is refused."""


@dataclass(slots=True)
class FunctionService:
    """A pod that serves one function."""

    key: FunctionKey
    address: str
    namespace: str
    pod: str
    pod_uid: str
    created_at: float
    last_used_at: float
    lease_seconds: float = 120.0
    once: bool = False
    active: int = 0

    def active_requests(self, now: float) -> int:
        """The requests that count; those of a router that fell silent do not."""
        if self.active and now - self.last_used_at > self.lease_seconds:
            self.active = 0
        return self.active


@dataclass(frozen=True, slots=True)
class Serve:
    """Use this service; it counts the request already."""

    service: FunctionService


@dataclass(frozen=True, slots=True)
class Specialize:
    """Specialize a pod, then report with ``specialized`` or ``failed``."""


@dataclass(frozen=True, slots=True)
class Wait:
    """A grant for this ticket will follow; ``cancel`` gives the place up."""

    ticket: int


@dataclass(frozen=True, slots=True)
class Refuse:
    """The function may not have another request; ``message`` names the limit."""

    message: str


@dataclass(frozen=True, slots=True)
class Grant:
    """What a waiting ticket may do; ``decision`` None: what it waited for has failed for good."""

    ticket: int
    decision: Serve | Specialize | None


Decision = Serve | Specialize | Wait | Refuse


@dataclass(slots=True)
class _Group:
    limits: Limits
    services: dict[str, FunctionService] = field(default_factory=dict)
    pending: int = 0
    pending_once: int = 0
    pending_ahead: int = 0
    """Those that no request was there for when they began."""
    waiting: dict[int, bool] = field(default_factory=dict)
    """Tickets in order of arrival, and whether each wants a pod for itself alone."""
    waiting_once: int = 0

    @property
    def used(self) -> int:
        return len(self.services) + self.pending

    @property
    def spare_under_way(self) -> int:
        """Slots of pods being specialized beyond the one that each was started for. Those ahead of
        requests stand behind everybody in line, so who can have a pod at once waits for none."""
        asked_for = self.pending - self.pending_once - self.pending_ahead
        return asked_for * (self.limits.requests_per_pod - 1)

    def is_awaitable(self, waiting: int) -> bool:
        """Whether the pods that come ahead of requests have a slot for one more in line."""
        return self.pending_ahead * self.limits.requests_per_pod > waiting - self.spare_under_way

    def free_service(
        self, now: float, among: list[FunctionService] | None = None
    ) -> FunctionService | None:
        limit = self.limits.requests_per_pod
        best: FunctionService | None = None
        for service in self.services.values() if among is None else among:
            active = service.active_requests(now)
            if not service.once and active < limit and (best is None or active < best.active):
                best = service
        return best

    def leave_line(self, ticket: int) -> None:
        self.waiting_once -= self.waiting.pop(ticket, False)

    def may_specialize(self) -> bool:
        return self.used < self.limits.concurrency and self.pending < self.limits.max_pending


class FunctionServiceCache:
    """All groups; see the module's table for the rules."""

    def __init__(self) -> None:
        self._groups: dict[FunctionKey, _Group] = {}
        self._located: dict[tuple[str, str], FunctionService] = {}
        self._by_pod: dict[str, list[FunctionService]] = {}
        self._tickets = itertools.count(1)

    def acquire(
        self,
        key: FunctionKey,
        limits: Limits,
        now: float,
        *,
        once: bool = False,
        busy_endpoints: int = 0,
    ) -> Decision:
        """Decide about one request. ``busy_endpoints`` says how many ready pods the caller sees and
        finds full: that many of the oldest services are not offered."""
        group = self._groups.setdefault(key, _Group(limits))
        group.limits = limits
        if not once:
            offered = None
            if busy_endpoints:
                offered = list(group.services.values())[busy_endpoints:]
            service = group.free_service(now, offered)
            if service is not None:
                return Serve(_use(service, now))
        shared_waiting = len(group.waiting) - group.waiting_once
        covered = not once and group.spare_under_way > shared_waiting
        if not covered:
            is_full = group.used >= group.limits.concurrency
            if is_full and (once or not group.is_awaitable(shared_waiting)):
                self._tidy(key)
                return Refuse(f"concurrency '{limits.concurrency}' limit reached")
            if group.may_specialize():
                return self._start(group, once)
        if len(group.waiting) >= limits.max_waiting:
            return Refuse(f"'{limits.max_waiting}' requests already wait for a pod")
        ticket = next(self._tickets)
        group.waiting[ticket] = once
        group.waiting_once += once
        return Wait(ticket)

    def provision(self, key: FunctionKey, limits: Limits) -> bool:
        """Whether a pod may be specialized that nobody asked for; it counts as under way then."""
        group = self._groups.setdefault(key, _Group(limits))
        group.limits = limits
        if group.waiting or not group.may_specialize():
            self._tidy(key)
            return False
        self._start(group, once=False)
        group.pending_ahead += 1
        return True

    def is_ahead(self, key: FunctionKey) -> bool:
        """Whether a pod of the group is under way that no request was there for."""
        group = self._groups.get(key)
        return group is not None and group.pending_ahead > 0

    def specialized(
        self, service: FunctionService, now: float, *, ahead: bool = False
    ) -> list[Grant]:
        """A specialization ended well: the service counts its requester, unless it was ``ahead`` of
        any; the rest is for those in line."""
        group = self._groups[service.key]
        self._end(group, service.once)
        group.pending_ahead -= ahead
        service.active = 0 if ahead else 1
        service.last_used_at = now
        self._add(group, service)
        return self._grants(group, now)

    def failed(
        self,
        key: FunctionKey,
        now: float,
        *,
        once: bool = False,
        for_good: bool = False,
        ahead: bool = False,
    ) -> list[Grant]:
        """A specialization failed. ``for_good``: the function itself is at fault, so everybody in
        line gets the same answer instead of wearing out another pod each."""
        group = self._groups[key]
        self._end(group, once)
        group.pending_ahead -= ahead
        grants = []
        if for_good:
            grants = [Grant(ticket, None) for ticket in group.waiting]
            group.waiting.clear()
            group.waiting_once = 0
        grants += self._grants(group, now)
        self._tidy(key)
        return grants

    def cancel(self, key: FunctionKey, ticket: int, now: float) -> list[Grant]:
        """The request behind a ticket went away."""
        group = self._groups.get(key)
        if group is None:
            return []
        group.leave_line(ticket)
        grants = self._grants(group, now)
        self._tidy(key)
        return grants

    def release(self, uid: str, address: str, now: float) -> list[Grant] | None:
        """A request ended (untap); None when the address is not known for the function."""
        service = self.find(uid, address)
        if service is None:
            return None
        service.active = max(0, service.active_requests(now) - 1)
        service.last_used_at = max(service.last_used_at, now)
        return self._grants(self._groups[service.key], now)

    def touch(self, uid: str, address: str, now: float) -> bool:
        """The service was used (tap)."""
        service = self.find(uid, address)
        if service is None:
            return False
        service.last_used_at = max(service.last_used_at, now)
        return True

    def adopt(self, service: FunctionService, limits: Limits) -> list[Grant]:
        """Add a service that another executor, or this one before a restart, made."""
        group = self._groups.setdefault(service.key, _Group(limits))
        if service.address in group.services:
            return []
        self._add(group, service)
        return self._grants(group, service.last_used_at)

    def remove(self, service: FunctionService, now: float) -> list[Grant]:
        """Give the service to nobody any more."""
        group = self._groups.get(service.key)
        if group is None or group.services.get(service.address) is not service:
            return []
        del group.services[service.address]
        place = (service.key.uid, service.address)
        if self._located.get(place) is service:
            del self._located[place]
        there = self._by_pod[service.pod_uid]
        there.remove(service)
        if not there:
            del self._by_pod[service.pod_uid]
        grants = self._grants(group, now)
        self._tidy(service.key)
        return grants

    def find(self, uid: str, address: str) -> FunctionService | None:
        """The service of a function, of whichever generation, at an address."""
        return self._located.get((uid, address))

    def in_pod(self, pod_uid: str) -> list[FunctionService]:
        """The services in a pod; several where functions share it."""
        return list(self._by_pod.get(pod_uid, ()))

    def used(self, key: FunctionKey) -> int:
        """The services of a group and those under way."""
        group = self._groups.get(key)
        return group.used if group is not None else 0

    def services(self, key: FunctionKey | None = None) -> list[FunctionService]:
        """The services of one group, or all of them."""
        if key is not None:
            group = self._groups.get(key)
            return list(group.services.values()) if group else []
        return [s for group in self._groups.values() for s in group.services.values()]

    def snapshot(self, now: float) -> list[dict[str, object]]:
        """What debugInfo shows."""
        return [
            {
                "functionUid": key.uid,
                "generation": key.generation,
                "pending": group.pending,
                "waiting": len(group.waiting),
                "services": [
                    {
                        "address": s.address,
                        "pod": f"{s.namespace}/{s.pod}",
                        "activeRequests": s.active_requests(now),
                        "idleSeconds": round(now - s.last_used_at, 3),
                    }
                    for s in group.services.values()
                ],
            }
            for key, group in self._groups.items()
        ]

    def _start(self, group: _Group, once: bool) -> Specialize:
        group.pending += 1
        group.pending_once += once
        return Specialize()

    def _add(self, group: _Group, service: FunctionService) -> None:
        known = group.services.get(service.address)
        if known is not None:
            self._by_pod[known.pod_uid].remove(known)
        group.services[service.address] = service
        self._located[service.key.uid, service.address] = service
        self._by_pod.setdefault(service.pod_uid, []).append(service)

    def _end(self, group: _Group, once: bool) -> None:
        group.pending -= 1
        group.pending_once -= once

    def _grants(self, group: _Group, now: float) -> list[Grant]:
        grants: list[Grant] = []
        covered = group.spare_under_way
        for ticket, once in group.waiting.items():
            service = None if once else group.free_service(now)
            if service is not None:
                grants.append(Grant(ticket, Serve(_use(service, now))))
            elif not group.may_specialize():
                if not once or len(group.waiting) == group.waiting_once:
                    break  # nothing is left that somebody behind could get
            elif not once and covered > 0:
                covered -= 1
            else:
                grants.append(Grant(ticket, self._start(group, once)))
                covered += 0 if once else group.limits.requests_per_pod - 1
        for grant in grants:
            group.leave_line(grant.ticket)
        return grants

    def _tidy(self, key: FunctionKey) -> None:
        group = self._groups[key]
        if not group.services and not group.pending and not group.waiting:
            del self._groups[key]


def _use(service: FunctionService, now: float) -> FunctionService:
    service.active = service.active_requests(now) + 1
    service.last_used_at = now
    return service
