"""Where a component looks for objects: the settings that most components share."""

from __future__ import annotations

from dataclasses import dataclass

from fission.base import errors, settings

MODES = ("static", "dynamic", "cluster")


@dataclass(frozen=True)
class Tenancy:
    """Base of a component's settings."""

    namespace: str = settings.setting("POD_NAMESPACE", "fission")
    """Where the platform is installed."""
    default_namespace: str = settings.setting("FISSION_DEFAULT_NAMESPACE", "default")
    """The first namespace that users' objects are in; Kubernetes' own default."""
    resource_namespaces: tuple[str, ...] = settings.setting("FISSION_RESOURCE_NAMESPACES", ())
    """Further namespaces of users' objects; with any, every namespace is watched."""
    tenancy_mode: str = settings.setting("FISSION_TENANCY_MODE", "static")
    """``cluster``: every namespace; ``static`` and ``dynamic``: those named above."""

    def __post_init__(self) -> None:
        if self.tenancy_mode not in MODES:
            raise errors.SettingsError(
                f"FISSION_TENANCY_MODE: {self.tenancy_mode!r} is none of {', '.join(MODES)}"
            )

    @property
    def watched_namespace(self) -> str | None:
        """The one namespace that is watched; None for all."""
        if self.tenancy_mode == "cluster" or self.resource_namespaces:
            return None
        return self.default_namespace
