"""One environment's pool: generic pods on one side, requests for one on the other. Pure.

States of a pod, and who moves it on:

==========  ===================================================  =====================
starting    asked for, or there and not ready yet                ``pod_asked``, ``pod_unready``
generic     ready, nobody has it                                 ``pod_ready``
taken       given to a request; never offered again              ``assignments``, ``retire``
(gone)      deleted, or no longer of the pool                    ``pod_gone``
==========  ===================================================  =====================

A pod that was taken stays taken whatever the informer says later: its labels are written behind
the answer, so for a moment the API still calls it generic. Requests of one function are served in
order; functions take turns, so that a burst of one cannot starve another. A pool of an
environment that allows any number of functions in a pod gives the same pod out again and again.

The last ready pod of a pool that can grow is kept for a function that has none: a burst leaves the
next function's first request a warm start. A request of a function that has pods, or others on the
way, is *further*; it gets every pod but that one, and the pool grows for it. What nobody asked for
yet (a pod kept *ahead* of requests) comes after everybody who waits.

A pool that has nothing to give grows by one *extra* pod for each request in line that no starting
pod is for. Extra pods belong to no ReplicaSet, so nobody but ``retire`` chooses which of them goes
when the burst is over: a pod that a request was given can never be the one. While first requests
of other functions come, of whatever environment, a burst is *gentle*: the pool grows for further
requests at a pace that leaves those others most of a processor.
"""

from __future__ import annotations

import collections
import os
from dataclasses import dataclass
from typing import Final

FAST_START_SECONDS: Final = 1.0
"""A pod that is ready within a second was forked on a node that had everything: what it waited for
is a processor."""
FAST_STARTS_AT_ONCE: Final = max(4, 2 * (os.cpu_count() or 1))
"""More of those at once would all be ready late; so they are ready one after another, and the
first serve those in line meanwhile. Starts that wait for something else go side by side: twice as
many for each second that the oldest takes, and all at once where extra pods were slow before. Where
pods were ready that fast once, slow ones are a sign of load: twice as many at most."""
GENTLE_EVERY_SECONDS: Final = 0.4 / (os.cpu_count() or 1)
"""Between two starts of extra pods of a gentle burst. All that a start sets off takes some 80 ms of
a processor, so this is a fifth of all there are."""


@dataclass(frozen=True, slots=True)
class GenericPod:
    """A ready pod of the pool, with its addresses resolved."""

    uid: str
    namespace: str
    name: str
    fetcher_address: str
    service_address: str
    runtime_hash: str = ""
    restarts: int = 0
    extra: bool = False
    """Made for a request in line, beyond the pool's size."""
    start_seconds: float | None = None
    """From its creation until it was ready, where that is known."""
    environment_uid: str = ""
    replicaset_uid: str = ""
    """Of the one that keeps it, if any."""


@dataclass(frozen=True, slots=True)
class _Starting:
    runtime_hash: str
    since: float


@dataclass(frozen=True, slots=True)
class _Line:
    function_uid: str
    ahead: bool


@dataclass(frozen=True, slots=True)
class _Place:
    ticket: int
    further: bool


class Pool:
    """The pods of one environment that nobody has claimed, and who wants one."""

    def __init__(self, *, shared: bool = False) -> None:
        self.shared = shared
        """Whether a pod takes any number of functions; the environment may change its mind."""
        self._generic: dict[str, GenericPod] = {}
        self._starting: dict[str, _Starting] = {}
        self._asked: collections.deque[float] = collections.deque()
        self._last_asked = -GENTLE_EVERY_SECONDS
        self._fastest_seconds: float | None = None
        self._taken: set[str] = set()
        self._gone_early: set[str] = set()
        """Pods that came and went while an answer about an extra pod is out: perhaps that one."""
        self._waiting: collections.OrderedDict[_Line, collections.deque[_Place]] = (
            collections.OrderedDict()
        )
        self.reserve = 0
        """Ready pods that no further request gets."""
        self.runtime_hash = ""
        """The hash of the environment's runtime as it is; only pods that have it are given out."""

    @property
    def generic_count(self) -> int:
        return len(self._generic)

    @property
    def is_empty(self) -> bool:
        """Whether there is no pod, none on its way, and nobody in line."""
        return not (self._generic or self._starting or self._asked or self._waiting)

    @property
    def waiting_count(self) -> int:
        return sum(len(places) for places in self._waiting.values())

    @property
    def asked_count(self) -> int:
        """Those in line for whom a request waits."""
        return sum(len(places) for line, places in self._waiting.items() if not line.ahead)

    @property
    def starting_count(self) -> int:
        """Pods of the present runtime that will be ready, as far as is known."""
        known = self._starting.values()
        return len(self._asked) + sum(self._is_present(one.runtime_hash) for one in known)

    @property
    def only_further(self) -> set[str]:
        """Functions in line, if all of them have pods or others on the way; else none."""
        lines = self._waiting.items()
        if any(not line.ahead and not places[0].further for line, places in lines):
            return set()
        return {line.function_uid for line in self._waiting}

    def wanted(self, limit: int, now: float, *, gentle: bool = False) -> int:
        """How many extra pods to ask for now; ``limit`` bounds those that start at once."""
        if not self._waiting:
            return 0
        fastest = self._fastest_seconds
        if gentle and (fastest is None or fastest <= FAST_START_SECONDS):
            is_early = now < self._last_asked + GENTLE_EVERY_SECONDS
            return 0 if is_early else min(1, max(0, self.waiting_count - self.starting_count))
        if fastest is None or fastest <= FAST_START_SECONDS:
            began = [*self._asked, *(one.since for one in self._starting.values())]
            taking = now - min(began) if began else 0.0
            doublings = min(int(taking / FAST_START_SECONDS), 16 if fastest is None else 1)
            limit = min(limit, FAST_STARTS_AT_ONCE * 2**doublings)
        return max(0, min(self.waiting_count, limit) - self.starting_count)

    def pod_asked(self, now: float) -> None:
        """An extra pod is being asked for; ``pod_answered`` follows."""
        self._asked.append(now)
        self._last_asked = now

    def pod_answered(self, uid: str | None) -> None:
        """The pod that was asked for exists, or does not."""
        since = self._asked.popleft()
        known = uid in self._generic or uid in self._taken or uid in self._gone_early
        if uid is not None and not known:
            self._starting.setdefault(uid, _Starting(self.runtime_hash, since))
        if not self._asked:
            self._gone_early.clear()

    def pod_ready(self, pod: GenericPod) -> None:
        """The informer shows a ready generic pod; repeating it changes nothing."""
        self._starting.pop(pod.uid, None)
        if pod.uid in self._taken:
            return
        if pod.extra and pod.start_seconds is not None and pod.uid not in self._generic:
            known = self._fastest_seconds
            took = pod.start_seconds
            self._fastest_seconds = took if known is None else min(took, known)
        self._generic[pod.uid] = pod

    def pod_unready(self, uid: str, runtime_hash: str = "", now: float = 0.0) -> None:
        """The pod is not ready (any more); it may come back."""
        self._generic.pop(uid, None)
        if uid not in self._taken:
            known = self._starting.get(uid)
            self._starting[uid] = _Starting(runtime_hash, known.since if known else now)

    def pod_gone(self, uid: str) -> None:
        """The pod is deleted or has left the pool for good."""
        self._generic.pop(uid, None)
        self._starting.pop(uid, None)
        self._taken.discard(uid)
        if self._asked:
            self._gone_early.add(uid)

    def surplus(self, size: int) -> list[str]:
        """UIDs of the extra pods that a pool of this size does not need; old ones first."""
        if self._waiting:
            return []
        present = [one for one in self._generic.values() if self._is_present(one.runtime_hash)]
        old = [one.uid for one in self._generic.values() if one not in present and one.extra]
        extra = [one.uid for one in present if one.extra]
        return old + extra[: max(0, len(present) - size)]

    def retire(self, uid: str) -> bool:
        """Take a pod, ready or not, to have it deleted; False when somebody was faster."""
        ready, starting = self._generic.pop(uid, None), self._starting.pop(uid, None)
        if ready is None and starting is None:
            return False
        self._taken.add(uid)
        return True

    def put_back(self, pod: GenericPod) -> None:
        """A pod that was given out was not touched: offer it again."""
        self._taken.discard(pod.uid)
        self._generic[pod.uid] = pod

    def request(
        self, ticket: int, function_uid: str, *, further: bool = False, ahead: bool = False
    ) -> None:
        """Stand in line for a pod; ``further``: the function has some already, or will have;
        ``ahead``: no request waits for it."""
        line = _Line(function_uid, ahead)
        self._waiting.setdefault(line, collections.deque()).append(_Place(ticket, further))

    def hurry(self, function_uid: str) -> bool:
        """What the function stands in line for ahead of requests is asked for now; whether it
        did."""
        places = self._waiting.pop(_Line(function_uid, ahead=True), None)
        if places is None:
            return False
        line = _Line(function_uid, ahead=False)
        self._waiting.setdefault(line, collections.deque()).extend(places)
        return True

    def cancel(self, ticket: int) -> None:
        """Leave the line; nothing happens when the ticket has been served."""
        for line, places in self._waiting.items():
            for place in places:
                if place.ticket == ticket:
                    places.remove(place)
                    if not places:
                        del self._waiting[line]
                    return

    def assignments(self) -> list[tuple[int, GenericPod]]:
        """Give pods to those in line, as far as they go."""
        given = []
        while self._waiting:
            pod = self._best()
            line = self._next()
            if pod is None or line is None:
                break
            places = self._waiting[line]
            given.append((places.popleft().ticket, pod))
            self._waiting.move_to_end(line)
            if not places:
                del self._waiting[line]
            if not self.shared:
                del self._generic[pod.uid]
                self._taken.add(pod.uid)
        return given

    def _next(self) -> _Line | None:
        """Whose turn it is; where only the reserve is left, among those that may have it."""
        ready = sum(self._is_present(one.runtime_hash) for one in self._generic.values())
        is_asked_for = any(not line.ahead for line in self._waiting)
        for line, places in self._waiting.items():
            if line.ahead and is_asked_for:
                continue
            if self.shared or ready > self.reserve or not places[0].further:
                return line
        return None

    def look(self) -> GenericPod | None:
        """The pod that would be given out next; it stays where it is."""
        return self._best()

    def _best(self) -> GenericPod | None:
        """The longest ready pod of the present runtime; one of an older is about to go."""
        for pod in self._generic.values():
            if self._is_present(pod.runtime_hash):
                return pod
        return None

    def _is_present(self, runtime_hash: str) -> bool:
        return not self.runtime_hash or runtime_hash == self.runtime_hash
