"""Settings of kubewatcher, read from the environment; Fission's names where it has them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from fission.base import settings
from fission.kube import tenancy


@dataclass(frozen=True)
class Config(tenancy.Tenancy):
    """What kubewatcher may be told."""

    router_url: str = settings.setting("FISSION_ROUTER_INTERNAL_URL", "")
    """The router's internal listener; empty: found through the API."""
    account: str = settings.setting("KUBEWATCHER_ACCOUNT", "fission:fission-kubewatcher")
    """``namespace:name`` of its ServiceAccount, to name it where a right is missing."""
    attempts: int = settings.setting("KUBEWATCHER_ATTEMPTS", 6)
    """How often an event is sent to a function that fails, or that the platform cannot start,
    before it is counted failed and the next one has its turn: half a minute with the pauses."""
    timeout_seconds: float = settings.setting("KUBEWATCHER_TIMEOUT", 3600.0)
    """Longest wait for one answer; a function's own timeout is far shorter."""
    journal_interval_seconds: float = settings.setting("KUBEWATCHER_JOURNAL_INTERVAL", 1.0)
    """Shortest time between two writes of a trigger's journal. What was handed over since the last
    one is handed over again after a crash."""
    retry_seconds: float = settings.setting("KUBEWATCHER_RETRY_INTERVAL", 30.0)
    """How often a watch that was refused (no such kind, no right) is tried again."""
    leader_election: bool = settings.setting("LEADER_ELECTION_ENABLED", False)
    """Whether several kubewatchers agree on one that works; one replica needs none."""


def from_env(env: Mapping[str, str]) -> Config:
    """Read and check the settings; raises SettingsError naming the variable."""
    config = settings.load(Config, env)
    settings.check_least(
        ("KUBEWATCHER_ATTEMPTS", config.attempts, 1),
        ("KUBEWATCHER_TIMEOUT", config.timeout_seconds, 0.1),
        ("KUBEWATCHER_JOURNAL_INTERVAL", config.journal_interval_seconds, 0.01),
        ("KUBEWATCHER_RETRY_INTERVAL", config.retry_seconds, 0.01),
    )
    return config
