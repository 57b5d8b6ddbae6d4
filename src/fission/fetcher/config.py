"""Settings of the fetcher: arguments and environment of its container.

A fetcher that serves a whole node reads its own settings from its own environment, and each pod's
from what the kubelet hands over for it: the same two, as the pod's container would have had them.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NoReturn

from fission.base import errors, settings
from fission.contracts import fetcher as wire
from fission.fetcher import reach


@dataclass(frozen=True)
class Config:
    """What the process may be told."""

    cache_dir: str = settings.setting("FETCHER_CACHE_DIR", "")
    """Directory of unpacked archives that pods share; empty keeps none (one pod, one function)."""
    node_cache_dir: str = settings.setting("CACHE_DIRECTORY", "")
    """Where a node's fetcher keeps it unless told otherwise; systemd's and the kubelet's name."""
    cache_max_mib: int = settings.setting("FETCHER_CACHE_MAX_MIB", 1024)
    """Bound of that directory; the trees used longest ago go first."""
    max_archive_mib: int = settings.setting("FETCHER_MAX_ARCHIVE_MIB", 256)
    """Largest archive that is downloaded: what storagesvc takes by default."""
    download_timeout_seconds: float = settings.setting("FETCHER_DOWNLOAD_TIMEOUT", 300.0)
    """How long one archive may take to arrive."""
    url_reach: str = settings.setting("FETCHER_URL_REACH", "local")
    """Where URLs in Packages may lead. ``local``: anywhere but link-local addresses (a cloud's
    metadata) and loopback addresses other than 127.0.0.1 and ::1 (other pods). ``public``: neither
    loopback nor private networks. ``open``: anywhere. Storagesvc is always reached."""
    refresh_seconds: float = settings.setting("FETCHER_REFRESH_INTERVAL", 5.0)
    """How often Secrets and ConfigMaps are looked at for changes; 0 is never."""
    runtime_wait_seconds: float = settings.setting("FETCHER_RUNTIME_WAIT", 420.0)
    """How long a runtime may take to begin listening; upstream's 7 minutes."""

    startup_retry_seconds: float = settings.setting("FETCHER_STARTUP_RETRY", 60.0)
    """How long a specialization at start is tried again (storagesvc away, package not built yet)
    before the container ends with the cause, and is started again by the kubelet."""

    def for_node(self) -> Config:
        """The settings of a fetcher whose pods share a cache."""
        return replace(self, cache_dir=self.cache_dir or self.node_cache_dir)


@dataclass(frozen=True)
class Arguments:
    """A fetcher container's command line, with Fission's flags."""

    shared_dir: str = wire.USER_FUNCTION_DIR
    """Declared path of the volume that the runtime sees too; the one positional argument."""
    secret_dir: str = wire.SECRETS_DIR
    """``-secret-dir``: declared path under which Secrets are put."""
    config_dir: str = wire.CONFIGS_DIR
    """``-cfgmap-dir``: declared path under which ConfigMaps are put."""
    specialize_on_startup: bool = False
    """``-specialize-on-startup``: claim and load before the pod becomes ready."""
    specialize_request: str = ""
    """``-specialize-request``: for which function, as JSON."""


def from_env(env: Mapping[str, str]) -> Config:
    """Read and check the process's settings."""
    config = settings.load(Config, env)
    if config.max_archive_mib < 1:
        raise errors.SettingsError(
            f"FETCHER_MAX_ARCHIVE_MIB: {config.max_archive_mib}; it must be at least 1"
        )
    if config.cache_max_mib < 0:
        raise errors.SettingsError(
            f"FETCHER_CACHE_MAX_MIB: {config.cache_max_mib}; it must not be negative"
        )
    if config.url_reach not in tuple(reach.Reach):
        raise errors.SettingsError(
            f"FETCHER_URL_REACH: {config.url_reach!r}; known: {', '.join(reach.Reach)}"
        )
    return config


def parse_arguments(argv: Sequence[str]) -> Arguments:
    """Read a container's arguments; flags take one dash or two, as Go's do."""
    parser = _Parser(prog="fetcher", add_help=False, allow_abbrev=False)
    for flag, default in (("secret-dir", wire.SECRETS_DIR), ("cfgmap-dir", wire.CONFIGS_DIR)):
        parser.add_argument(f"-{flag}", f"--{flag}", default=default)
    parser.add_argument("-specialize-on-startup", "--specialize-on-startup", action="store_true")
    parser.add_argument("-specialize-request", "--specialize-request", default="")
    parser.add_argument("shared_dir", nargs="?", default=wire.USER_FUNCTION_DIR)
    found = parser.parse_args(list(argv))
    if found.specialize_on_startup and not found.specialize_request:
        raise errors.SettingsError("-specialize-on-startup needs -specialize-request")
    return Arguments(
        shared_dir=found.shared_dir,
        secret_dir=found.secret_dir,
        config_dir=found.cfgmap_dir,
        specialize_on_startup=found.specialize_on_startup,
        specialize_request=found.specialize_request,
    )


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise errors.SettingsError(f"fetcher: {message}")
