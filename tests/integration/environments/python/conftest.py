"""Source folders, and the default build command as the builder runs it."""

from __future__ import annotations

import os
import pathlib
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import pytest

from tests.support import wheels

BUILDER = pathlib.Path(__file__).parents[4] / "environments" / "python" / "builder"
SECONDS = 60.0


@dataclass
class Build:
    """A finished build."""

    code: int
    log: str
    target: pathlib.Path

    @property
    def files(self) -> set[str]:
        """Names of all files in the package but byte-code."""
        return {
            str(path.relative_to(self.target))
            for path in self.target.rglob("*")
            if path.is_file() and path.suffix != ".pyc"
        }


Builder = Callable[..., Build]


@pytest.fixture
def wheelhouse(tmp_path: pathlib.Path) -> pathlib.Path:
    """A folder with two wheels: `shop` needs `till`."""
    folder = tmp_path / "wheelhouse"
    wheels.make(folder, "till", {"till/__init__.py": "def ring():\n    return 'ring'\n"})
    shop = "import till\n\n\ndef sell():\n    return till.ring()\n"
    wheels.make(folder, "shop", {"shop.py": shop}, requires=("till>=1",))
    return folder


@pytest.fixture
def build(tmp_path: pathlib.Path, wheelhouse: pathlib.Path) -> Builder:
    """Builds a folder of files with a command (``build``), offline, in an environment like a pod's.

    ``name`` tells builds of one test apart.
    """

    def run(
        files: Mapping[str, str | bytes],
        *command: str,
        name: str = "package-abc123",
        **more: str,
    ) -> Build:
        source = tmp_path / name
        for path, content in files.items():
            place = source / path
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(content if isinstance(content, bytes) else content.encode())
            if path.endswith(".sh"):
                place.chmod(0o755)
        return run_build(source, tmp_path / f"{name}-out", tmp_path, wheelhouse, *command, **more)

    return run


def run_build(
    source: pathlib.Path,
    target: pathlib.Path,
    folder: pathlib.Path,
    wheelhouse: pathlib.Path | None,
    *command: str,
    **more: str,
) -> Build:
    """Run one build with its private HOME and caches below ``folder``."""
    home = folder / "home"
    home.mkdir(exist_ok=True)
    env = {
        "PATH": f"{BUILDER / 'bin'}:/usr/bin:/bin",
        "HOME": str(home),
        "FISSION_PYTHON": sys.executable,
        "UV_CACHE_DIR": str(folder / "uv"),
        "PIP_CACHE_DIR": str(folder / "pip"),
        "SOURCE_DATE_EPOCH": "315532800",
        "SRC_PKG": str(source),
        "DEPLOY_PKG": str(target),
        **({"FISSION_WHEELS": str(wheelhouse)} if wheelhouse else {}),
        **{name: os.environ[name] for name in ("SSL_CERT_FILE", "PIP_CERT") if name in os.environ},
        **more,
    }
    done = subprocess.run(
        command or ("build",),
        cwd=source if source.is_dir() else source.parent,
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=SECONDS,
    )
    return Build(done.returncode, done.stdout, target)
