"""What pods say: up, coming, or stuck and why."""

from __future__ import annotations

from typing import Any

from fission.executor.workload import lean, readiness
from tests.unit.executor.workload import samples

DEPLOYMENT = {"metadata": {"name": "d"}, "spec": {"replicas": 1}}
ZERO = {"metadata": {"name": "d"}, "spec": {"replicas": 0}}
LAST = {"terminated": {"exitCode": 1, "message": "Traceback:\nSyntaxError"}}


def a_stuck_pod(name: str, state: dict[str, Any], last: dict[str, Any]) -> dict[str, Any]:
    container = {"name": name, "ready": False, "state": state, "lastState": last}
    return samples.a_pod(containerStatuses=[container])


def test_one_ready_pod_is_enough() -> None:
    pods = [samples.a_pod(), samples.a_pod("pod-2", ready=True)]
    assert readiness.assess(DEPLOYMENT, pods) == readiness.Up()


def test_a_pod_that_goes_or_is_not_declared_does_not_count() -> None:
    going = samples.a_pod(ready=True, going=True)
    assert readiness.assess(DEPLOYMENT, [going]) == readiness.Coming()
    assert readiness.assess(ZERO, [samples.a_pod(ready=True)]) == readiness.Coming()
    assert readiness.assess(None, [samples.a_pod(ready=True)]) == readiness.Coming()


def test_a_function_that_did_not_load_is_told_in_the_runtimes_words() -> None:
    back_off = {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off 1s"}}
    stuck = a_stuck_pod("fetcher", back_off, LAST)
    expected = readiness.Stuck("Traceback:\nSyntaxError", by_function=True)
    assert readiness.assess(DEPLOYMENT, [stuck]) == expected
    again = a_stuck_pod("fetcher", {"running": {}}, LAST)
    assert readiness.assess(DEPLOYMENT, [again]) == readiness.Coming()


def test_a_pod_that_cannot_start_says_which_and_why() -> None:
    waiting = {"waiting": {"reason": "ErrImagePull", "message": "no such image"}}
    stuck = a_stuck_pod("python", waiting, {})
    found = readiness.assess(DEPLOYMENT, [stuck])
    assert found == readiness.Stuck("pod pod-1: container python: ErrImagePull no such image")
    assert readiness.assess(DEPLOYMENT, [stuck, samples.a_pod("pod-2")]) == readiness.Coming()


def test_pods_that_are_refused_are_told_by_the_deployment() -> None:
    condition = {"type": "ReplicaFailure", "status": "True", "message": "exceeded quota"}
    deployment = {**DEPLOYMENT, "status": {"conditions": [condition]}}
    assert readiness.assess(deployment, []) == readiness.Stuck("exceeded quota")
    assert readiness.assess(DEPLOYMENT, []) == readiness.Coming()


def test_what_is_kept_of_objects_is_enough_to_judge_them() -> None:
    pod = {**samples.a_pod(ready=True), "spec": {"containers": [{"env": ["much"] * 100}]}}
    deployment = {**DEPLOYMENT, "spec": {"replicas": 1, "template": {"spec": "large"}}}
    kept_pod, kept = lean.pod(pod), lean.deployment(deployment)
    assert kept_pod["spec"] == {"containers": []}
    assert "template" not in kept["spec"]
    assert readiness.assess(kept, [kept_pod]) == readiness.Up()
