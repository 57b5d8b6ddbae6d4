"""The controller's settings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from fission.base import errors, settings


@dataclass(frozen=True)
class Config:
    """What the environment decides."""

    platform_namespace: str = settings.setting("POD_NAMESPACE", "fission")
    """Where storagesvc and the router are."""
    auth: str = settings.setting("FISSION_CONTROLLER_AUTH", "token")
    """``token``, or ``none`` for old clients that send no token: everyone who reaches the port
    then has the controller's own rights, so it must be asked for."""
    review_ttl_seconds: float = settings.setting("CONTROLLER_REVIEW_TTL", 5.0)
    """How long an answer about a token or a right is believed: a list of ten objects asks once,
    and a right that is taken away is gone in seconds."""
    max_object_bytes: int = settings.setting("CONTROLLER_MAX_OBJECT_BYTES", 3 << 20)
    """The API server's own limit for one object."""
    max_archive_size_mib: int = settings.setting("STORAGE_MAX_ARCHIVE_SIZE_MIB", 256)
    """Largest archive that is passed on; the storage service's own setting and default."""
    max_streams: int = settings.setting("CONTROLLER_MAX_STREAMS", 512)
    """Watches and followed logs that are open at once: each holds a connection."""
    login_path: str = settings.setting("AUTH_URI_PATH", "/auth/login")
    """The router's login, which `fission token create` reaches through here; the router's own
    setting."""
    log_databases: tuple[str, ...] = settings.setting("CONTROLLER_LOG_DATABASES", ())
    """Log databases that old clients reach under `/proxy/<type>`, such as `influxdb`. Of each,
    `<TYPE>_URL` names the place, `<TYPE>_USERNAME` and `<TYPE>_PASSWORD` who asks there."""
    forward_timeout_seconds: float = settings.setting("CONTROLLER_FORWARD_TIMEOUT", 600.0)
    """For an upload or an invocation; the router has the function's own, shorter limit."""

    @property
    def max_upload_bytes(self) -> int:
        """The largest archive and the form around it."""
        return (self.max_archive_size_mib << 20) + (1 << 20)


def from_env(env: Mapping[str, str]) -> Config:
    """Read the settings; raises SettingsError."""
    config = settings.load(Config, env)
    if config.auth not in ("token", "none"):
        raise errors.SettingsError(
            f"FISSION_CONTROLLER_AUTH is {config.auth!r}; allowed are token and none"
        )
    return config
