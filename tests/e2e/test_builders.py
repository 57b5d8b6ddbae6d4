"""Builders on a running platform, asked for what is not theirs."""

from __future__ import annotations

import pathlib
from collections.abc import Iterator

import pytest

from tests.e2e import platform as platforms

MAIN = "def main():\n    return {!r}\n"
PRIES = """#!/bin/sh
for environ in /proc/[0-9]*/environ; do cat $environ 2>/dev/null | tr '\\0' '\\n'; done
env
ls -a /var/run/secrets/kubernetes.io 2>/dev/null
ls $FISSION_HOME 2>/dev/null
echo "I am $(id -u)"
cp -r $SRC_PKG $DEPLOY_PKG
"""


@pytest.fixture(scope="module")
def builder(platform: platforms.Platform) -> Iterator[platforms.Platform]:
    """The platform with an environment of these tests' own."""
    platform.fission(
        *("env", "create", "--name", "pried", "--image", "fission/python-env"),
        *("--poolsize", "1", "--builder", "fission/python-builder"),
    )
    yield platform
    platform.fission("env", "delete", "--name", "pried")


def create(platform: platforms.Platform, name: str, script: str) -> None:
    platform.write(f"{name}/main.py", MAIN.format(name))
    path = pathlib.Path(platform.write(f"{name}/build.sh", script))
    path.chmod(0o755)
    platform.fission(
        *("pkg", "create", "--name", name, "--env", "pried", "--src", str(path.parent)),
        *("--buildcmd", "./build.sh"),
    )


def info(platform: platforms.Platform, name: str) -> str:
    return platform.fission("pkg", "info", "--name", name).stdout


def built(platform: platforms.Platform, name: str) -> str:
    return platforms.eventually(
        lambda: info(platform, name), lambda text: "succeeded" in text or "failed" in text
    )


def test_a_build_sees_no_key_no_token_and_nothing_of_the_platform(
    builder: platforms.Platform,
) -> None:
    create(builder, "prying", PRIES)
    said = built(builder, "prying")

    assert "I am " in said
    for secret in ("FISSION_BUILDER_KEY", "FISSION_INTERNAL_AUTH", "serviceaccount", "kubeconfig"):
        assert secret not in said
