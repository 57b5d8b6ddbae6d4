"""What becomes of a specialized pod."""

from __future__ import annotations

import datetime
from typing import Any

import pytest

from fission.api import environment_types, function_types
from fission.executor.poolmgr import pods, resources
from fission.meta import objectmeta

NOW = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)


def an_environment(**spec: Any) -> environment_types.Environment:
    runtime = environment_types.Runtime(image="fission/python-env")
    return environment_types.Environment(
        metadata=objectmeta.ObjectMeta(name="python", namespace="default", uid="env-1"),
        spec=environment_types.EnvironmentSpec(runtime=runtime, **spec),
    )


def a_function(generation: int = 1, uid: str = "fn-1") -> function_types.Function:
    return function_types.Function(
        metadata=objectmeta.ObjectMeta(
            name="hello", namespace="default", uid=uid, generation=generation
        )
    )


def a_pod(**changes: Any) -> dict[str, Any]:
    """A pod that serves generation 1 of the function."""
    labels = {
        "executorType": "poolmgr",
        "environmentName": "python",
        "environmentNamespace": "default",
        "environmentUid": "env-1",
        "managed": "false",
        "functionName": "hello",
        "functionNamespace": "default",
        "functionUid": "fn-1",
        "fission.io/function-generation": "1",
        "fission.io/env-runtime-hash": resources.runtime_hash(an_environment()),
        "fission.io/served": "true",
    }
    metadata = {"name": "p", "namespace": "default", "uid": "p-1", "labels": labels}
    metadata["annotations"] = changes.pop("annotations", {})
    if changes.pop("deleting", False):
        metadata["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    container = {"name": "python", "ready": changes.pop("ready", True)}
    container["restartCount"] = changes.pop("restarts", 0)
    container["state"] = {changes.pop("state", "running"): {}}
    status = {
        "phase": changes.pop("phase", "Running"),
        "podIP": "127.1.0.2",
        "containerStatuses": [container, {"name": "fetcher", "ready": True, "restartCount": 5}],
    }
    assert not changes
    ports = [
        {"name": "python", "ports": [{"name": "http-env", "containerPort": 8888}]},
        {"name": "fetcher", "ports": [{"name": "http-fetcher", "containerPort": 8000}]},
    ]
    return {"metadata": metadata, "spec": {"containers": ports}, "status": status}


def decide(pod: dict[str, Any], **changes: Any) -> pods.Verdict:
    function = changes.get("function", a_function())
    environment = changes.get("environment", an_environment())
    return pods.decide(pod, function, environment, changes.get("settings", ""), NOW)


def test_a_ready_pod_of_the_present_generation_serves() -> None:
    assert decide(a_pod()) == pods.Serve()


@pytest.mark.parametrize(
    ("pod", "changes", "verdict"),
    [
        (a_pod(ready=False), {}, pods.Forget()),
        (a_pod(deleting=True), {}, pods.Forget()),
        (a_pod(phase="Failed"), {}, pods.Delete("the pod has ended")),
        (a_pod(restarts=1), {}, pods.Drain("the runtime ended")),
        (a_pod(restarts=1, ready=False), {}, pods.Delete("the runtime ended")),
        (a_pod(restarts=1, annotations={resources.RESTARTS_BEFORE: "1"}), {}, pods.Serve()),
        (a_pod(state="waiting", ready=False), {}, pods.Delete("the runtime ended")),
        (a_pod(), {"function": None}, pods.Delete("the function was deleted")),
        (a_pod(), {"function": a_function(uid="x")}, pods.Delete("the function was deleted")),
        (a_pod(), {"environment": None}, pods.Delete("the environment was deleted")),
        (a_pod(), {"function": a_function(2)}, pods.Drain("the function was updated")),
        (
            a_pod(),
            {"environment": an_environment(resources={"limits": {"cpu": "1"}})},
            pods.Drain("the environment was updated"),
        ),
        (
            a_pod(annotations={resources.SETTINGS_HASH: "Secret/default/a@1"}),
            {"settings": "Secret/default/a@2"},
            pods.Drain("a secret or config map was updated"),
        ),
        (
            a_pod(annotations={resources.DRAIN_UNTIL: "2026-01-01T00:00:20Z"}),
            {},
            pods.Forget(20.0),
        ),
        (
            a_pod(annotations={resources.DRAIN_UNTIL: "2025-12-31T23:59:59Z"}),
            {},
            pods.Delete("drained"),
        ),
    ],
)
def test_every_row_of_the_table(
    pod: dict[str, Any], changes: dict[str, Any], verdict: pods.Verdict
) -> None:
    assert decide(pod, **changes) == verdict


def test_a_pod_of_a_generation_that_is_not_known_yet_is_left_alone() -> None:
    pod = a_pod()
    pod["metadata"]["labels"]["fission.io/function-generation"] = "2"
    assert decide(pod) == pods.Serve()


def test_another_pool_size_does_not_touch_pods_that_work() -> None:
    assert decide(a_pod(), environment=an_environment(pool_size=7)) == pods.Serve()


def test_addresses_are_the_real_ports() -> None:
    given = pods.generic_pod(a_pod(annotations={"kubelet/port-map": '{"8888": 41234}'}))
    assert given.service_address == "127.1.0.2:41234"
    assert given.fetcher_address == "127.1.0.2:8000"


def test_a_record_takes_the_pod_out_of_the_pool_and_into_the_endpoints() -> None:
    given = pods.generic_pod(a_pod())
    patch = pods.record_patch(given, a_function(3), "", "abcdefgh")
    assert patch == {
        "metadata": {
            "labels": {
                "managed": "false",
                "functionName": "hello",
                "functionNamespace": "default",
                "functionUid": "fn-1",
                "fission.io/function-generation": "3",
                "fission.io/served": "true",
            },
            "annotations": {
                "svcHost": "127.1.0.2:8888",
                "functionResourceVersion": "",
                "executorInstanceId": "abcdefgh",
            },
        }
    }


def test_a_record_takes_the_pod_out_of_its_replicaset_and_of_nothing_else() -> None:
    pod = a_pod()
    pod["metadata"]["ownerReferences"] = [
        {"kind": "Environment", "name": "python", "uid": "env-1"},
        {"kind": "ReplicaSet", "name": "pool", "uid": "rs-1", "controller": True},
    ]
    patch = pods.record_patch(pods.generic_pod(pod), a_function(), "", "abcdefgh")
    assert patch["metadata"]["ownerReferences"] == [{"$patch": "delete", "uid": "rs-1"}]


def waiting(reason: str) -> dict[str, Any]:
    state = {"waiting": {"reason": reason, "message": "because"}}
    container = {"name": "python", "state": state}
    return {"metadata": {"name": "p"}, "status": {"containerStatuses": [container]}}


@pytest.mark.parametrize(
    ("found", "reason"),
    [
        ([], "it has no pods"),
        ([waiting("ContainerCreating")], None),
        ([waiting("ErrImagePull"), waiting("ContainerCreating")], None),
        (
            [waiting("ErrImagePull"), waiting("ErrImagePull")],
            "its pods cannot start: container python: ErrImagePull because",
        ),
        ([a_pod(deleting=True)], "it has no pods"),
        (
            [
                {
                    "metadata": {"name": "p"},
                    "status": {
                        "conditions": [
                            {"type": "PodScheduled", "status": "False", "message": "no node fits"}
                        ]
                    },
                }
            ],
            "its pods cannot start: no node fits",
        ),
    ],
)
def test_a_pool_is_hopeless_when_no_pod_may_become_ready(
    found: list[dict[str, Any]], reason: str | None
) -> None:
    assert pods.why_hopeless(found) == reason
