"""Settings of storagesvc, read from the environment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from fission.base import errors, settings


@dataclass(frozen=True)
class Config:
    """What storagesvc may be told; Fission's names."""

    storage_type: str = settings.setting("STORAGE_TYPE", "local")
    """Where archives are kept; only ``local`` exists in this release."""
    base_path: str = settings.setting("STORAGE_PATH", "/fission")
    """Directory (declared path) of local storage; ids begin with it."""
    subdir: str = settings.setting("SUBDIR", "fission-functions")
    """Directory below the base; part of the ids."""
    max_archive_size_mib: int = settings.setting("STORAGE_MAX_ARCHIVE_SIZE_MIB", 256)
    """Largest archive; Fission's default."""
    prune_enabled: bool = settings.setting("PRUNE_ENABLED", True)
    """Whether archives that no Package refers to are removed."""
    prune_interval_minutes: int = settings.setting("PRUNE_INTERVAL", 60)
    """Minutes between passes."""
    prune_min_age_seconds: float = settings.setting("PRUNE_MIN_AGE", 60.0)
    """Younger archives are left alone: their Package may be on its way."""
    default_namespace: str = settings.setting("FISSION_DEFAULT_NAMESPACE", "default")
    """The first namespace with Packages."""
    resource_namespaces: tuple[str, ...] = settings.setting("FISSION_RESOURCE_NAMESPACES", ())
    """Namespaces whose Packages are asked when the whole cluster's may not be listed."""

    @property
    def max_archive_bytes(self) -> int:
        return self.max_archive_size_mib << 20


def from_env(env: Mapping[str, str]) -> Config:
    """Read and check the settings; raises SettingsError naming the variable."""
    config = settings.load(Config, env)
    if config.storage_type != "local":
        raise errors.SettingsError(
            f"STORAGE_TYPE: {config.storage_type!r} is not supported; known: local"
        )
    if config.max_archive_size_mib < 1:
        raise errors.SettingsError("STORAGE_MAX_ARCHIVE_SIZE_MIB must be at least 1")
    if config.prune_interval_minutes < 1:
        raise errors.SettingsError("PRUNE_INTERVAL must be at least 1 minute")
    return config
