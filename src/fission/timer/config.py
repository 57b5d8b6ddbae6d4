"""Settings of the timer, read from the environment; Fission's names where it has them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from fission.base import settings
from fission.kube import tenancy


@dataclass(frozen=True)
class Config(tenancy.Tenancy):
    """What the timer may be told."""

    router_url: str = settings.setting("FISSION_ROUTER_INTERNAL_URL", "")
    """The router's internal listener; empty: found through the Kubernetes API."""
    missed_grace_seconds: float = settings.setting("TIMER_MISSED_GRACE", 300.0)
    """How late a tick that nobody could fire in time is still fired: longer than an upgrade, a
    reboot or a change of leader takes, shorter than what surprises by its lateness."""
    queue_size: int = settings.setting("TIMER_QUEUE_SIZE", 32)
    """Ticks of one trigger that may wait for the call before them; Fission's figure."""
    concurrent_calls: int = settings.setting("TIMER_CONCURRENT_CALLS", 512)
    """Calls at once, all triggers together; each holds a connection."""
    attempts: int = settings.setting("TIMER_ATTEMPTS", 10)
    """Attempts at a tick that the platform refused before the function saw it; Fission's figure."""
    patience_seconds: float = settings.setting("TIMER_PATIENCE", 600.0)
    """How long a tick waits for a router that is away; ticks behind it wait as well."""
    call_timeout_seconds: float = settings.setting("TIMER_CALL_TIMEOUT", 3600.0)
    """How long a call may take; Fission's figure. A function's own timeout is shorter."""
    claim_lead_seconds: float = settings.setting("TIMER_CLAIM_LEAD", 0.15)
    """How long before its instant a tick is claimed: what a write to the Kubernetes API may take,
    so that it delays no call."""
    claims_per_second: float = settings.setting("TIMER_CLAIMS_PER_SECOND", 200.0)
    """What the Kubernetes API takes; many ticks of one instant are claimed so much earlier."""
    longest_claim_lead_seconds: float = settings.setting("TIMER_LONGEST_CLAIM_LEAD", 10.0)
    """Bound of both: ticks that are claimed when a timer is killed are not fired by the next."""
    shutdown_seconds: float = settings.setting("TIMER_SHUTDOWN_TIMEOUT", 5.0)
    """How long calls that run may go on when the timer is told to end."""
    leader_election: bool = settings.setting("LEADER_ELECTION_ENABLED", False)
    """Whether several timers agree on one that works; one replica needs none."""


def from_env(env: Mapping[str, str]) -> Config:
    """Read and check the settings; raises SettingsError naming the variable."""
    config = settings.load(Config, env)
    settings.check_least(
        ("TIMER_MISSED_GRACE", config.missed_grace_seconds, 0),
        ("TIMER_QUEUE_SIZE", config.queue_size, 1),
        ("TIMER_CONCURRENT_CALLS", config.concurrent_calls, 1),
        ("TIMER_ATTEMPTS", config.attempts, 1),
        ("TIMER_PATIENCE", config.patience_seconds, 0),
        ("TIMER_CALL_TIMEOUT", config.call_timeout_seconds, 1),
        ("TIMER_CLAIM_LEAD", config.claim_lead_seconds, 0),
        ("TIMER_CLAIMS_PER_SECOND", config.claims_per_second, 1),
        ("TIMER_LONGEST_CLAIM_LEAD", config.longest_claim_lead_seconds, 0),
        ("TIMER_SHUTDOWN_TIMEOUT", config.shutdown_seconds, 0),
    )
    return config
