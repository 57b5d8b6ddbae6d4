"""The pods of one function as this router sees them: who is ready, how busy, who waits. Pure.

Time comes in as an argument (seconds of a monotonic clock). States of an endpoint:

| State       | Became so because         | Takes requests | Ends                              |
|-------------|---------------------------|----------------|-----------------------------------|
| provisional | the executor named it     | yes            | seen, refused, or time is over    |
| seen        | an EndpointSlice shows it | yes            | shown no more, or refused         |
| resting     | it refused, or is busy    | no             | time is over                      |
| gone        | see above                 | no             | what runs on it finishes          |

Among endpoints below the limit the least loaded one is taken, of equals the first: load gathers on
few pods, so the others become idle and go. Requests without a slot wait in order of arrival; a
freed slot goes to the first of them.
"""

from __future__ import annotations

import collections
import dataclasses
import enum
import math
from typing import TYPE_CHECKING, Final, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable

Address = tuple[str, int]

SMOOTHING: Final = 0.1
"""Weight of the newest sample in moving averages: ten or so requests make an impression."""

FIRST_COLD_START_SECONDS: Final = 0.1
"""Assumed time to get a pod before one was timed."""


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
        self.provisional_until = math.inf
        self.resting_until = 0.0

    def __repr__(self) -> str:
        host, port = self.address
        return f"<Endpoint {host}:{port} {self.state.value} in_flight={self.in_flight}>"


class Waiter(Protocol):
    """Somebody who waits for a slot."""

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
    """Endpoints and waiters of one function at one generation."""

    __slots__ = (
        "_all",
        "_bounds",
        "_ready",
        "_resting",
        "ask_not_before",
        "asking",
        "cold_start_seconds",
        "full_until",
        "limit",
        "service_seconds",
        "waiting",
    )

    def __init__(self, limit: float, bounds: Bounds) -> None:
        self.limit = limit
        """Most requests on one endpoint."""
        self._bounds = bounds
        self._all: dict[Address, Endpoint] = {}
        self._ready: list[Endpoint] = []
        self._resting: list[Endpoint] = []
        self.waiting: collections.deque[Waiter] = collections.deque()
        self.asking = 0
        """Calls to the executor under way."""
        self.ask_not_before = 0.0
        """Until then asking is known to be of no use."""
        self.full_until = 0.0
        """Until then the executor is known to give no more pods."""
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
            self.service_seconds += SMOOTHING * (held_seconds - self.service_seconds)
        if self.waiting:
            self.wake(now)

    def wake(self, now: float) -> None:
        """Give free slots to those who wait."""
        if self._resting:
            self._end_rests(now)
        while self.waiting:
            endpoint = self._take()
            if endpoint is None:
                return
            waiter = self.waiting.popleft()
            if not waiter.offer(endpoint):
                endpoint.in_flight -= 1

    def _take(self) -> Endpoint | None:
        best = None
        least = self.limit
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

    # Endpoints

    @property
    def ready(self) -> list[Endpoint]:
        """Endpoints that take requests."""
        return list(self._ready)

    @property
    def known(self) -> list[Endpoint]:
        """Endpoints of any state but gone."""
        return list(self._all.values())

    def provide(self, address: Address, now: float) -> Endpoint:
        """The executor named an address, so it is good: even one that was left alone."""
        endpoint = self._all.get(address)
        if endpoint is None:
            endpoint = Endpoint(self, address, State.PROVISIONAL)
            self._all[address] = endpoint
            self._ready.append(endpoint)
        elif endpoint.state is State.RESTING:
            self._return(endpoint)
        if endpoint.state is State.PROVISIONAL:
            endpoint.provisional_until = now + self._bounds.provisional_seconds
        return endpoint

    def show(self, addresses: Iterable[Address], now: float) -> None:
        """What the EndpointSlices show is all there is, but for what they have yet to show."""
        shown = set(addresses)
        for address, endpoint in list(self._all.items()):
            if address in shown:
                endpoint.provisional_until = math.inf
                if endpoint.state is State.PROVISIONAL:
                    endpoint.state = State.SEEN
            elif endpoint.provisional_until == math.inf:
                self._drop(endpoint)
        for address in sorted(shown - self._all.keys()):
            self._all[address] = endpoint = Endpoint(self, address, State.SEEN)
            self._ready.append(endpoint)
        self.wake(now)

    def refused(self, endpoint: Endpoint, now: float) -> None:
        """Nobody listens there: out at once. One that a slice shows may come back later."""
        if endpoint.provisional_until == math.inf:
            self._rest(endpoint, now + self._bounds.quarantine_seconds)
        else:
            self._drop(endpoint)

    def dial_failed(self, endpoint: Endpoint, now: float) -> None:
        """It could not be reached in time; too often in a row counts as refused."""
        endpoint.dial_failures += 1
        if endpoint.dial_failures >= self._bounds.dial_failures:
            endpoint.dial_failures = 0
            self.refused(endpoint, now)

    def busy(self, endpoint: Endpoint, until: float) -> None:
        """The pod itself says that it is full: somebody else's requests run there."""
        self._rest(endpoint, until)

    def sweep(self, now: float) -> None:
        """Drop addresses that no slice came to show."""
        for endpoint in list(self._all.values()):
            if endpoint.provisional_until < now and not endpoint.in_flight:
                self._drop(endpoint)
        if self._resting:
            self._end_rests(now)

    # Decisions

    def expected_wait_seconds(self) -> float:
        """How long the last in the queue waits for the endpoints that there are."""
        room = len(self._ready) * self.limit
        if not room:
            return math.inf
        return self.service_seconds * len(self.waiting) / room

    def asks_wanted(self, max_asking: int, oldest_wait_seconds: float) -> int:
        """How many more pods the executor should be asked for.

        One for every `limit` requests that wait, but none while those that exist will be free
        sooner than a new one could be there. The estimate is not trusted when the first in the
        queue has waited longer than that already: then what runs is slower than before.
        """
        if not self.waiting or self.asking >= max_asking:
            return 0
        if self._ready and max(self.expected_wait_seconds(), oldest_wait_seconds) < (
            self.cold_start_seconds
        ):
            return 0
        per_pod = min(self.limit, float(len(self.waiting)))
        needed = math.ceil(len(self.waiting) / max(per_pod, 1.0))
        return max(0, min(needed, max_asking) - self.asking)

    def timed_cold_start(self, seconds: float) -> None:
        """An address came from the executor after so long."""
        self.cold_start_seconds += 0.3 * (seconds - self.cold_start_seconds)

    # Internals

    def _drop(self, endpoint: Endpoint) -> None:
        if self._all.get(endpoint.address) is endpoint:
            del self._all[endpoint.address]
        if endpoint in self._ready:
            self._ready.remove(endpoint)
        if endpoint in self._resting:
            self._resting.remove(endpoint)
        endpoint.state = State.GONE

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
        seen = endpoint.provisional_until == math.inf
        endpoint.state = State.SEEN if seen else State.PROVISIONAL

    def _end_rests(self, now: float) -> None:
        for endpoint in [item for item in self._resting if item.resting_until <= now]:
            self._return(endpoint)
