"""What is said where the machine's Java is missing or too old."""

from __future__ import annotations

import os
import pathlib
import subprocess
import sys

import pytest

from tests.integration.environments.jvm.conftest import BUILDER

RUNTIME = BUILDER.parent
INSTALL = "apt-get install default-jdk-headless"


def prepare(folder: pathlib.Path, image: pathlib.Path, **tools: str) -> tuple[int, str]:
    """Run an image's `prepare` where only these programs are; returns its end and its words."""
    programs, cache = folder / "programs", folder / "cache"
    for place in (programs, cache):
        place.mkdir()
    for name, script in tools.items():
        (programs / name).write_text(f"#!/bin/sh\n{script}\n")
        (programs / name).chmod(0o755)
    done = subprocess.run(
        [sys.executable, str(image / "prepare.py")],
        env={**os.environ, "PATH": str(programs), "IMAGE_CACHE": str(cache)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    return done.returncode, done.stdout


@pytest.mark.parametrize("image", [RUNTIME, BUILDER], ids=["runtime", "builder"])
def test_a_compiler_that_is_missing_is_named(tmp_path: pathlib.Path, image: pathlib.Path) -> None:
    code, said = prepare(tmp_path, image)
    assert code == 1
    assert said.startswith(f"javac is not installed: {INSTALL}")


def test_a_java_that_is_too_old_is_named_with_its_version(tmp_path: pathlib.Path) -> None:
    old = 'echo "javac 11.0.2"; [ "$1" = -version ] || { echo "invalid flag: --release"; exit 2; }'
    java = "echo 'openjdk version \"11.0.2\"' >&2"
    code, said = prepare(tmp_path, RUNTIME, javac=old, java=java)
    assert code == 1
    assert 'found are openjdk version "11.0.2", javac 11.0.2' in said
    assert f"Needed are java and javac of version 17 or newer: {INSTALL}" in said


def test_the_folder_to_fill_has_to_be_named(tmp_path: pathlib.Path) -> None:
    done = subprocess.run(
        [sys.executable, str(RUNTIME / "prepare.py")],
        env={**os.environ, "IMAGE_CACHE": ""},
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stderr) == (1, "IMAGE_CACHE has to name the folder to fill\n")
