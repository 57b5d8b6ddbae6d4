"""What a function's owner is told when its runtime ends."""

from __future__ import annotations

from typing import Any

import pytest

from fission.executor.poolmgr import deaths

Obj = dict[str, Any]


def a_pod(status: Obj, **metadata: Any) -> Obj:
    return {
        "metadata": {"name": "pod-1", "uid": "u1", **metadata},
        "spec": {"containers": [{"name": "python", "resources": {"limits": {"memory": "64Mi"}}}]},
        "status": {
            "containerStatuses": [
                {"name": "fetcher", "restartCount": 7, "state": {"running": {}}},
                {"name": "python", "restartCount": 0, **status},
            ]
        },
    }


OOM = {"exitCode": 137, "reason": "OOMKilled", "message": "", "finishedAt": "t1"}
CRASH = {"exitCode": 3, "reason": "Error", "message": "boom\n", "finishedAt": "t1"}


@pytest.mark.parametrize(
    ("status", "reason", "message"),
    [
        (
            {"state": {"terminated": OOM}},
            "OOMKilled",
            "container python of pod pod-1 was killed for its use of memory, limit 64Mi "
            "(OOMKilled, exit code 137)",
        ),
        (
            {"state": {"running": {}}, "lastState": {"terminated": CRASH}, "restartCount": 1},
            "PodCrashed",
            "container python of pod pod-1 ended with exit code 3: boom",
        ),
        (
            {"state": {"terminated": {"exitCode": 139, "signal": 11}}},
            "PodCrashed",
            "container python of pod pod-1 was ended by signal 11 (exit code 139)",
        ),
    ],
)
def test_an_end_is_told_with_reason_code_and_last_words(
    status: Obj, reason: str, message: str
) -> None:
    death = deaths.describe(a_pod(status))
    assert death is not None
    assert (death.reason, death.message) == (reason, message)


@pytest.mark.parametrize(
    ("status", "metadata"),
    [
        ({"state": {"running": {}}}, {}),
        ({"state": {"terminated": OOM}}, {"deletionTimestamp": "2026-01-01T00:00:00Z"}),
        (
            {"state": {"terminated": OOM}},
            {"annotations": {"fission.io/drain-until": "2026-01-01T00:00:00Z"}},
        ),
        (
            {"state": {"running": {}}, "lastState": {"terminated": CRASH}, "restartCount": 1},
            {"annotations": {"fission.io/restarts-before": "1"}},
        ),
    ],
)
def test_a_life_and_an_end_that_was_asked_for_are_not_told(status: Obj, metadata: Obj) -> None:
    assert deaths.describe(a_pod(status, **metadata)) is None


def test_of_long_last_words_the_end_is_kept() -> None:
    ended = CRASH | {"message": "x" * 5000 + "the end"}
    death = deaths.describe(a_pod({"state": {"terminated": ended}}))
    assert death is not None
    assert death.message.endswith("the end")
    assert len(death.message) < 1000


def test_of_a_pod_of_its_own_every_end_counts_but_one_that_was_asked_for() -> None:
    restarted = {"state": {"running": {}}, "lastState": {"terminated": OOM}, "restartCount": 1}
    death = deaths.last(a_pod(restarted))
    assert death is not None
    assert death.reason == "OOMKilled"
    assert deaths.last(a_pod(restarted, deletionTimestamp="2026-01-01T00:00:00Z")) is None
    assert deaths.last(a_pod({"state": {"running": {}}})) is None
