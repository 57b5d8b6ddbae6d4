"""What a trial's function is, and what it says of the code; no platform."""

import datetime
import io

import pytest

from fission.api import function_types, objects
from fission.base import clock as clocks
from fission.cli import context
from fission.cli.function import trial


def make(**status):
    return {"metadata": {"name": "hello-trial", "namespace": "default"}, "status": status}


def condition(type_, status, reason, message=""):
    return {"type": type_, "status": status, "reason": reason, "message": message}


@pytest.mark.parametrize(
    "status",
    [
        {},
        {"conditions": [condition("Ready", "True", "Ready")]},
        {"conditions": [condition("Ready", "False", "PackageNotFound", "no package yet")]},
        {"conditions": [condition("Provisioned", "False", "Provisioning", "0 of 1 pods")]},
    ],
)
def test_nothing_is_certain_before_the_code_was_loaded(status):
    assert trial.read(make(**status)) is None


def test_a_pod_that_is_ready_has_loaded_the_code():
    assert trial.read(make(provisionedReady=1)) == trial.Outcome()


@pytest.mark.parametrize(
    ("found", "failure"),
    [
        (condition("Ready", "False", "SpecializationFailed", "why"), trial.FAILED),
        (condition("Provisioned", "False", "ProvisioningFailed", "why"), trial.FAILED),
        (condition("Ready", "False", "NoPod", "why"), trial.NO_POD),
    ],
)
def test_what_keeps_it_from_loading_is_told(found, failure):
    assert trial.read(make(conditions=[found])) == trial.Outcome(failure, "why")


def test_where_nothing_is_provisioned_nothing_can_be_tried():
    found = condition("Provisioned", "False", "NotProvisionable", "shared pods")
    assert trial.read(make(conditions=[found])) == trial.Outcome(untried="shared pods")


def test_the_function_is_tried_with_its_settings_but_not_with_its_pods():
    function = objects.decode(
        function_types.Function,
        {
            "metadata": {"name": "hello", "namespace": "shop", "uid": "1", "labels": {"a": "b"}},
            "spec": {
                "environment": {"name": "python", "namespace": "shop"},
                "package": {
                    "packageref": {"name": "hello-1", "namespace": "shop"},
                    "functionName": "main.main",
                },
                "InvokeStrategy": {
                    "ExecutionStrategy": {"ExecutorType": "newdeploy", "MinScale": 3},
                    "StrategyType": "execution",
                },
                "secrets": [{"name": "password", "namespace": "shop"}],
                "env": [{"name": "COLOUR", "value": "red"}],
                "onceOnly": True,
            },
        },
    )
    package = {
        "metadata": {"name": "hello-trial-1", "namespace": "shop", "resourceVersion": "7"},
        "spec": {"environment": {"name": "python", "namespace": "shop"}},
    }
    made = objects.encode(trial.make_function(function, "hello-trial-1", package))
    assert made["metadata"] == {
        "name": "hello-trial-1",
        "namespace": "shop",
        "labels": {"fission.io/trial-of": "hello"},
        "ownerReferences": [
            {"apiVersion": "fission.io/v1", "kind": "Function", "name": "hello", "uid": "1"}
        ],
    }
    assert made["spec"]["package"] == {
        "functionName": "main.main",
        "packageref": {"name": "hello-trial-1", "namespace": "shop", "resourceversion": "7"},
    }
    assert made["spec"]["InvokeStrategy"]["ExecutionStrategy"] == {"ExecutorType": "poolmgr"}
    assert made["spec"]["provisionedConcurrency"] == {"target": 1}
    assert made["spec"]["secrets"] == [{"name": "password", "namespace": "shop"}]
    assert made["spec"]["env"] == [{"name": "COLOUR", "value": "red"}]
    assert "onceOnly" not in made["spec"]
    assert function.metadata.name == "hello"
    assert function.spec.package.package_ref.name == "hello-1"


class Kept:
    """A platform that remembers what was deleted."""

    namespace = "default"

    def __init__(self):
        self.deleted = []

    async def delete(self, resource, name, namespace):
        self.deleted.append((resource.kind, namespace, name))


async def test_what_a_killed_command_left_is_removed_once_nobody_can_wait_for_it():
    now = datetime.datetime(2026, 1, 1, 12, tzinfo=datetime.UTC)
    clock = clocks.ManualClock(now)

    class Session(context.Session):
        backend = Kept()

    session = Session({}, io.StringIO(), io.StringIO(), clock=clock)

    def left(kind, began):
        metadata = {"name": "hello-trial", "namespace": "shop", "creationTimestamp": began}
        return {"kind": kind, "metadata": metadata}

    old, new = "2026-01-01T11:20:00Z", "2026-01-01T11:50:00Z"
    await trial.remove_stale(session, [left("Function", old), left("Package", new)])

    assert session.backend.deleted == [("Function", "shop", "hello-trial")]
