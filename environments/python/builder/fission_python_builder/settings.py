"""What a build is told by its environment."""

from __future__ import annotations

import dataclasses
import pathlib
from collections.abc import Mapping

from fission_python_builder import errors

TOOLS = ("uv", "pip")

_FOR_UV = {
    "UV_DEFAULT_INDEX": "PIP_INDEX_URL",
    "UV_INDEX": "PIP_EXTRA_INDEX_URL",
    "UV_FIND_LINKS": "PIP_FIND_LINKS",
    "UV_INSECURE_HOST": "PIP_TRUSTED_HOST",
    "SSL_CERT_FILE": "PIP_CERT",
}
"""uv's variable ← what people who build with pip have set on their environments already."""


@dataclasses.dataclass(frozen=True)
class Settings:
    """One build."""

    source: pathlib.Path
    """`SRC_PKG`: a folder, or a single file."""
    target: pathlib.Path
    """`DEPLOY_PKG`: does not exist yet."""
    tool: str = ""
    """`BUILD_TOOL`: uv or pip; empty: uv where there is one."""
    wheels: pathlib.Path | None = None
    """`FISSION_WHEELS`: a folder of wheels to install from, and nothing else; relative to the
    source unless it begins with a slash."""


def from_env(env: Mapping[str, str]) -> Settings:
    """Read the settings; raises BuildError for one that cannot be."""
    for name in ("SRC_PKG", "DEPLOY_PKG"):
        if not env.get(name):
            raise errors.BuildError(f"{name} is not set; the builder sets it for every build")
    source = pathlib.Path(env["SRC_PKG"]).absolute()
    if not source.exists():
        raise errors.BuildError(f"SRC_PKG: there is nothing at {source}")
    tool = env.get("BUILD_TOOL", "")
    if tool not in ("", *TOOLS):
        raise errors.BuildError(f"BUILD_TOOL: found {tool!r}, allowed are {' and '.join(TOOLS)}")
    wheels = None
    if env.get("FISSION_WHEELS"):
        wheels = (source if source.is_dir() else source.parent) / env["FISSION_WHEELS"]
        if not wheels.is_dir():
            raise errors.BuildError(
                f"FISSION_WHEELS: there is no folder {wheels}; it is a folder in the package, or "
                "an absolute path that the builder's pod sees, such as one below /cache"
            )
    return Settings(source, pathlib.Path(env["DEPLOY_PKG"]).absolute(), tool, wheels)


def installer_env(env: Mapping[str, str], scratch: pathlib.Path) -> dict[str, str]:
    """The environment of uv and pip: indexes named for either reach both, and files for a moment
    lie beside the package, because a pod's /tmp is small."""
    made = {**env, "TMPDIR": str(scratch), "UV_PYTHON_DOWNLOADS": "never"}
    for ours, theirs in _FOR_UV.items():
        if made.get(theirs) and not made.get(ours):
            separator = "," if ours == "UV_FIND_LINKS" else " "
            made[ours] = separator.join(made[theirs].split())
    return made
