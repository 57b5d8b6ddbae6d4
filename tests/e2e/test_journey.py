"""From nothing to a function that is called, changed, looked at and removed: under any account."""

from __future__ import annotations

import json

import pytest

from tests.e2e import nodepackage
from tests.e2e import platform as platforms

HELLO = "def main():\n    print('said hello', flush=True)\n    return 'Hello, world!\\n'\n"
HELLO_2 = "def main():\n    return 'Hello again!\\n'\n"


def test_a_function_is_deployed_called_changed_and_removed(
    any_platform: platforms.Platform,
) -> None:
    platform = any_platform
    code = platform.write("hello.py", HELLO)
    created = platform.typed("fn", "create", "--name", "hello", "--env", "python", "--code", code)
    assert created.stdout.splitlines()[-1] == "function 'hello' created"

    tested = platform.typed("fn", "test", "--name", "hello")
    assert tested.stdout == "Hello, world!\n"

    routed = platform.typed(
        *("route", "create", "--name", "hello", "--method", "GET", "--url", "/hello"),
        *("--function", "hello"),
    )
    assert routed.stdout == "trigger 'hello' created\n"
    assert platform.wait_call("/hello").text == "Hello, world!\n"
    assert "said hello" in platform.typed("fn", "logs", "--name", "hello").stdout

    pods = platform.typed("fn", "pods", "--name", "hello").stdout.splitlines()
    assert pods[0].split()[:4] == ["NAME", "NAMESPACE", "READY", "STATUS"]
    assert len(pods) == 2

    changed = platform.write("hello2.py", HELLO_2)
    platform.typed("fn", "update", "--name", "hello", "--code", changed)
    answer = platform.wait_call("/hello", lambda answer: answer.text == "Hello again!\n")
    assert answer.status == 200

    platform.typed("route", "delete", "--name", "hello")
    platform.typed("fn", "delete", "--name", "hello")
    assert platform.wait_call("/hello", lambda answer: answer.status == 404)
    gone = platform.typed("fn", "test", "--name", "hello", check=False)
    assert gone.returncode == 1


SHELL = """#!/bin/sh
echo "$REQUEST_METHOD $(cat) $(cat lib/word)"
echo 'the program was here' >&2
"""
SERVER = """#!/usr/bin/env python3
import http.server, os
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"served")
http.server.HTTPServer((os.environ["HOST"], int(os.environ["PORT"])), Handler).serve_forever()
"""


def test_a_program_runs_per_request_and_kept(any_platform: platforms.Platform) -> None:
    platform = any_platform
    platform.fission("env", "create", "--name", "binary", "--image", "fission/binary-env")
    platform.write("shell/lib/word", "word")
    platform.write("server/binary.env", "BINARY_MODE=server\n")
    for name, source in (("shell", SHELL), ("server", SERVER)):
        platform.write(f"{name}/run", source)
        package = str(platform.home / "work" / name)
        platform.fission(
            *("fn", "create", "--name", name, "--env", "binary"),
            *("--deploy", package, "--entrypoint", "run"),
        )
    words = ("fn", "test", "--name", "shell", "--method", "POST", "--body", "text")
    assert platform.fission(*words).stdout == "POST text word\n"
    platforms.eventually(
        lambda: platform.fission("fn", "logs", "--name", "shell", check=False).stdout,
        lambda said: "the program was here" in said,
    )
    assert platform.fission("fn", "test", "--name", "server").stdout == "served"


def test_a_node_package_is_built_and_runs(any_platform: platforms.Platform) -> None:
    platform = nodepackage.make(any_platform)
    answer = json.loads(platform.wait_call("/sum?a=1").text)
    assert (answer["sum"], answer["program"], answer["code"]) == (2, "42\n", True)
    assert answer["heap"] < 256, "the size of the heap follows the container's memory"


def test_an_update_takes_effect_with_the_next_request(any_platform: platforms.Platform) -> None:
    platform = any_platform
    platform.deploy("follow", "def main():\n    return 'one'\n")
    assert platform.wait_call("/follow").text == "one"
    for word in ("two", "three"):
        code = platform.write("follow.py", f"def main():\n    return '{word}'\n")
        platform.fission("fn", "update", "--name", "follow", "--code", code)
        # The command returned; a person's next request must have the new code.
        assert platform.call("/follow").text == word


@pytest.mark.usefixtures("kubectl")
def test_kubectl_sees_what_the_platform_is_made_of(any_platform: platforms.Platform) -> None:
    platform = any_platform
    platform.deploy("seen", "def main():\n    return ''\n")
    platform.wait_call("/seen")
    listed = platform.kubectl(
        "get", "functions,environments,packages,pods,deployments", "-A", "-o", "name"
    ).split()
    for name in (
        "function.fission.io/seen",
        "environment.fission.io/python",
        "deployment.apps/router",
        "deployment.apps/executor",
    ):
        assert name in listed
    table = platform.kubectl("get", "functions,environments,packages,pods,deployments", "-A")
    assert "seen" in table
    assert "router-" in table


@pytest.mark.usefixtures("kubectl")
def test_the_same_through_the_controller(any_platform: platforms.Platform) -> None:
    platform = any_platform
    platform.deploy("viarest", "def main():\n    return 'rest'\n")
    platform.kubectl("create", "serviceaccount", "writer")
    platform.kubectl(
        *("create", "clusterrolebinding", "writer", "--clusterrole", "cluster-admin"),
        *("--serviceaccount", "default:writer"),
    )
    token = platform.kubectl(
        "create", "token", "writer", "--audience", "fission-controller"
    ).strip()
    env = {"FISSION_URL": platform.status()["controller"], "FISSION_TOKEN": token}

    listed = platform.fission("fn", "list", env=env).stdout
    assert "viarest" in listed
    assert platform.fission("fn", "test", "--name", "viarest", env=env).stdout == "rest"

    refused = platform.fission("fn", "list", check=False, env={**env, "FISSION_TOKEN": "stranger"})
    assert refused.returncode == 1
    assert "does not accept these credentials\n  the bearer token is not" in refused.stderr

    elsewhere = platform.kubectl("create", "token", "writer").strip()
    refused = platform.fission("fn", "list", check=False, env={**env, "FISSION_TOKEN": elsewhere})
    assert "does not accept these credentials\n  the bearer token is not" in refused.stderr


@pytest.mark.usefixtures("kubectl")
def test_the_controller_gives_a_token_no_more_than_its_account_may(
    platform: platforms.Platform,
) -> None:
    platform.kubectl("create", "serviceaccount", "nobody")
    token = platform.kubectl(
        "create", "token", "nobody", "--audience", "fission-controller"
    ).strip()
    env = {"FISSION_URL": platform.status()["controller"], "FISSION_TOKEN": token}
    refused = platform.fission("fn", "list", check=False, env=env)
    assert refused.returncode == 1
    assert 'User "system:serviceaccount:default:nobody" cannot list' in refused.stderr


def test_what_is_declared_survives_down_and_up(any_platform: platforms.Platform) -> None:
    platform = any_platform
    platform.deploy("kept", "def main():\n    return 'kept'\n")
    platform.wait_call("/kept")
    platform.down()
    assert platforms.leftovers(platform.home) == []
    platform.up()
    del platform._router
    assert platform.wait_call("/kept").text == "kept"


def test_status_names_every_process_and_how_functions_are_isolated(
    any_platform: platforms.Platform,
) -> None:
    status = any_platform.status()
    roles = {process["role"] for process in status["processes"]}
    assert {"supervisor", "apiserver", "kubelet"} <= roles
    expected = "full" if any_platform.account.user_namespaces else "landlock"
    assert status["isolation"]["mode"] == expected


def test_output_forms(platform: platforms.Platform) -> None:
    platform.deploy("formed", "def main():\n    return ''\n")
    listed = json.loads(platform.fission("fn", "list", "-o", "json").stdout)
    assert "formed" in [function["metadata"]["name"] for function in listed]
    assert "name: formed" in platform.fission("fn", "list", "-o", "yaml").stdout
    bad = platform.fission("fn", "list", "-o", "xml", check=False)
    assert 'invalid output format "xml": valid values are wide, json, yaml' in bad.stderr
