"""What a build is told by its environment."""

from __future__ import annotations

import dataclasses
import pathlib
import time
from collections.abc import Mapping

from fission_jvm_builder import errors

OLDEST_STAMP = 315532802
"""1 January 1980, two seconds later: what Maven allows as the time of files in a JAR."""


@dataclasses.dataclass(frozen=True)
class Settings:
    """One build."""

    source: pathlib.Path
    """`SRC_PKG`: a folder, or a single file."""
    target: pathlib.Path
    """`DEPLOY_PKG`: does not exist yet."""
    cache: pathlib.Path
    """`BUILD_CACHE`: downloads of all builds of the namespace."""
    home: pathlib.Path
    """`HOME`: of this build alone."""
    modules: pathlib.Path
    """`FISSION_JAVA_REPOSITORY`: a Maven repository with the modules of a function's signature."""
    local: pathlib.Path | None = None
    """`FISSION_WHEELS`: a Maven repository to take everything from, and nothing from elsewhere;
    relative to the source unless it begins with a slash."""
    stamp: str = ""
    """`SOURCE_DATE_EPOCH` as Maven takes it: the time of every file in a JAR."""


def from_env(env: Mapping[str, str]) -> Settings:
    """Read the settings; raises BuildError for one that cannot be."""
    for name in ("SRC_PKG", "DEPLOY_PKG", "BUILD_CACHE", "HOME", "FISSION_JAVA_REPOSITORY"):
        if not env.get(name):
            raise errors.BuildError(f"{name} is not set; the builder sets it for every build")
    source = pathlib.Path(env["SRC_PKG"]).absolute()
    if not source.exists():
        raise errors.BuildError(f"SRC_PKG: there is nothing at {source}")
    local = None
    if env.get("FISSION_WHEELS"):
        local = (source if source.is_dir() else source.parent) / env["FISSION_WHEELS"]
        if not local.is_dir():
            raise errors.BuildError(
                f"FISSION_WHEELS: there is no folder {local}; it is a Maven repository in the "
                "package, or an absolute path that the builder's pod sees"
            )
    return Settings(
        source=source,
        target=pathlib.Path(env["DEPLOY_PKG"]).absolute(),
        cache=pathlib.Path(env["BUILD_CACHE"]).absolute(),
        home=pathlib.Path(env["HOME"]).absolute(),
        modules=pathlib.Path(env["FISSION_JAVA_REPOSITORY"]),
        local=local,
        stamp=_stamp(env.get("SOURCE_DATE_EPOCH", "")),
    )


def _stamp(epoch: str) -> str:
    seconds = max(int(epoch), OLDEST_STAMP) if epoch.isdigit() else OLDEST_STAMP
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))
