"""SIGKILL of pods, executor, kubelet and API server while functions of both kinds are under load.

What a function's owner declared holds all the while: no pod ever has more requests at once than it
may, never more pods than it may, and calls made after a kill are answered. In the end nothing is
there twice, and nothing that nobody needs.
"""

from __future__ import annotations

import json
import random
import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.e2e import accounts, kills
from tests.e2e import platform as platforms

REQUESTS_PER_POD = 2
CONCURRENCY = 3
LEAST_PODS = 2
SEED = 4
RECOVERY_SECONDS = 15.0
"""A bound on what may never happen (a function that stays away), not a promise of speed."""

# Tells its pod, and the most requests that it has ever had in it at once.
COUNTING_SOURCE = """
import os, threading, time
lock = threading.Lock()
now = most = 0

def main():
    global now, most
    with lock:
        now += 1
        most = max(most, now)
    time.sleep(0.02)
    with lock:
        now -= 1
    return f'{os.environ["HOSTNAME"]} {most}'
"""


@pytest.fixture(scope="module")
def loaded() -> Iterator[platforms.Platform]:
    """A platform with one pooled and one deployed function, both warm."""
    platform = platforms.started(accounts.everyone()[0])
    try:
        platform.deploy(
            "bounded",
            COUNTING_SOURCE,
            *("--requestsperpod", str(REQUESTS_PER_POD), "--concurrency", str(CONCURRENCY)),
        )
        platform.deploy(
            "scaled",
            COUNTING_SOURCE,
            *("--executortype", "newdeploy", "--minscale", str(LEAST_PODS), "--maxscale", "4"),
        )
        for name in ("bounded", "scaled"):
            platform.wait_call(f"/{name}")
        platforms.eventually(lambda: len(pods_of(platform, "scaled")) == LEAST_PODS)
    except BaseException:
        print(platform.log_tail())
        platform.down()
        raise
    yield platform
    platforms.ended(platform)


def objects(platform: platforms.Platform, kind: str, function: str) -> list[dict[str, Any]]:
    """Everything of a kind that carries a function's name, but what is on its way out."""
    listed = platform.kubectl("get", kind, "-l", f"functionName={function}", "-o", "json")
    return [
        item
        for item in json.loads(listed)["items"]
        if not item["metadata"].get("deletionTimestamp")
    ]


def pods_of(platform: platforms.Platform, function: str) -> list[str]:
    """The pods that may get requests: neither ending nor drained."""
    return [
        pod["metadata"]["name"]
        for pod in objects(platform, "pods", function)
        if "fission.io/drain-until" not in pod["metadata"].get("annotations", {})
        and pod["status"].get("phase") == "Running"
    ]


def victim_of(platform: platforms.Platform, target: str) -> int:
    """The process to kill: a component's, or that of a pod that serves a function."""

    def found() -> int | None:
        name = {"executor": "/executor"}.get(target, target)
        if target in ("bounded", "scaled"):
            name = f"default/{platform.wait_call(f'/{target}').text.split()[0]}/"
        known = kills.processes(platform)
        return next((one["pid"] for one in known if kills.is_called(one, name)), None)

    return int(platforms.eventually(found))


def test_what_was_declared_holds_whoever_is_killed(loaded: platforms.Platform) -> None:
    targets = ["bounded", "scaled", "executor", "kubelet", "apiserver"] * 2
    random.Random(SEED).shuffle(targets)
    pooled = kills.Traffic(f"{loaded.router}/bounded", callers=4)
    deployed = kills.Traffic(f"{loaded.router}/scaled", callers=2)
    with pooled.running(), deployed.running():
        for target in targets:
            kills.kill(victim_of(loaded, target))
            dead_at = time.monotonic()
            for traffic in (pooled, deployed):
                answered_since(traffic, dead_at)
            count_bounded(loaded)
            late = [*failed_since(pooled, dead_at), *failed_since(deployed, dead_at)]
            assert late == [], f"calls made after {target} was killed must be answered"
    for traffic in (pooled, deployed):
        assert traffic.refused() == []
    answers = [call.body.split() for call in pooled.calls if call.good]
    assert {int(most) for _, most in answers} <= set(range(1, REQUESTS_PER_POD + 1))
    settled(loaded)


def answered_since(traffic: kills.Traffic, moment: float) -> None:
    """Wait for an answer to a call that was made since."""
    platforms.eventually(
        lambda: any(call.good and call.began > moment for call in traffic.calls),
        seconds=RECOVERY_SECONDS,
    )


def failed_since(traffic: kills.Traffic, moment: float) -> list[kills.Call]:
    """Calls made since that failed; one beyond the limit is told so, which is no failure."""
    return [call for call in traffic.bad() if call.began > moment and call.status != 429]


def count_bounded(platform: platforms.Platform) -> None:
    """Never more pods than the function may have; the API server may be away for a moment."""
    platforms.eventually(lambda: platform.kubectl("get", "--raw", "/readyz", check=False))
    found = pods_of(platform, "bounded")
    assert len(found) <= CONCURRENCY, found


def settled(platform: platforms.Platform) -> None:
    """In the end everything is there once: what serves, and what it needs."""
    platforms.eventually(lambda: len(pods_of(platform, "scaled")) == LEAST_PODS)
    for kind in ("deployments", "services", "horizontalpodautoscalers"):
        assert len(objects(platform, kind, "scaled")) == 1, kind
    assert len(objects(platform, "services", "bounded")) == 1
    platforms.eventually(lambda: len(pods_of(platform, "bounded")) <= CONCURRENCY)
    claimed = [
        pod["metadata"]["labels"]["functionUid"]
        for pod in json.loads(platform.kubectl("get", "pods", "-o", "json"))["items"]
        if pod["metadata"]["labels"].get("managed") == "false"
    ]
    functions = json.loads(platform.kubectl("get", "functions", "-o", "json"))["items"]
    assert set(claimed) <= {function["metadata"]["uid"] for function in functions}
