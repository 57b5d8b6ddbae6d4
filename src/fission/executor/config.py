"""Settings of the executor, read from the environment; Fission's names where it has them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from fission.base import errors, settings


@dataclass(frozen=True)
class Config:
    """What the executor may be told."""

    namespace: str = settings.setting("POD_NAMESPACE", "fission")
    """Where the platform is installed."""
    default_namespace: str = settings.setting("FISSION_DEFAULT_NAMESPACE", "default")
    resource_namespaces: tuple[str, ...] = settings.setting("FISSION_RESOURCE_NAMESPACES", ())
    function_namespace: str = settings.setting("FISSION_FUNCTION_NAMESPACE", "")
    """Where pods of functions in ``default`` go; empty: beside the function."""
    tenancy_mode: str = settings.setting("FISSION_TENANCY_MODE", "static")
    fetcher_image: str = settings.setting("FETCHER_IMAGE", "ghcr.io/fission/fetcher")
    fetcher_image_pull_policy: str = settings.setting("FETCHER_IMAGE_PULL_POLICY", "IfNotPresent")
    runtime_image_pull_policy: str = settings.setting("RUNTIME_IMAGE_PULL_POLICY", "IfNotPresent")
    fetcher_min_cpu: str = settings.setting("FETCHER_MINCPU", "")
    fetcher_max_cpu: str = settings.setting("FETCHER_MAXCPU", "")
    fetcher_min_mem: str = settings.setting("FETCHER_MINMEM", "")
    fetcher_max_mem: str = settings.setting("FETCHER_MAXMEM", "")
    pod_ready_timeout_seconds: float = settings.setting("POD_READY_TIMEOUT", 300.0)
    """How long a request waits for a pod of its pool."""
    hopeless_seconds: float = settings.setting("EXECUTOR_HOPELESS_POOL_TIMEOUT", 5.0)
    """How long it waits when the pool has no pod at all, or none that can start."""
    reaper_interval_seconds: float = settings.setting("OBJECT_REAPER_INTERVAL", 5.0)
    poolmgr_reaper_interval_seconds: float = settings.setting("POOLMGR_OBJECT_REAPER_INTERVAL", 0.0)
    """0: as ``OBJECT_REAPER_INTERVAL``."""
    specialization_concurrency: int = settings.setting("EXECUTOR_SPECIALIZATION_CONCURRENCY", 0)
    """Specializations at once, all functions together; 0 is no bound."""
    max_pending_per_function: int = settings.setting(
        "EXECUTOR_MAX_PENDING_SPECIALIZATIONS_PER_FUNCTION", 20
    )
    max_waiting_per_function: int = settings.setting(
        "EXECUTOR_MAX_WAITING_REQUESTS_PER_FUNCTION", 1000
    )
    """Requests in line for a pod of one function; more get 429."""
    adopt_existing: bool = settings.setting("ADOPT_EXISTING_RESOURCES", True)
    enable_function_services: bool = settings.setting("ENABLE_FUNCTION_SERVICES", True)
    enable_istio: bool = settings.setting("ENABLE_ISTIO", False)
    disable_owner_references: bool = settings.setting("DISABLE_OWNER_REFERENCES", False)
    podspec_patch_file: str = settings.setting(
        "RUNTIME_PODSPEC_PATCH", "/etc/fission/runtime-podspec-patch.yaml"
    )
    """PodSpec merged into every runtime pod, where the file exists."""
    leader_election: bool = settings.setting("LEADER_ELECTION_ENABLED", False)

    @property
    def watched_namespace(self) -> str | None:
        """The one namespace that is watched; None for all."""
        if self.tenancy_mode == "cluster" or self.resource_namespaces:
            return None
        return self.default_namespace

    def function_namespace_of(self, namespace: str) -> str:
        """Where the pods of a namespace's functions go."""
        if namespace == "default" and self.function_namespace:
            return self.function_namespace
        return namespace

    @property
    def reap_every_seconds(self) -> float:
        return self.poolmgr_reaper_interval_seconds or self.reaper_interval_seconds


def from_env(env: Mapping[str, str]) -> Config:
    """Read and check the settings; raises SettingsError naming the variable."""
    config = settings.load(Config, env)
    if config.tenancy_mode not in ("static", "dynamic", "cluster"):
        raise errors.SettingsError(
            f"FISSION_TENANCY_MODE: {config.tenancy_mode!r} is none of static, dynamic, cluster"
        )
    if config.max_pending_per_function < 1:
        raise errors.SettingsError(
            "EXECUTOR_MAX_PENDING_SPECIALIZATIONS_PER_FUNCTION must be at least 1"
        )
    if config.reap_every_seconds <= 0:
        raise errors.SettingsError("OBJECT_REAPER_INTERVAL must be positive")
    return config
