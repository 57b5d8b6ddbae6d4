"""A CPU request for the autoscaler, where nobody declares one."""

import copy

import pytest

from fission.api import function_types
from fission.executor.workload import objects

MEMORY = {
    "type": "Resource",
    "resource": {"name": "memory", "target": {"type": "AverageValue", "averageValue": "1Gi"}},
}


def a_template(resources=None):
    containers = [{"name": "web", "resources": resources or {}}, {"name": "side"}]
    return {"metadata": {}, "spec": {"containers": containers}}


def requested(template, **execution):
    before = copy.deepcopy(template)
    strategy = function_types.ExecutionStrategy(**execution)
    found = objects.with_cpu_request(template, "web", strategy)
    assert template == before
    assert found["spec"]["containers"][1] == {"name": "side"}
    return (found["spec"]["containers"][0].get("resources") or {}).get("requests")


def test_a_container_without_one_gets_one_and_keeps_the_rest():
    assert requested(a_template()) == {"cpu": "100m"}
    assert requested(a_template({"requests": {"memory": "64Mi"}}), target_cpu_percent=50) == {
        "memory": "64Mi",
        "cpu": "100m",
    }


@pytest.mark.parametrize("kind", ["requests", "limits"])
def test_what_is_declared_stays(kind):
    declared = {kind: {"cpu": "250m"}}
    assert requested(a_template(declared)) == declared.get("requests")


def test_an_autoscaler_that_looks_at_something_else_needs_none():
    assert requested(a_template(), hpa_metrics=[MEMORY]) is None
