"""Which build is next: bounded in all, bounded per environment, fair between namespaces. Pure.

A place goes to the namespace with the fewest builds running, within it to the environment with the
fewest, among equals to the one served longest ago, within an environment to whoever came first.
"""

from __future__ import annotations

import collections
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Group:
    """Whose builds wait in one line."""

    namespace: str
    environment: str


class Slots:
    """Waiting and running builds by key."""

    def __init__(self, total: int, per_environment: int) -> None:
        self._total = total
        self._per_environment = per_environment
        self._waiting: dict[Group, collections.OrderedDict[str, None]] = {}
        self._groups: dict[str, Group] = {}
        self._running: dict[str, Group] = {}
        self._served: dict[Group, int] = {}
        self._turn = 0

    @property
    def waiting(self) -> int:
        """Builds in line."""
        return len(self._groups)

    @property
    def running(self) -> int:
        """Builds that hold a place."""
        return len(self._running)

    def offer(self, key: str, group: Group) -> None:
        """Put a build in line, unless it is there or runs."""
        if key in self._groups or key in self._running:
            return
        self._groups[key] = group
        self._waiting.setdefault(group, collections.OrderedDict())[key] = None

    def withdraw(self, key: str) -> None:
        """Take a build out of the line."""
        group = self._groups.pop(key, None)
        if group is not None:
            self._drop(group, key)

    def take(self) -> str | None:
        """The build that runs next; None when there is none or no place."""
        if len(self._running) >= self._total:
            return None
        in_namespace = collections.Counter(group.namespace for group in self._running.values())
        in_group = collections.Counter(self._running.values())
        free = [group for group in self._waiting if in_group[group] < self._per_environment]
        if not free:
            return None
        group = min(
            free,
            key=lambda one: (
                in_namespace[one.namespace],
                in_group[one],
                self._served.get(one, 0),
            ),
        )
        key = next(iter(self._waiting[group]))
        del self._groups[key]
        self._drop(group, key)
        self._turn += 1
        self._served[group] = self._turn
        self._running[key] = group
        return key

    def release(self, key: str) -> None:
        """A build has ended."""
        group = self._running.pop(key, None)
        if group is None:
            return
        if group not in self._waiting and group not in self._running.values():
            self._served.pop(group, None)  # bounded by what waits and runs

    def _drop(self, group: Group, key: str) -> None:
        line = self._waiting[group]
        line.pop(key, None)
        if not line:
            del self._waiting[group]
