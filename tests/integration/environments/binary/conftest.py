"""A runtime process of the binary environment, and its build command."""

from __future__ import annotations

import os
import pathlib
import subprocess
from collections.abc import Callable, Iterator

import pytest

from tests.conformance.environment import catalog, processes
from tests.support import imageprocess

BUILD = catalog.ENVIRONMENTS / "binary" / "builder" / "bin" / "build"

Build = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def runtime(tmp_path: pathlib.Path) -> Iterator[processes.Process]:
    image = imageprocess.prepare(catalog.BINARY.image_folder)
    prepared = processes.Prepared(catalog.BINARY, image, catalog.BINARY.samples)
    with processes.running(prepared, tmp_path / "pod") as started:
        yield started


@pytest.fixture
def build(tmp_path: pathlib.Path) -> Build:
    """Runs the build command as the builder does; the package is ``tmp_path / "deploy"``."""

    def run(source: pathlib.Path, **env: str) -> subprocess.CompletedProcess[str]:
        variables = {
            "PATH": f"/usr/local/go/bin:{os.environ['PATH']}",
            "HOME": str(tmp_path),
            "SRC_PKG": str(source),
            "DEPLOY_PKG": str(tmp_path / "deploy"),
            "CGO_ENABLED": "0",
            "GOFLAGS": "-trimpath -buildvcs=false",
            "GOTOOLCHAIN": "local",
            **env,
        }
        folder = source if source.is_dir() else source.parent
        return subprocess.run(
            [BUILD], cwd=folder, env=variables, capture_output=True, text=True, timeout=120
        )

    return run
