"""One environment's pool: generic pods on one side, requests for one on the other. Pure.

States of a pod, and who moves it on:

==========  ===================================================  =====================
generic     ready, nobody has it                                 ``pod_ready``
taken       given to a request; never offered again              ``assignments``
(gone)      deleted, or no longer of the pool                    ``pod_gone``
==========  ===================================================  =====================

A pod that was taken stays taken whatever the informer says later: its labels are written behind
the answer, so for a moment the API still calls it generic. Requests of one function are served in
order; functions take turns, so that a burst of one cannot starve another. A pool of an
environment that allows any number of functions in a pod gives the same pod out again and again.
"""

from __future__ import annotations

import collections
from dataclasses import dataclass


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


class Pool:
    """The pods of one environment that nobody has claimed, and who wants one."""

    def __init__(self, *, shared: bool = False) -> None:
        self._shared = shared
        self._generic: dict[str, GenericPod] = {}
        self._taken: set[str] = set()
        self._waiting: collections.OrderedDict[str, collections.deque[int]] = (
            collections.OrderedDict()
        )
        self.runtime_hash = ""
        """The hash of the environment's runtime as it is; only pods that have it are given out."""

    @property
    def generic_count(self) -> int:
        return len(self._generic)

    @property
    def waiting_count(self) -> int:
        return sum(len(tickets) for tickets in self._waiting.values())

    def pod_ready(self, pod: GenericPod) -> None:
        """The informer shows a ready generic pod; repeating it changes nothing."""
        if pod.uid not in self._taken:
            self._generic[pod.uid] = pod

    def pod_unready(self, uid: str) -> None:
        """The pod is not ready (any more); it may come back."""
        self._generic.pop(uid, None)

    def pod_gone(self, uid: str) -> None:
        """The pod is deleted or has left the pool for good."""
        self._generic.pop(uid, None)
        self._taken.discard(uid)

    def put_back(self, pod: GenericPod) -> None:
        """A pod that was given out was not touched: offer it again."""
        self._taken.discard(pod.uid)
        self._generic[pod.uid] = pod

    def request(self, ticket: int, function_uid: str) -> None:
        """Stand in line for a pod."""
        self._waiting.setdefault(function_uid, collections.deque()).append(ticket)

    def cancel(self, ticket: int) -> None:
        """Leave the line; nothing happens when the ticket has been served."""
        for function_uid, tickets in self._waiting.items():
            if ticket in tickets:
                tickets.remove(ticket)
                if not tickets:
                    del self._waiting[function_uid]
                return

    def assignments(self) -> list[tuple[int, GenericPod]]:
        """Give pods to those in line, as far as they go."""
        given = []
        while self._waiting:
            pod = self._best()
            if pod is None:
                break
            function_uid, tickets = next(iter(self._waiting.items()))
            given.append((tickets.popleft(), pod))
            self._waiting.move_to_end(function_uid)
            if not tickets:
                del self._waiting[function_uid]
            if not self._shared:
                del self._generic[pod.uid]
                self._taken.add(pod.uid)
        return given

    def look(self) -> GenericPod | None:
        """The pod that would be given out next; it stays where it is."""
        return self._best()

    def _best(self) -> GenericPod | None:
        """The longest ready pod of the present runtime; one of an older is about to go."""
        for pod in self._generic.values():
            if not self.runtime_hash or pod.runtime_hash == self.runtime_hash:
                return pod
        return None
