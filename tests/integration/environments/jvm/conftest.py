"""The default build command as the builder runs it, and tools that only pretend."""

from __future__ import annotations

import os
import pathlib
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import pytest

from fission.cluster.kubelet import images
from tests.support import imageprocess

BUILDER = pathlib.Path(__file__).parents[4] / "environments" / "jvm" / "builder"
SECONDS = 90.0


@dataclass
class Build:
    """A finished build."""

    code: int
    log: str
    target: pathlib.Path


Builder = Callable[..., Build]


@pytest.fixture(scope="session")
def modules() -> pathlib.Path:
    """The repository that the builder's image prepares."""
    missing = images.missing_needs(imageprocess.load(BUILDER, pathlib.Path("/nowhere")))
    if missing:
        pytest.skip(missing)
    return pathlib.Path(imageprocess.prepare(BUILDER).env["FISSION_JAVA_REPOSITORY"])


@pytest.fixture
def build(tmp_path: pathlib.Path, modules: pathlib.Path) -> Builder:
    """Builds a folder of files; what is in ``tools`` comes before the machine's programs."""

    def run(
        files: Mapping[str, str | bytes],
        *words: str,
        name: str = "package-abc123",
        tools: Mapping[str, str] | None = None,
        **more: str,
    ) -> Build:
        source = tmp_path / name
        write(source, files)
        write(tmp_path / "tools", tools or {})
        path = f"{BUILDER / 'bin'}:{tmp_path / 'tools'}:/usr/local/bin:/usr/bin:/bin"
        return run_build(source, tmp_path, modules, *words, PATH=path, **more)

    return run


def write(folder: pathlib.Path, files: Mapping[str, str | bytes]) -> None:
    for name, content in files.items():
        place = folder / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content if isinstance(content, bytes) else content.encode())
        place.chmod(0o755)


def run_build(
    source: pathlib.Path,
    folder: pathlib.Path,
    modules: pathlib.Path,
    *words: str,
    cache: pathlib.Path | None = None,
    **more: str,
) -> Build:
    """Run one build with its private HOME below ``folder``."""
    target = folder / f"{source.name}-out"
    target.unlink(missing_ok=True)
    home = folder / f"{source.name}-home"
    home.mkdir(exist_ok=True)
    env = {
        "PATH": f"{BUILDER / 'bin'}:/usr/local/bin:/usr/bin:/bin",
        "HOME": str(home),
        "BUILD_CACHE": str(cache or folder / "cache"),
        "FISSION_JAVA_REPOSITORY": str(modules),
        "FISSION_PYTHON": sys.executable,
        "SOURCE_DATE_EPOCH": "315532800",
        "SRC_PKG": str(source),
        "DEPLOY_PKG": str(target),
        **{name: os.environ[name] for name in ("JAVA_HOME",) if name in os.environ},
        **more,
    }
    done = subprocess.run(
        ["build", *words],
        cwd=source if source.is_dir() else source.parent,
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=SECONDS,
    )
    return Build(done.returncode, done.stdout, target)
