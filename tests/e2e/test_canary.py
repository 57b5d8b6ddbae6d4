"""Traffic moves from one function to another, and back; pods wait before anybody calls."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Iterator

from tests.e2e import kills
from tests.e2e import platform as platforms

GOOD = 'def main():\n    return "{}"\n'
BAD = 'from flask import Response\n\ndef main():\n    return Response("bad", 500)\n'


@contextlib.contextmanager
def calls(platform: platforms.Platform, *paths: str) -> Iterator[set[str]]:
    """Call routes all the while; yields what was answered."""
    told: set[str] = set()
    ended = threading.Event()

    def run() -> None:
        while not ended.is_set():
            told.update(platform.call(path).text for path in paths)
            platforms.pause()

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield told
    finally:
        ended.set()
        thread.join()


def weights(platform: platforms.Platform, route: str) -> dict[str, int]:
    found = platform.fission("route", "get", "--name", route, "-o", "json").stdout
    wanted: dict[str, int] = json.loads(found)["spec"]["functionref"]["functionweights"]
    return wanted


def states(platform: platforms.Platform) -> dict[str, str]:
    found = json.loads(platform.fission("canary", "list", "-o", "json").stdout)
    return {one["metadata"]["name"]: one.get("status", {}).get("status", "") for one in found}


def test_a_canary_goes_on_after_a_kill_and_a_bad_one_goes_back(
    platform: platforms.Platform,
) -> None:
    for name, code in (("old", GOOD.format("old")), ("good", GOOD.format("new")), ("bad", BAD)):
        file = platform.write(f"canary-{name}.py", code)
        platform.fission("fn", "create", "--name", f"c-{name}", "--env", "python", "--code", file)
    for name in ("good", "bad"):
        both = ("--function", f"c-{name}", "--function", "c-old", "--weight", "40,60")
        platform.fission("route", "create", "--name", f"c-{name}", "--url", f"/c-{name}", *both)
        platform.fission(
            *("canary", "create", "--name", name, "--httptrigger", f"c-{name}"),
            *("--newfn", f"c-{name}", "--oldfn", "c-old", "--step", "60", "--internal", "1s"),
        )
        platform.wait_call(f"/c-{name}", lambda answer: answer.status != 404)
    with calls(platform, "/c-good", "/c-bad") as told:
        kills.kill(kills.find(platform, "/canary")["pid"])
        wanted = {"good": "succeeded", "bad": "failed"}
        platforms.eventually(lambda: states(platform), lambda found: found == wanted)
    assert weights(platform, "c-good") == {"c-good": 100, "c-old": 0}
    assert weights(platform, "c-bad") == {"c-bad": 0, "c-old": 100}
    assert {"old", "new", "bad"} <= told


def test_pods_are_there_before_the_first_call(platform: platforms.Platform) -> None:
    file = platform.write("eager.py", GOOD.format("eager"))
    created = ("fn", "create", "--name", "eager", "--env", "python", "--code", file)
    platform.fission(*created, "--provisioned-concurrency", "2")
    platforms.eventually(
        lambda: platform.fission("fn", "describe", "--name", "eager").stdout,
        lambda shown: "2 of 2 pods" in shown,
    )
    platform.fission("fn", "delete", "--name", "eager")
