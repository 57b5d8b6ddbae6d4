"""From `timer create` to the function, over a timer that is killed."""

from __future__ import annotations

import json
from collections.abc import Callable

from tests.e2e import kills
from tests.e2e import platform as platforms

CODE = """\
from flask import request
seen = []

def main():
    due = request.headers.get("X-Fission-Timer-Scheduled-At")
    if due:
        seen.append(due)
    return ",".join(["seen", *seen])
"""


def _until(so: Callable[[], bool]) -> None:
    platforms.eventually(so, bool)


def test_a_timer_calls_its_function_at_each_instant_once_over_a_kill(
    platform: platforms.Platform,
) -> None:
    file = platform.write("timed.py", CODE)
    one_pod = ("--concurrency", "1", "--requestsperpod", "10")
    platform.fission("fn", "create", "--name", "timed", "--env", "python", "--code", file, *one_pod)
    platform.fission("route", "create", "--name", "timed", "--url", "/timed", "--function", "timed")
    made = platform.fission(
        *("timer", "create", "--name", "tick", "--function", "timed"),
        *("--cron", "* * * * * *", "--subpath", "/a"),
    )
    assert made.stdout.startswith("trigger 'tick' created\nCurrent Server Time: 20")
    platform.fission("timer", "wait", "--name", "tick", "--for", "condition=Ready")

    def seen() -> list[str]:
        return platform.wait_call("/timed").text.split(",")[1:]

    _until(lambda: len(seen()) >= 2)
    before = seen()[-1]
    kills.kill(kills.find(platform, "/timer")["pid"])
    _until(lambda: seen()[-1] > before)

    instants = seen()
    assert instants == sorted(set(instants))

    def recorded() -> bool:
        shown = platform.fission("timer", "get", "--name", "tick", "-o", "json").stdout
        return int(json.loads(shown)["status"].get("delivery", {}).get("delivered", 0)) >= 3

    _until(recorded)
    refused = platform.fission(
        *("timer", "create", "--name", "bad", "--function", "timed", "--cron", "61 * * * *"),
        check=False,
    )
    assert refused.returncode == 1
    assert 'field minute "61": 61 is outside of 0-59' in refused.stderr
    platform.fission("timer", "delete", "--name", "tick")
    platform.fission("route", "delete", "--name", "timed")
    platform.fission("fn", "delete", "--name", "timed")
