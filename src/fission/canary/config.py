"""Settings of canary, read from the environment; Fission's names where it has them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from fission.base import errors, settings


@dataclass(frozen=True)
class Config:
    """What canary may be told."""

    namespace: str = settings.setting("POD_NAMESPACE", "fission")
    """Where the platform is installed, its routers among it."""
    default_namespace: str = settings.setting("FISSION_DEFAULT_NAMESPACE", "default")
    """The first namespace with triggers; Kubernetes' own default."""
    resource_namespaces: tuple[str, ...] = settings.setting("FISSION_RESOURCE_NAMESPACES", ())
    """Further namespaces with triggers; with any, every namespace is watched."""
    tenancy_mode: str = settings.setting("FISSION_TENANCY_MODE", "static")
    """``cluster``: every namespace; ``static`` and ``dynamic``: those named above."""
    prometheus_url: str = settings.setting("PROMETHEUS_SERVICE_URL", "")
    """Where Prometheus answers queries, as in ``http://prometheus-server.monitoring``; empty: the
    routers are asked for their counts, which takes no Prometheus."""
    leader_election: bool = settings.setting("LEADER_ELECTION_ENABLED", False)
    """Whether several canaries agree on one that works; one replica needs none."""

    @property
    def watched_namespace(self) -> str | None:
        """The one namespace that is watched; None for all."""
        if self.tenancy_mode == "cluster" or self.resource_namespaces:
            return None
        return self.default_namespace


def from_env(env: Mapping[str, str]) -> Config:
    """Read and check the settings; raises SettingsError naming the variable."""
    config = settings.load(Config, env)
    if config.tenancy_mode not in ("static", "dynamic", "cluster"):
        raise errors.SettingsError(
            f"FISSION_TENANCY_MODE: {config.tenancy_mode!r} is none of static, dynamic, cluster"
        )
    if config.prometheus_url and not config.prometheus_url.startswith(("http://", "https://")):
        raise errors.SettingsError(
            f"PROMETHEUS_SERVICE_URL: {config.prometheus_url!r} is no http:// or https:// URL"
        )
    return config
