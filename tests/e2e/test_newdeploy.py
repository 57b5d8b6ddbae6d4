"""Functions with a Deployment of their own: from zero, through updates and switches, and back."""

from __future__ import annotations

import collections
import contextlib
import threading
import time
from collections.abc import Iterator

import pytest

from tests.e2e import platform as platforms

HELLO = "def main():\n    return '{}'\n"
BROKEN = "import nothere\n\ndef main():\n    return ''\n"
WORKLOAD = ("--executortype", "newdeploy", "--minscale")
CALLERS = 3


class Load:
    """Callers without a pause; what they got, counted."""

    def __init__(self, platform: platforms.Platform, path: str) -> None:
        self._platform = platform
        self._path = path
        self._over = threading.Event()
        self.seen: collections.Counter[tuple[int, str]] = collections.Counter()

    def call(self) -> None:
        while not self._over.is_set():
            try:
                answer = self._platform.call(self._path)
                found = (answer.status, answer.text)
            except OSError as error:
                found = (0, repr(error))
            self.seen[found] += 1

    def answered(self, text: str) -> bool:
        return self.seen[(200, text)] > 0

    @contextlib.contextmanager
    def running(self) -> Iterator[Load]:
        threads = [threading.Thread(target=self.call) for _ in range(CALLERS)]
        for each in threads:
            each.start()
        try:
            yield self
        finally:
            self._over.set()
            for each in threads:
                each.join()


def replicas(platform: platforms.Platform, name: str) -> str:
    chosen = ("-l", f"functionName={name}", "-o", "jsonpath={.items[*].spec.replicas}")
    return platform.kubectl("get", "deployments", *chosen).strip()


def pods(platform: platforms.Platform, name: str) -> list[str]:
    return platform.kubectl("get", "pods", "-l", f"functionName={name}", "-o", "name").split()


def update_code(platform: platforms.Platform, name: str, text: str) -> None:
    code = platform.write(f"{name}-2.py", HELLO.format(text))
    platform.fission("fn", "update", "--name", name, "--code", code)


@pytest.fixture(scope="module")
def called_once(platform: platforms.Platform) -> str:
    """A function that may go to zero, called before the other tests and never by them."""
    # An environment of its own, whose pods give callers less time before they leave.
    made = ("--name", "brief", "--image", "fission/python-env", "--graceperiod", "3")
    platform.fission("env", "create", *made, "--poolsize", "0")
    flags = (*WORKLOAD, "0", "--maxscale", "2", "--idletimeout", "1")
    platform.deploy("nd-zero", HELLO.format("up"), *flags, env="brief")
    assert replicas(platform, "nd-zero") == ""
    assert platform.wait_call("/nd-zero").text == "up"
    return "nd-zero"


@pytest.mark.usefixtures("kubectl")
def test_a_function_without_pods_waits_for_one(
    platform: platforms.Platform, called_once: str
) -> None:
    described = platform.fission("fn", "describe", "--name", called_once).stdout
    assert "COLD STARTS" in described
    assert "ready" in described.split("COLD STARTS")[1]


@pytest.mark.usefixtures("kubectl")
def test_updates_and_switches_fail_no_request(platform: platforms.Platform) -> None:
    platform.deploy("nd-roll", HELLO.format("one"), *WORKLOAD, "1", "--maxscale", "2")
    platform.wait_call("/nd-roll")
    with Load(platform, "/nd-roll").running() as load:
        platforms.eventually(lambda: load.answered("one"))
        update_code(platform, "nd-roll", "two")
        platforms.eventually(lambda: load.answered("two"))
        platform.fission("fn", "update", "--name", "nd-roll", "--executortype", "poolmgr")
        platforms.eventually(lambda: replicas(platform, "nd-roll"), lambda found: found == "")
        platform.fission("fn", "update", "--name", "nd-roll", *WORKLOAD, "1", "--maxscale", "2")
        platforms.eventually(lambda: replicas(platform, "nd-roll"), lambda found: found == "1")
        platform.wait_call("/nd-roll")
    assert set(load.seen) == {(200, "one"), (200, "two")}


def test_a_function_that_does_not_load_says_why_at_once(platform: platforms.Platform) -> None:
    code = platform.write("nd-broken.py", BROKEN)
    flags = (*WORKLOAD, "0", "--maxscale", "1")
    platform.fission(
        "fn", "create", "--name", "nd-broken", "--env", "python", "--code", code, *flags
    )
    began = time.monotonic()
    done = platform.fission("fn", "test", "--name", "nd-broken", check=False)
    assert done.returncode == 1
    assert "ModuleNotFoundError: No module named 'nothere'" in done.stdout + done.stderr
    assert time.monotonic() - began < 10.0


@pytest.mark.usefixtures("kubectl")
def test_what_a_function_leaves_behind_is_nothing(platform: platforms.Platform) -> None:
    platform.deploy("nd-gone", HELLO.format("here"), *WORKLOAD, "1", "--maxscale", "1")
    platform.wait_call("/nd-gone")
    platform.fission("fn", "delete", "--name", "nd-gone")
    kinds = "deployments,services,horizontalpodautoscalers,replicasets"
    platforms.eventually(
        lambda: platform.kubectl("get", kinds, "-l", "functionName=nd-gone", "-o", "name"),
        lambda found: found.strip() == "",
    )


@pytest.mark.usefixtures("kubectl")
def test_an_idle_function_goes_to_zero_and_comes_back(
    platform: platforms.Platform, called_once: str
) -> None:
    platforms.eventually(lambda: replicas(platform, called_once), lambda found: found == "0")
    platforms.eventually(lambda: not pods(platform, called_once))
    assert platform.call(f"/{called_once}").text == "up"
