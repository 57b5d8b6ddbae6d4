"""Settings of storagesvc, read from the environment."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from urllib import parse

from fission.base import errors, settings
from fission.contracts import storage as wire

_SUBDIR: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*(/[A-Za-z0-9][A-Za-z0-9._-]*)*")
_MAX_S3_MIB: Final = 5 * 1024
_TYPES: Final = (wire.STORAGE_LOCAL, wire.STORAGE_S3)


@dataclass(frozen=True)
class Config:
    """What storagesvc may be told; Fission's names."""

    storage_type: str = settings.setting("STORAGE_TYPE", "local")
    """Where archives are kept: ``local``, a directory, or ``s3``, a bucket."""
    base_path: str = settings.setting("STORAGE_PATH", "/fission")
    """Directory (declared path) of local storage; ids begin with it."""
    subdir: str = settings.setting("SUBDIR", "fission-functions")
    """Directory below the base; part of the ids."""
    s3_endpoint: str = settings.setting("STORAGE_S3_ENDPOINT", "")
    """URL of the S3 server, ``https://…``; empty is AWS."""
    s3_bucket_name: str = settings.setting("STORAGE_S3_BUCKET_NAME", "")
    """The bucket; it is created where it is missing. Needed for ``s3``."""
    s3_sub_dir: str = settings.setting("STORAGE_S3_SUB_DIR", "fission-functions")
    """What keys, which are the ids, begin with."""
    s3_access_key_id: str = settings.setting("STORAGE_S3_ACCESS_KEY_ID", "")
    """Who we are there. Empty: the role of the pod or machine, as AWS's own clients find it."""
    s3_secret_access_key: str = settings.setting("STORAGE_S3_SECRET_ACCESS_KEY", "")
    """The secret that belongs to it."""
    s3_region: str = settings.setting("STORAGE_S3_REGION", "")
    """The bucket's region; empty is ``us-east-1``, what servers other than AWS usually take."""
    spool_path: str = settings.setting("STORAGE_SPOOL_PATH", "")
    """Directory for archives on their way to S3; empty is the system's for temporary files."""
    max_archive_size_mib: int = settings.setting("STORAGE_MAX_ARCHIVE_SIZE_MIB", 256)
    """Largest archive; Fission's default. S3 takes at most 5120."""
    max_uploads: int = settings.setting("STORAGE_MAX_UPLOADS", 32)
    """Uploads at once; others wait their turn, half a minute. Each needs some 4 MiB of memory."""
    upload_timeout_seconds: float = settings.setting("STORAGE_UPLOAD_TIMEOUT", 900.0)
    """How long one upload may take: 256 MiB at 300 KB/s."""
    prune_enabled: bool = settings.setting("PRUNE_ENABLED", True)
    """Whether archives that no object names are removed."""
    prune_interval_minutes: int = settings.setting("PRUNE_INTERVAL", 60)
    """Minutes between passes."""
    prune_min_age_seconds: float = settings.setting("PRUNE_MIN_AGE", 3600.0)
    """Younger archives are left alone, since who uploaded one names it afterwards. An hour, where
    Fission has a minute: a spec of many large archives is uploaded before its first Package is
    written, and an archive kept too long costs only space."""
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
    if config.storage_type not in _TYPES:
        raise errors.SettingsError(
            f"STORAGE_TYPE: {config.storage_type!r} is not supported; known: {', '.join(_TYPES)}"
        )
    if config.max_archive_size_mib < 1:
        raise errors.SettingsError(
            f"STORAGE_MAX_ARCHIVE_SIZE_MIB: {config.max_archive_size_mib}; it must be at least 1"
        )
    if config.max_uploads < 1:
        raise errors.SettingsError(
            f"STORAGE_MAX_UPLOADS: {config.max_uploads}; it must be at least 1"
        )
    if config.upload_timeout_seconds <= 0:
        raise errors.SettingsError(
            f"STORAGE_UPLOAD_TIMEOUT: {config.upload_timeout_seconds:g}; it must be more than 0"
        )
    if config.prune_interval_minutes < 1:
        raise errors.SettingsError(
            f"PRUNE_INTERVAL: {config.prune_interval_minutes}; it must be at least 1 minute"
        )
    _check_subdir("SUBDIR", config.subdir)
    if config.storage_type == wire.STORAGE_S3:
        _check_s3(config)
    return config


def _check_s3(config: Config) -> None:
    if not config.s3_bucket_name:
        raise errors.SettingsError("STORAGE_S3_BUCKET_NAME must be set for STORAGE_TYPE=s3")
    endpoint = parse.urlsplit(config.s3_endpoint)
    if config.s3_endpoint and (endpoint.scheme not in ("http", "https") or not endpoint.hostname):
        raise errors.SettingsError(
            f"STORAGE_S3_ENDPOINT: {config.s3_endpoint!r} is not a URL such as https://host:port"
        )
    if bool(config.s3_access_key_id) != bool(config.s3_secret_access_key):
        raise errors.SettingsError(
            "STORAGE_S3_ACCESS_KEY_ID and STORAGE_S3_SECRET_ACCESS_KEY go together:"
            " set both, or none to use the role of the pod or machine"
        )
    if config.max_archive_size_mib > _MAX_S3_MIB:
        raise errors.SettingsError(
            f"STORAGE_MAX_ARCHIVE_SIZE_MIB: {config.max_archive_size_mib}; S3 takes at most"
            f" {_MAX_S3_MIB} in one piece"
        )
    _check_subdir("STORAGE_S3_SUB_DIR", config.s3_sub_dir)


def _check_subdir(variable: str, value: str) -> None:
    if not _SUBDIR.fullmatch(value):
        raise errors.SettingsError(
            f"{variable}: {value!r} is not a path of letters, digits, '.', '_' and '-'"
        )
