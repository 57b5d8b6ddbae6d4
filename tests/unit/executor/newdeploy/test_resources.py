"""The objects of a newdeploy function."""

from __future__ import annotations

import json
from typing import Any

from fission.executor import names, podparts
from fission.executor.newdeploy import resources
from fission.executor.workload import objects
from tests.unit.executor.workload import samples

NAME = "newdeploy-hello-default-8000-1234567890ab"


def container(made: objects.Objects, name: str) -> dict[str, Any]:
    found = made.deployment["spec"]["template"]["spec"]["containers"]
    one: dict[str, Any] = next(each for each in found if each["name"] == name)
    return one


def startup(made: objects.Objects) -> dict[str, Any]:
    arguments = container(made, "fetcher")["args"]
    found: dict[str, Any] = json.loads(arguments[arguments.index("-specialize-request") + 1])
    return found


def test_the_three_carry_fissions_name_and_labels() -> None:
    made = samples.made()
    for _, obj in made.each():
        assert obj["metadata"]["name"] == NAME
        assert obj["metadata"]["labels"] == {
            "team": "a",
            "app": "shop",
            "executorType": "newdeploy",
            "environmentName": "python",
            "environmentNamespace": "default",
            "environmentUid": "env-1",
            "functionName": "hello",
            "functionNamespace": "default",
            "functionUid": samples.UID,
            "fission.io/managed-by": "fission",
        }
        annotations = obj["metadata"]["annotations"]
        assert annotations["executorInstanceId"] == "abcdefgh"
        assert annotations["functionResourceVersion"] == "77"
        assert annotations["note"] == "env"
        assert annotations["both"] == "function"
        assert obj["metadata"]["ownerReferences"][0]["kind"] == "Function"


def test_long_names_are_cut_as_fission_cuts_them() -> None:
    name = names.workload_name("newdeploy", "f" * 40, "n" * 40, samples.UID)
    assert name == f"newdeploy-{'f' * 17}-{'n' * 17}-8000-1234567890ab"
    assert len(names.workload_name("container", "f" * 63, "n" * 63, samples.UID)) <= 63


def test_the_service_leads_to_every_generation() -> None:
    spec = samples.made().service["spec"]
    assert spec["ports"] == [
        {"name": "http-env", "port": 80, "targetPort": "http-env", "protocol": "TCP"}
    ]
    assert spec["selector"] == {
        "executorType": "newdeploy",
        "functionName": "hello",
        "functionNamespace": "default",
        "functionUid": samples.UID,
    }


def test_a_rollout_of_one_pod_never_falls_to_none() -> None:
    strategy = samples.made().deployment["spec"]["strategy"]
    assert strategy["rollingUpdate"] == {"maxSurge": "20%", "maxUnavailable": "20%"}


def test_pods_specialize_themselves_before_they_are_ready() -> None:
    made = samples.made()
    arguments = container(made, "fetcher")["args"]
    assert "-specialize-on-startup" in arguments
    request = startup(made)
    assert request["FetchReq"]["package"]["name"] == "hello-pkg"
    assert request["FetchReq"]["functionUid"] == samples.UID
    assert "archive" not in request["FetchReq"]
    assert request["LoadReq"]["functionName"] == "hello.main"
    assert "requestsPerPod" not in request["LoadReq"]
    fetcher = container(made, "fetcher")
    assert fetcher["readinessProbe"]["httpGet"]["path"] == "/readiness-healthz"
    assert "startupProbe" not in fetcher  # it would end the pod of a function that loads slowly


def test_only_what_pods_are_made_from_replaces_them() -> None:
    template = samples.made().deployment["spec"]["template"]
    function = samples.a_function(scale=(1, 7), idle_timeout=5)
    function.metadata.generation, function.metadata.resource_version = 9, "1000"
    assert samples.made(function).deployment["spec"]["template"] == template
    function.spec.package.package_ref.resource_version = "13"
    assert samples.made(function).deployment["spec"]["template"] != template


def test_the_functions_resources_go_over_the_environments() -> None:
    environment = samples.an_environment(
        resources={"limits": {"cpu": "1", "memory": "128Mi"}, "requests": {"cpu": "100m"}}
    )
    function = samples.a_function(resources={"limits": {"memory": "1Gi"}})
    made = resources.make_objects(function, environment, "", samples.PLACE, samples.OPTIONS)
    assert container(made, "python")["resources"] == {
        "limits": {"cpu": "1", "memory": "1Gi"},
        "requests": {"cpu": "100m"},
    }


def test_variables_reach_the_functions_container_alone() -> None:
    variables = [{"name": "LEVEL", "value": "debug"}]
    sources = [{"secretRef": {"name": "db"}}]
    made = samples.made(samples.a_function(env=variables, env_from=sources))
    assert variables[0] in container(made, "python")["env"]
    assert container(made, "python")["envFrom"] == sources
    assert variables[0] not in container(made, "fetcher")["env"]


def test_changed_settings_replace_pods() -> None:
    def count(settings_hash: str) -> Any:
        variables = container(samples.made(None, settings_hash), "python")["env"]
        return next((v["value"] for v in variables if v["name"] == "RESOURCE_VERSION_COUNT"), None)

    assert count("") is None
    assert count("Secret/default/db@1") != count("Secret/default/db@2")
    assert count("Secret/default/db@1") == count("Secret/default/db@1")


def test_the_functions_podspec_is_merged_by_name() -> None:
    podspec = {
        "nodeSelector": {"disk": "fast"},
        "containers": [
            {"name": "python", "env": [{"name": "X", "value": "1"}]},
            {"name": "sidecar", "image": "example/sidecar"},
        ],
    }
    made = samples.made(samples.a_function(podspec=podspec))
    spec = made.deployment["spec"]["template"]["spec"]
    assert spec["nodeSelector"] == {"disk": "fast"}
    assert [one["name"] for one in spec["containers"]] == ["python", "fetcher", "sidecar"]
    assert {"name": "X", "value": "1"} in container(made, "python")["env"]


def test_pull_secrets_and_grace_come_from_the_environment() -> None:
    environment = samples.an_environment(image_pull_secret="registry", termination_grace_period=20)
    made = resources.make_objects(
        samples.a_function(), environment, "", samples.PLACE, samples.OPTIONS
    )
    spec = made.deployment["spec"]["template"]["spec"]
    assert spec["imagePullSecrets"] == [{"name": "registry"}]
    assert spec["terminationGracePeriodSeconds"] == 20
    assert container(made, "python")["lifecycle"] == {"preStop": {"sleep": {"seconds": 20}}}


def test_the_autoscaler_looks_at_the_functions_container() -> None:
    function = samples.a_function(scale=(2, 5))
    execution = function.spec.invoke_strategy.execution_strategy
    spec = samples.made(function).autoscaler["spec"]
    assert (spec["minReplicas"], spec["maxReplicas"]) == (2, 5)
    assert spec["scaleTargetRef"]["name"] == NAME
    [metric] = spec["metrics"]
    assert metric["containerResource"]["target"]["averageUtilization"] == 80
    execution.target_cpu_percent = 50
    memory = {"name": "memory", "target": {"type": "Utilization", "averageUtilization": 70}}
    pods = {"type": "Pods", "pods": {"metric": {"name": "queue"}}}
    execution.hpa_metrics = [{"type": "Resource", "resource": memory}, pods]
    execution.hpa_behavior = {"scaleDown": {"stabilizationWindowSeconds": 10}}
    spec = samples.made(function).autoscaler["spec"]
    first, second, third = spec["metrics"]
    assert first["containerResource"]["target"]["averageUtilization"] == 50
    assert second["containerResource"] == {**memory, "container": "python"}
    assert third == pods
    assert spec["behavior"] == execution.hpa_behavior


def test_bounds_of_a_function_that_may_go_to_zero() -> None:
    spec = samples.made(samples.a_function(scale=(0, 0))).autoscaler["spec"]
    assert (spec["minReplicas"], spec["maxReplicas"]) == (1, 1)


def test_resources_merge_leaves_both_sides_as_they_were() -> None:
    base = {"limits": {"cpu": "1"}}
    merged = podparts.merge_resources(base, {"limits": {"memory": "1Gi"}, "requests": None})
    assert merged == {"limits": {"cpu": "1", "memory": "1Gi"}}
    assert base == {"limits": {"cpu": "1"}}
