"""Builders on a running platform, asked for what is not theirs."""

from __future__ import annotations

import json
import pathlib
from collections.abc import Iterator
from typing import Any

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


LINKS = """#!/bin/sh
mkdir $DEPLOY_PKG
echo "def main(): return 1" > $DEPLOY_PKG/main.py
{}
"""
MULTIPLY = """
mkdir $DEPLOY_PKG/0; touch $DEPLOY_PKG/0/file
for n in $(seq 30); do
    mkdir $DEPLOY_PKG/$n
    ln -s ../$((n - 1)) $DEPLOY_PKG/$n/a; ln -s ../$((n - 1)) $DEPLOY_PKG/$n/b
done
"""


@pytest.mark.parametrize(
    ("name", "script", "said"),
    [
        ("leads-out", "ln -s /etc/shadow $DEPLOY_PKG/shadow", "is a link that leads out of"),
        ("multiplies", MULTIPLY, "holds more than the 50000 files"),
        ("looks-small", "truncate -s 1T $DEPLOY_PKG/hole", "bytes that are packed"),
    ],
)
def test_an_artifact_takes_nothing_of_the_host(
    builder: platforms.Platform, name: str, script: str, said: str
) -> None:
    create(builder, name, LINKS.format(script))
    assert said in built(builder, name)


FORGETFUL = """#!/bin/sh
setsid env -i sh -c 'while :; do date +%s%N > /packages/beat; sleep 0.05; done' &
while [ ! -e /packages/beat ]; do sleep 0.05; done
cp -r $SRC_PKG $DEPLOY_PKG
"""
STILL = """#!/bin/sh
cat /packages/beat > before; sleep 0.5
cmp before /packages/beat && echo "it is still"
cp -r $SRC_PKG $DEPLOY_PKG
"""


def test_what_a_build_started_ends_with_it_also_without_its_mark(
    builder: platforms.Platform,
) -> None:
    create(builder, "forgetful", FORGETFUL)
    assert "succeeded" in built(builder, "forgetful")
    create(builder, "looking", STILL)
    assert "it is still" in built(builder, "looking")


@pytest.mark.usefixtures("kubectl")
@pytest.mark.parametrize(
    ("kind", "spec"),
    [
        ("Package", {"source": {"type": "literal", "literal": "eA=="}}),
        (
            "Function",
            {
                "package": {"packageref": {"namespace": "default", "name": "theirs"}},
                "InvokeStrategy": {
                    "StrategyType": "execution",
                    "ExecutionStrategy": {"ExecutorType": "poolmgr"},
                },
            },
        ),
    ],
)
def test_nothing_is_built_or_run_with_what_is_another_namespaces(
    builder: platforms.Platform, kind: str, spec: dict[str, Any]
) -> None:
    environment = {"namespace": "default", "name": "pried"}
    foreign = {
        "apiVersion": "fission.io/v1",
        "kind": kind,
        "metadata": {"name": "foreign", "namespace": "kube-public"},
        "spec": {"environment": environment, **spec},
    }
    done = builder.run(
        *("kubectl", "--kubeconfig", str(builder.home / "kubeconfig"), "apply", "-f", "-"),
        stdin=json.dumps(foreign),
        check=False,
    )
    assert done.returncode == 1
    assert f"spec.environment.namespace: must be the {kind.lower()}'s own" in done.stderr
