"""Functions that are called when objects change."""

from __future__ import annotations

import pytest

from tests.e2e import kills
from tests.e2e import platform as platforms

RECORDER = """
from flask import request

def main():
    type_ = request.headers["X-Kubernetes-Event-Type"]
    kind = request.headers["X-Kubernetes-Object-Type"]
    print(type_, kind, request.get_json()["metadata"]["name"], flush=True)
    return "noted"
"""


def told(platform: platforms.Platform) -> list[str]:
    """What the function printed of our ConfigMaps."""
    words = ("fn", "logs", "--name", "watching", "--recordcount", "200")
    printed = platform.fission(*words, check=False).stdout
    return [line for line in printed.splitlines() if " ConfigMap watched-" in line]


def config_map(platform: platforms.Platform, verb: str, name: str) -> None:
    rest = ["--from-literal=a=b"] if verb == "create" else []
    platform.kubectl(verb, "configmap", f"watched-{name}", *rest)
    if verb == "create":
        platform.kubectl("label", "configmap", f"watched-{name}", "watched=yes")


@pytest.mark.usefixtures("kubectl")
def test_changes_reach_a_function_also_those_while_kubewatcher_was_dead(
    platform: platforms.Platform,
) -> None:
    source = platform.write("watching.py", RECORDER)
    platform.fission("fn", "create", "--name", "watching", "--env", "python", "--code", source)
    make = ("watch", "create", "--name", "watching", "--function", "watching")
    platform.fission(*make, "--type", "ConfigMap", "--labelselector", "watched=yes")
    platform.fission("watch", "wait", "--name", "watching", "--for", "condition=Subscribed")
    try:
        config_map(platform, "create", "a")
        platforms.eventually(lambda: told(platform) == ["ADDED ConfigMap watched-a"])

        kills.kill(kills.find(platform, "/kubewatcher")["pid"])
        config_map(platform, "delete", "a")
        config_map(platform, "create", "b")

        expected = ["DELETED ConfigMap watched-a", "ADDED ConfigMap watched-b"]
        platforms.eventually(lambda: told(platform)[-2:] == expected)
    finally:
        config_map(platform, "delete", "b")
        platform.fission("watch", "delete", "--name", "watching")
        platform.fission("fn", "delete", "--name", "watching")
