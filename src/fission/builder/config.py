"""Settings of the builder: one argument, and the environment of its container."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from fission.base import errors, settings
from fission.contracts import fetcher as fetcher_wire


@dataclass(frozen=True)
class Config:
    """What the builder may be told."""

    timeout_seconds: float = settings.setting("BUILD_TIMEOUT_SECONDS", 900.0)
    """How long one build may take before it is cut off: a first Maven or cargo build downloads for
    minutes; one that asks a question waits for ever."""
    max_builds: int = settings.setting("BUILDER_MAX_BUILDS", 2)
    """Builds at once; more get 503. One may download while another compiles."""
    max_log_bytes: int = settings.setting("BUILDER_MAX_LOG_BYTES", 256 * 1024)
    """How much of a log an answer in one piece holds, of its beginning and its end: what fits into
    a Package."""
    min_free_mib: int = settings.setting("BUILD_MIN_FREE_MIB", 512)
    """Space on the disk with the packages directory below which builds are ended: what else is on
    it, on the embedded node the platform itself, needs the rest. 0 lets them fill it."""
    cache_max_mib: int = settings.setting("BUILD_CACHE_MAX_MIB", 4096)
    """Size of the download cache beyond which it is emptied, when no build uses it."""
    cache_variables: str = settings.setting("BUILD_CACHE_VARIABLES", "")
    """``NAME=folder`` pairs, separated by blanks: variables that point the image's tools into the
    download cache."""
    packages_dir: str = fetcher_wire.PACKAGES_DIR
    """Declared path of the directory that the fetcher shares; the one positional argument."""


def from_env(env: Mapping[str, str], argv: Sequence[str] = ()) -> Config:
    """Read and check the settings; raises SettingsError naming the variable."""
    config = settings.load(Config, env)
    if len(argv) > 1:
        raise errors.SettingsError(f"usage: builder [packages directory], not {list(argv)!r}")
    if argv:
        config = replace(config, packages_dir=argv[0])
    if config.timeout_seconds <= 0:
        raise errors.SettingsError("BUILD_TIMEOUT_SECONDS must be positive")
    if config.max_builds < 1:
        raise errors.SettingsError("BUILDER_MAX_BUILDS must be at least 1")
    if config.max_log_bytes < 1024:
        raise errors.SettingsError("BUILDER_MAX_LOG_BYTES must be at least 1024")
    for variable, value in (
        ("BUILD_MIN_FREE_MIB", config.min_free_mib),
        ("BUILD_CACHE_MAX_MIB", config.cache_max_mib),
    ):
        if value < 0:
            raise errors.SettingsError(f"{variable} must not be negative, not {value}")
    parse_cache_variables(config.cache_variables)
    return config


def parse_cache_variables(text: str) -> dict[str, str]:
    """Variable → folder below the cache; raises SettingsError."""
    found = {}
    for pair in text.split():
        name, equals, folder = pair.partition("=")
        if not (equals and name and folder) or folder.startswith("/") or ".." in folder.split("/"):
            raise errors.SettingsError(
                f"BUILD_CACHE_VARIABLES: {pair!r} is not NAME=folder with a folder below the cache"
            )
        found[name] = folder
    return found
