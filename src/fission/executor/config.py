"""Settings of the executor, read from the environment; Fission's names where it has them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from fission.base import errors, settings
from fission.kube import tenancy


@dataclass(frozen=True)
class Config(tenancy.Tenancy):
    """What the executor may be told."""

    function_namespace: str = settings.setting("FISSION_FUNCTION_NAMESPACE", "")
    """Where pods of functions in ``default`` go; empty: beside the function."""
    fetcher_image: str = settings.setting("FETCHER_IMAGE", "ghcr.io/fission/fetcher")
    """Image of the container beside every runtime; should be of the executor's own version."""
    fetcher_image_pull_policy: str = settings.setting("FETCHER_IMAGE_PULL_POLICY", "IfNotPresent")
    """A pull for each pod would be the longest part of a pool's start."""
    runtime_image_pull_policy: str = settings.setting("RUNTIME_IMAGE_PULL_POLICY", "IfNotPresent")
    """The same for runtimes; their tags are expected not to move."""
    fetcher_min_cpu: str = settings.setting("FETCHER_MINCPU", "")
    """CPU request of the fetcher's container, as a Kubernetes quantity; empty: none."""
    fetcher_max_cpu: str = settings.setting("FETCHER_MAXCPU", "")
    """Its CPU limit; empty: none, since a throttled fetcher makes cold starts slow."""
    fetcher_min_mem: str = settings.setting("FETCHER_MINMEM", "")
    """Its memory request, as a Kubernetes quantity; empty: none."""
    fetcher_max_mem: str = settings.setting("FETCHER_MAXMEM", "")
    """Its memory limit; empty: none."""
    pod_ready_timeout_seconds: float = settings.setting("POD_READY_TIMEOUT", 300.0)
    """Seconds that a request waits for a pod of its pool: a large image may have to be pulled."""
    hopeless_seconds: float = settings.setting("EXECUTOR_HOPELESS_POOL_TIMEOUT", 5.0)
    """Seconds that it waits when the pool has no pod at all, or none that can start: nothing is
    gained by waiting longer."""
    reaper_interval_seconds: float = settings.setting("OBJECT_REAPER_INTERVAL", 5.0)
    """Seconds between looks at idle pods; as often as routers report use."""
    poolmgr_reaper_interval_seconds: float = settings.setting("POOLMGR_OBJECT_REAPER_INTERVAL", 0.0)
    """0: as ``OBJECT_REAPER_INTERVAL``."""
    newdeploy_reaper_interval_seconds: float = settings.setting(
        "NEWDEPLOY_OBJECT_REAPER_INTERVAL", 0.0
    )
    """0: as ``OBJECT_REAPER_INTERVAL``."""
    container_reaper_interval_seconds: float = settings.setting(
        "CONTAINER_OBJECT_REAPER_INTERVAL", 0.0
    )
    """0: as ``OBJECT_REAPER_INTERVAL``."""
    specialization_concurrency: int = settings.setting("EXECUTOR_SPECIALIZATION_CONCURRENCY", 16)
    """Functions loaded at once, half of them of one function; a load counts for 0.25 s at most, so
    that slow ones hold up nobody. More at once on few cores slow each other; 0: no bound."""
    max_pending_per_function: int = settings.setting(
        "EXECUTOR_MAX_PENDING_SPECIALIZATIONS_PER_FUNCTION", 20
    )
    """Specializations of one function at once: a burst of one must not empty the pool."""
    max_waiting_per_function: int = settings.setting(
        "EXECUTOR_MAX_WAITING_REQUESTS_PER_FUNCTION", 1000
    )
    """Requests in line for a pod of one function; more get 429."""
    extra_pods: int = settings.setting("EXECUTOR_POOL_EXTRA_PODS", 64)
    """Pods of one environment that may start at once beyond its pool, for requests in line; 0: a
    burst waits for replacements, and a pool of size 0 serves nobody. A pod costs what a process
    costs, so this bounds what one burst can take of a node."""
    extra_pod_idle_seconds: float = settings.setting("EXECUTOR_POOL_EXTRA_IDLE", 10.0)
    """Seconds without a request in line before extra pods go: bursts come in rows."""
    provisioned_max_per_function: int = settings.setting(
        "EXECUTOR_PROVISIONED_MAX_PER_FUNCTION", 20
    )
    """Pods that one function may keep specialized ahead of requests; 0: none does."""
    adopt_existing: bool = settings.setting("ADOPT_EXISTING_RESOURCES", True)
    """Whether pods of an earlier executor are taken over; otherwise they are replaced."""
    enable_function_services: bool = settings.setting("ENABLE_FUNCTION_SERVICES", True)
    """Whether a function with pods gets a headless Service, by which routers see them at once."""
    enable_istio: bool = settings.setting("ENABLE_ISTIO", False)
    """Whether pods are marked for Istio's sidecar."""
    disable_owner_references: bool = settings.setting("DISABLE_OWNER_REFERENCES", False)
    """Whether made objects are left without an owner, for clusters that forbid owners."""
    podspec_patch_file: str = settings.setting(
        "RUNTIME_PODSPEC_PATCH", "/etc/fission/runtime-podspec-patch.yaml"
    )
    """PodSpec merged into every runtime pod, where the file exists."""
    leader_election: bool = settings.setting("LEADER_ELECTION_ENABLED", False)
    """Whether several executors agree on one that works; one replica needs none."""

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
    if config.max_pending_per_function < 1:
        raise errors.SettingsError(
            "EXECUTOR_MAX_PENDING_SPECIALIZATIONS_PER_FUNCTION must be at least 1"
        )
    if config.reap_every_seconds <= 0:
        raise errors.SettingsError("OBJECT_REAPER_INTERVAL must be positive")
    return config
