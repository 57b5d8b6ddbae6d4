"""How long each package has waited for its builder. Pure: the time is an argument."""

from __future__ import annotations

import dataclasses

from fission.buildermgr import builders


@dataclasses.dataclass
class _Wait:
    since: float
    builder: str = ""
    hopeless_since: float | None = None
    """When the builder first said that it cannot start."""


class Waits:
    """Waits by key of the package. Another builder is another wait."""

    def __init__(self) -> None:
        self._waits: dict[str, _Wait] = {}

    def observe(self, key: str, builder: builders.State | None, now: float) -> tuple[float, float]:
        """Seconds without a ready builder, and seconds since it first seemed hopeless.

        A start that is tried again now and then does not make a builder hopeful.
        """
        if not isinstance(builder, builders.Waiting):
            self.forget(key)
            return 0.0, 0.0
        wait = self._waits.get(key)
        if wait is None or (builder.name and wait.builder not in ("", builder.name)):
            wait = self._waits[key] = _Wait(now)
        wait.builder = builder.name or wait.builder
        if builder.hopeless and wait.hopeless_since is None:
            wait.hopeless_since = now
        hopeless_since = now if wait.hopeless_since is None else wait.hopeless_since
        return now - wait.since, now - hopeless_since

    def forget(self, key: str) -> None:
        """The package waits no longer."""
        self._waits.pop(key, None)
