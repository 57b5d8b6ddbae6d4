"""A runtime that was started anew knows no function, whatever its pod says."""

from __future__ import annotations

from typing import Any

from fission.executor.workload import crashes
from tests.unit.executor.workload import samples

STARTED = "2026-01-01T00:00:00Z"
RUNNING = {"running": {}}
ENDED = {"terminated": {"exitCode": 137}}


def a_pod(
    restarts: int = 0,
    *,
    ready: bool = True,
    state: dict[str, Any] = RUNNING,
    created: str = "2026-01-01T00:01:00Z",
) -> dict[str, Any]:
    runtime = {"name": "python", "ready": ready, "restartCount": restarts, "state": state}
    fetcher = {"name": "fetcher", "ready": ready, "restartCount": 0, "state": RUNNING}
    pod = samples.a_pod(containerStatuses=[runtime, fetcher])
    pod["metadata"]["labels"] = {"environmentName": "python"}
    pod["metadata"]["creationTimestamp"] = created
    return pod


def test_a_runtime_that_ends_after_it_served_is_noticed_before_it_is_back() -> None:
    known = crashes.Crashes(STARTED)
    assert not known.observe(a_pod())
    assert known.observe(a_pod(ready=False, state=ENDED))
    assert known.observe(a_pod(1))


def test_restarts_before_the_function_was_loaded_do_not_count() -> None:
    known = crashes.Crashes(STARTED)
    assert not known.observe(a_pod(2, ready=False, state=ENDED))
    assert not known.observe(a_pod(3))
    assert known.observe(a_pod(4))


def test_a_pod_from_before_that_restarted_is_not_trusted() -> None:
    known = crashes.Crashes(STARTED)
    assert known.observe(a_pod(1, created="2025-12-31T23:59:00Z"))
    assert not crashes.Crashes(STARTED).observe(a_pod(0, created="2025-12-31T23:59:00Z"))


def test_a_container_function_is_its_own_program() -> None:
    pod = a_pod(3)
    pod["metadata"]["labels"] = {}
    assert not crashes.Crashes(STARTED).observe(pod)


def test_what_is_gone_is_forgotten() -> None:
    known = crashes.Crashes(STARTED)
    known.observe(a_pod())
    known.forget(a_pod())
    assert not known.observe(a_pod(1))
