"""Settings of canary, read from the environment; Fission's names where it has them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from fission.base import errors, settings
from fission.kube import tenancy


@dataclass(frozen=True)
class Config(tenancy.Tenancy):
    """What canary may be told."""

    prometheus_url: str = settings.setting("PROMETHEUS_SERVICE_URL", "")
    """Where Prometheus answers queries, as in ``http://prometheus-server.monitoring``; empty: the
    routers are asked for their counts, which takes no Prometheus."""
    leader_election: bool = settings.setting("LEADER_ELECTION_ENABLED", False)
    """Whether several canaries agree on one that works; one replica needs none."""


def from_env(env: Mapping[str, str]) -> Config:
    """Read and check the settings; raises SettingsError naming the variable."""
    config = settings.load(Config, env)
    if config.prometheus_url and not config.prometheus_url.startswith(("http://", "https://")):
        raise errors.SettingsError(
            f"PROMETHEUS_SERVICE_URL: {config.prometheus_url!r} is no http:// or https:// URL"
        )
    return config
