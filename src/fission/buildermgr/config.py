"""Settings of buildermgr, read from the environment; Fission's names where it has them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from fission.base import settings
from fission.kube import tenancy


@dataclass(frozen=True)
class Config(tenancy.Tenancy):
    """What buildermgr may be told."""

    builder_namespace: str = settings.setting("FISSION_BUILDER_NAMESPACE", "")
    """Where builders of environments in ``default`` go; empty: beside the environment."""
    fetcher_image: str = settings.setting("FETCHER_IMAGE", "ghcr.io/fission/fetcher")
    """Image of the container beside every builder; should be of buildermgr's own version."""
    fetcher_image_pull_policy: str = settings.setting("FETCHER_IMAGE_PULL_POLICY", "IfNotPresent")
    """A builder is started again whenever its environment changes."""
    builder_image_pull_policy: str = settings.setting("BUILDER_IMAGE_PULL_POLICY", "IfNotPresent")
    """The same for builders; their tags are expected not to move."""
    fetcher_min_cpu: str = settings.setting("FETCHER_MINCPU", "")
    """CPU request of the fetcher's container, as a Kubernetes quantity; empty: none."""
    fetcher_max_cpu: str = settings.setting("FETCHER_MAXCPU", "")
    """Its CPU limit; empty: none."""
    fetcher_min_mem: str = settings.setting("FETCHER_MINMEM", "")
    """Its memory request, as a Kubernetes quantity; empty: none."""
    fetcher_max_mem: str = settings.setting("FETCHER_MAXMEM", "")
    """Its memory limit; empty: none."""
    package_concurrency: int = settings.setting("BUILDERMGR_PACKAGE_CONCURRENCY", 5)
    """Builds at once, all environments together; Fission's figure."""
    environment_concurrency: int = settings.setting("BUILDERMGR_ENVIRONMENT_CONCURRENCY", 2)
    """Builds at once in one environment's builder, which should take as many
    (``BUILDER_MAX_BUILDS``): further ones wait while other environments build."""
    build_timeout_seconds: float = settings.setting("BUILDERMGR_BUILD_TIMEOUT", 900.0)
    """How long a build command may take; handed to builders as ``BUILD_TIMEOUT_SECONDS``, which an
    environment's builder may set otherwise. A first Maven or cargo build downloads for minutes."""
    ready_timeout_seconds: float = settings.setting("BUILDERMGR_BUILDER_READY_TIMEOUT", 300.0)
    """Seconds that a package waits for its builder to start: a large image may have to be pulled
    first."""
    hopeless_timeout_seconds: float = settings.setting("BUILDERMGR_HOPELESS_BUILDER_TIMEOUT", 15.0)
    """Seconds that it waits when the builder's pod says that it cannot start: time enough to put
    right what it names, not so much that it looks like a hang."""
    max_attempts: int = settings.setting("BUILDERMGR_MAX_ATTEMPTS", 8)
    """Builds of one package that may break off for the platform's sake, with growing pauses (two
    minutes in all), before the package is failed."""
    cache_entries: int = settings.setting("BUILDERMGR_BUILD_CACHE_ENTRIES", 64)
    """Built archives remembered for each environment; those used longest ago go first, and with
    them the archives. 0 remembers none."""
    cache_storage: str = settings.setting("BUILD_CACHE_STORAGE", "")
    """Size of the claim, as a Kubernetes quantity, that keeps downloads of a namespace's builders;
    empty: each builder keeps its own as long as its pod lives."""
    cache_storage_class: str = settings.setting("BUILD_CACHE_STORAGE_CLASS", "")
    """Storage class of that claim; empty: the cluster's default."""
    cache_access_mode: str = settings.setting("BUILD_CACHE_ACCESS_MODE", "ReadWriteOnce")
    """Access mode of that claim; builders on several nodes need ``ReadWriteMany``."""
    max_log_bytes: int = settings.setting("BUILDERMGR_MAX_LOG_BYTES", 256 * 1024)
    """How much of a build's log its Package keeps, of its beginning and its end: an object should
    stay well below etcd's 1.5 MiB."""
    log_interval_seconds: float = settings.setting("BUILDERMGR_LOG_INTERVAL", 0.5)
    """Shortest time between two writes of a growing log; long logs are written less often."""
    disable_owner_references: bool = settings.setting("DISABLE_OWNER_REFERENCES", False)
    """Whether made objects are left without an owner, for clusters that forbid owners."""
    podspec_patch_file: str = settings.setting(
        "BUILDER_PODSPEC_PATCH", "/etc/fission/builder-podspec-patch.yaml"
    )
    """PodSpec merged into every builder pod, where the file exists."""
    leader_election: bool = settings.setting("LEADER_ELECTION_ENABLED", False)
    """Whether several buildermgrs agree on one that works; one replica needs none."""

    def builder_namespace_of(self, namespace: str) -> str:
        """Where the builders of a namespace's environments go."""
        if namespace == "default" and self.builder_namespace:
            return self.builder_namespace
        return namespace


def from_env(env: Mapping[str, str]) -> Config:
    """Read and check the settings; raises SettingsError naming the variable."""
    config = settings.load(Config, env)
    settings.check_least(
        ("BUILDERMGR_PACKAGE_CONCURRENCY", config.package_concurrency, 1),
        ("BUILDERMGR_ENVIRONMENT_CONCURRENCY", config.environment_concurrency, 1),
        ("BUILDERMGR_MAX_ATTEMPTS", config.max_attempts, 1),
        ("BUILDERMGR_BUILD_CACHE_ENTRIES", config.cache_entries, 0),
        ("BUILDERMGR_BUILD_TIMEOUT", config.build_timeout_seconds, 1),
        ("BUILDERMGR_MAX_LOG_BYTES", config.max_log_bytes, 1024),
        ("BUILDERMGR_LOG_INTERVAL", config.log_interval_seconds, 0.01),
    )
    return config
