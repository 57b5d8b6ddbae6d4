"""The pods of one function as this router sees them: who is ready, how busy, who waits. Pure.

Time comes in as an argument (seconds of a monotonic clock). States of an endpoint:

| State       | Became so because         | Takes requests | Ends                              |
|-------------|---------------------------|----------------|-----------------------------------|
| provisional | the executor named it     | yes            | seen, refused, or time is over    |
| seen        | an EndpointSlice shows it | yes            | shown no more, or refused         |
| resting     | it refused, or is busy    | no             | time is over                      |
| gone        | see above                 | no             | what runs on it finishes          |

Among endpoints below the limit the least loaded one is taken. Of equals it is the first in a pool:
load gathers on few pods, so the others become idle and go. Where there is no limit (a Service with
pods that scale by load) equals take turns. Requests without a slot wait in order of arrival; a
freed slot goes to the first of them. What is asked of the executor for them is decided in `demand`.
"""

from __future__ import annotations

import collections
import dataclasses
import enum
import math
from typing import TYPE_CHECKING, Final, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

Address = tuple[str, int]

SMOOTHING: Final = 0.1
"""Weight of the newest sample in moving averages: ten or so requests make an impression."""

FIRST_COLD_START_SECONDS: Final = 0.1
"""Assumed time to get a pod before one was timed."""

POOLED: Final = "poolmgr"
_NOBODY: Final[frozenset[Endpoint]] = frozenset()
_EMPTY: Final[collections.OrderedDict[Waiter, None]] = collections.OrderedDict()
"""Shared by all functions for which nobody ever waited: ten thousand idle ones cost nothing."""


class State(enum.Enum):
    """See the module's table."""

    PROVISIONAL = "provisional"
    SEEN = "seen"
    RESTING = "resting"
    GONE = "gone"


class Endpoint:
    """One address and its load."""

    __slots__ = (
        "address",
        "dial_failures",
        "in_flight",
        "owner",
        "provisional_until",
        "refused",
        "resting_until",
        "state",
        "untaps_owed",
        "used",
    )

    def __init__(self, owner: Slots, address: Address, state: State) -> None:
        self.owner = owner
        self.address = address
        self.state = state
        self.in_flight = 0
        self.used = False
        """Took a request since the last report."""
        self.untaps_owed = 0
        """Answers of the executor that counted a request on this address."""
        self.dial_failures = 0
        self.refused = False
        """Rests because nobody listened, not because it was busy."""
        self.provisional_until = math.inf
        self.resting_until = 0.0

    def __repr__(self) -> str:
        host, port = self.address
        return f"<Endpoint {host}:{port} {self.state.value} in_flight={self.in_flight}>"


class Waiter(Protocol):
    """Somebody who waits for a slot."""

    since: float
    """When it came."""

    def offer(self, endpoint: Endpoint) -> bool:
        """Take the slot, whose count is already raised; False when no longer interested."""
        ...


@dataclasses.dataclass(frozen=True)
class Bounds:
    """How long things hold."""

    provisional_seconds: float = 60.0
    quarantine_seconds: float = 30.0
    dial_failures: int = 5


class Slots:
    """Endpoints and waiters of one function: a generation's in a pool, an executor type's else."""

    __slots__ = (
        "_all",
        "_bounds",
        "_leaving",
        "_ready",
        "_resting",
        "_turn",
        "ask_not_before",
        "asking",
        "cold_start_seconds",
        "executor_type",
        "full",
        "full_until",
        "generation",
        "limit",
        "line_since",
        "previous",
        "service_seconds",
        "waiting",
    )

    def __init__(
        self, limit: float, bounds: Bounds, executor_type: str = POOLED, generation: int = 0
    ) -> None:
        self.limit = limit
        """Most requests on one endpoint; infinite where pods scale by load."""
        self.executor_type = executor_type
        self.generation = generation
        self._bounds = bounds
        self._all: dict[Address, Endpoint] = {}
        self._ready: list[Endpoint] = []
        self._resting: list[Endpoint] = []
        self._leaving: set[Endpoint] | frozenset[Endpoint] = _NOBODY
        self._turn = 0
        self.waiting: collections.OrderedDict[Waiter, None] = _EMPTY
        """In order of arrival; `join` and `leave` change it."""
        self.line_since = 0.0
        """Since when there was somebody in line at every moment; moved on when a pod is had."""
        self.previous: Slots | None = None
        """Pods of the executor type before this one, which serve until there are others."""
        self.asking = 0
        """Calls to the executor under way."""
        self.ask_not_before = 0.0
        """Until then asking is known to be of no use."""
        self.full = False
        """The executor's last word was that there may be no more pods."""
        self.full_until = 0.0
        """Until then it is believed."""
        self.service_seconds = 0.0
        """Moving average of how long a request holds its slot."""
        self.cold_start_seconds = FIRST_COLD_START_SECONDS
        """Moving average of how long the executor takes."""

    # Slots

    def try_acquire(self, now: float) -> Endpoint | None:
        """Take a slot, if one is free and nobody waits for it already."""
        if self._resting:
            self._end_rests(now)
        if self.waiting:
            return None
        return self._take()

    def release(self, endpoint: Endpoint, held_seconds: float | None, now: float) -> None:
        """Give a slot back after so long; None when nothing ran on it."""
        endpoint.in_flight -= 1
        if held_seconds is not None:
            known = self.service_seconds
            self.service_seconds += (SMOOTHING if known else 1.0) * (held_seconds - known)
        if self._leaving and not endpoint.in_flight and isinstance(self._leaving, set):
            self._leaving.discard(endpoint)
        if self.waiting:
            self.wake(now)

    def lend(self, address: Address) -> Endpoint:
        """A slot on an address that the executor gave to one request alone."""
        endpoint = Endpoint(self, address, State.GONE)
        endpoint.in_flight = 1
        endpoint.untaps_owed = 1
        self._leave(endpoint)
        return endpoint

    def join(self, waiter: Waiter, *, first: bool = False) -> None:
        """Get in line; at its head again who had a slot that was none."""
        if not self.waiting:
            self.line_since = waiter.since
            if self.waiting is _EMPTY:
                self.waiting = collections.OrderedDict()
        self.waiting[waiter] = None
        if first:
            self.waiting.move_to_end(waiter, last=False)

    def leave(self, waiter: Waiter) -> None:
        """Get out of line, served or not."""
        self.waiting.pop(waiter, None)

    def wake(self, now: float) -> None:
        """Give free slots to those who wait."""
        if self._resting:
            self._end_rests(now)
        while self.waiting:
            endpoint = self._take()
            if endpoint is None:
                return
            waiter, _ = self.waiting.popitem(last=False)
            if not waiter.offer(endpoint):
                endpoint.in_flight -= 1

    def _take(self) -> Endpoint | None:
        best = None
        least = self.limit
        if least == math.inf:
            best = self._in_turn()
        else:
            for endpoint in self._ready:
                load = endpoint.in_flight
                if load < least:
                    best, least = endpoint, load
                    if load == 0:
                        break
        if best is not None:
            best.in_flight += 1
            best.used = True
        return best

    def _in_turn(self) -> Endpoint | None:
        ready = self._ready
        count = len(ready)
        best = None
        least = math.inf
        turn = self._turn
        for step in range(turn, turn + count):
            endpoint = ready[step % count]
            if endpoint.in_flight < least:
                best, least = endpoint, endpoint.in_flight
                self._turn = (step + 1) % count
                if not least:
                    break
        return best

    # Endpoints

    @property
    def ready(self) -> list[Endpoint]:
        """Endpoints that take requests."""
        return list(self._ready)

    @property
    def ready_count(self) -> int:
        """How many endpoints take requests."""
        return len(self._ready)

    @property
    def serving_count(self) -> int:
        """Endpoints that take requests, or will when they are less busy."""
        return len(self._ready) + sum(not each.refused for each in self._resting)

    @property
    def known(self) -> list[Endpoint]:
        """Endpoints of any state but gone."""
        return list(self._all.values())

    @property
    def in_use(self) -> Iterator[Endpoint]:
        """Endpoints with a request under way or since the last report, gone ones among them."""
        for endpoint in self._all.values():
            if endpoint.used or endpoint.in_flight:
                yield endpoint
        yield from self._leaving

    @property
    def is_idle(self) -> bool:
        """Whether nothing runs, nobody waits and nothing was asked for."""
        return not (self.waiting or self.asking or self._leaving) and not any(
            endpoint.in_flight for endpoint in self._all.values()
        )

    def provide(self, address: Address, now: float) -> Endpoint:
        """The executor named an address, so it is good: even one that was left alone."""
        endpoint = self._all.get(address)
        if endpoint is None:
            endpoint = Endpoint(self, address, State.PROVISIONAL)
            self._add(endpoint)
        elif endpoint.state is State.RESTING:
            self._return(endpoint)
        if endpoint.state is State.PROVISIONAL:
            endpoint.provisional_until = now + self._bounds.provisional_seconds
        return endpoint

    def show(self, addresses: Iterable[Address], now: float) -> None:
        """What the EndpointSlices show is all there is, but for what they have yet to show.

        A Service's own name stands in for its pods only until there is one of them.
        """
        shown = set(addresses)
        for address, endpoint in list(self._all.items()):
            if address in shown:
                endpoint.provisional_until = math.inf
                if endpoint.state is State.PROVISIONAL:
                    endpoint.state = State.SEEN
            elif endpoint.provisional_until == math.inf or (shown and is_name(address)):
                self._drop(endpoint)
        for address in sorted(shown - self._all.keys()):
            self._add(Endpoint(self, address, State.SEEN))
            self.ask_not_before = 0.0
        self.wake(now)

    def refused(self, endpoint: Endpoint, now: float) -> None:
        """Nobody listens there: out at once. One that a slice shows may come back later."""
        if endpoint.provisional_until == math.inf:
            endpoint.refused = True
            self._rest(endpoint, now + self._bounds.quarantine_seconds)
        else:
            self._drop(endpoint)

    def refused_at(self, address: Address, now: float) -> None:
        """Nobody listens at an address, as was found out on the side."""
        endpoint = self._all.get(address)
        if endpoint is not None:
            self.refused(endpoint, now)

    def dial_failed(self, endpoint: Endpoint, now: float) -> None:
        """It could not be reached in time; too often in a row counts as refused."""
        endpoint.dial_failures += 1
        if endpoint.dial_failures >= self._bounds.dial_failures:
            endpoint.dial_failures = 0
            self.refused(endpoint, now)

    def busy(self, endpoint: Endpoint, until: float) -> None:
        """The pod itself says that it is full: somebody else's requests run there."""
        self._rest(endpoint, until)

    def rested(self) -> None:
        """The executor says that pods are ready, so those that are shown are tried again."""
        for endpoint in list(self._resting):
            self._return(endpoint)

    def sweep(self, now: float) -> None:
        """Drop addresses that no slice came to show."""
        for endpoint in list(self._all.values()):
            if endpoint.provisional_until < now and not endpoint.in_flight:
                self._drop(endpoint)
        if self._resting:
            self._end_rests(now)

    # Internals

    def _add(self, endpoint: Endpoint) -> None:
        self._all[endpoint.address] = endpoint
        self._ready.append(endpoint)
        self.previous = None

    def _drop(self, endpoint: Endpoint) -> None:
        if self._all.get(endpoint.address) is endpoint:
            del self._all[endpoint.address]
        if endpoint in self._ready:
            self._ready.remove(endpoint)
        if endpoint in self._resting:
            self._resting.remove(endpoint)
        endpoint.state = State.GONE
        if endpoint.in_flight:
            self._leave(endpoint)

    def _leave(self, endpoint: Endpoint) -> None:
        if not isinstance(self._leaving, set):
            self._leaving = set()
        self._leaving.add(endpoint)

    def _rest(self, endpoint: Endpoint, until: float) -> None:
        if endpoint.state is State.GONE:
            return
        if endpoint in self._ready:
            self._ready.remove(endpoint)
            self._resting.append(endpoint)
        endpoint.state = State.RESTING
        endpoint.resting_until = max(endpoint.resting_until, until)

    def _return(self, endpoint: Endpoint) -> None:
        self._resting.remove(endpoint)
        self._ready.append(endpoint)
        endpoint.resting_until = 0.0
        endpoint.refused = False
        seen = endpoint.provisional_until == math.inf
        endpoint.state = State.SEEN if seen else State.PROVISIONAL

    def _end_rests(self, now: float) -> None:
        for endpoint in [item for item in self._resting if item.resting_until <= now]:
            self._return(endpoint)


def is_name(address: Address) -> bool:
    """Whether an address is a Service's name and not a pod's IP address."""
    host = address[0]
    return not host[:1].isdecimal() and ":" not in host
