"""The objects of a container function."""

from __future__ import annotations

from typing import Any

import pytest

from fission.api import function_types
from fission.base import errors
from tests.unit.executor.workload import samples

IMAGE = {"name": "main", "image": "example/hello", "ports": [{"containerPort": 9000}]}


def a_function(container: dict[str, Any] | None = None, **spec: Any) -> function_types.Function:
    podspec = {"containers": [container or IMAGE]}
    return samples.a_function(function_types.CONTAINER, podspec=podspec, **spec)


def made_pod(function: function_types.Function, settings_hash: str = "") -> dict[str, Any]:
    made = samples.made_container(function, settings_hash)
    pod: dict[str, Any] = made.deployment["spec"]["template"]["spec"]
    return pod


def test_a_deployment_of_the_image_behind_a_service_on_its_port() -> None:
    made = samples.made_container(a_function())
    assert made.deployment["metadata"]["name"] == "container-hello-default-8000-1234567890ab"
    [container] = made.deployment["spec"]["template"]["spec"]["containers"]
    assert container["name"] == "hello"
    assert container["image"] == "example/hello"
    [port] = made.service["spec"]["ports"]
    assert (port["port"], port["targetPort"]) == (80, 9000)
    [metric] = made.autoscaler["spec"]["metrics"]
    assert metric["containerResource"]["container"] == "hello"


def test_it_has_no_environment_and_no_fetcher() -> None:
    made = samples.made_container(a_function())
    assert not [name for name in made.service["metadata"]["labels"] if name.startswith("env")]
    pod = made.deployment["spec"]["template"]["spec"]
    assert pod["automountServiceAccountToken"] is False
    assert "serviceAccountName" not in pod


def test_requests_in_flight_get_six_minutes_unless_told_otherwise() -> None:
    pod = made_pod(a_function())
    assert pod["terminationGracePeriodSeconds"] == 360
    assert pod["containers"][0]["lifecycle"] == {"preStop": {"sleep": {"seconds": 360}}}
    function = a_function()
    assert function.spec.podspec is not None
    function.spec.podspec["terminationGracePeriodSeconds"] = 5
    assert made_pod(function)["containers"][0]["lifecycle"]["preStop"]["sleep"]["seconds"] == 5


def test_a_pod_is_ready_when_its_program_listens() -> None:
    [container] = made_pod(a_function())["containers"]
    assert container["readinessProbe"]["tcpSocket"] == {"port": 9000}
    own = {"httpGet": {"path": "/ok", "port": 9000}}
    [container] = made_pod(a_function({**IMAGE, "readinessProbe": own}))["containers"]
    assert container["readinessProbe"] == own


def reference(name: str, mount_path: str = "") -> function_types.MountedReference:
    return function_types.MountedReference(namespace="default", name=name, mount_path=mount_path)


def test_secrets_and_config_maps_are_variables_or_files() -> None:
    function = a_function(
        secrets=[reference("db"), reference("tls", "certs")], config_maps=[reference("settings")]
    )
    pod = made_pod(function)
    [container] = pod["containers"]
    assert container["envFrom"] == [
        {"secretRef": {"name": "db"}},
        {"configMapRef": {"name": "settings"}},
    ]
    [volume] = pod["volumes"]
    assert volume["secret"] == {"secretName": "tls", "defaultMode": 0o750}
    [mount] = container["volumeMounts"]
    assert (mount["name"], mount["mountPath"]) == (volume["name"], "/secrets/certs")


def test_own_sources_of_variables_stand_alone() -> None:
    sources = [{"configMapRef": {"name": "mine"}}]
    [container] = made_pod(a_function(env_from=sources, secrets=[reference("db")]))["containers"]
    assert container["envFrom"] == sources


def test_the_functions_variables_go_over_the_podspecs() -> None:
    declared = {**IMAGE, "env": [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}]}
    [container] = made_pod(a_function(declared, env=[{"name": "A", "value": "3"}]))["containers"]
    assert container["env"] == [{"name": "B", "value": "2"}, {"name": "A", "value": "3"}]


@pytest.mark.parametrize(
    ("container", "field"),
    [
        ({"name": "x", "image": "i"}, "ports: 0 ports"),
        ({**IMAGE, "ports": [{"containerPort": 1}, {"containerPort": 2}]}, "ports: 2 ports"),
    ],
)
def test_what_has_not_one_port_is_refused_by_name(container: dict[str, Any], field: str) -> None:
    with pytest.raises(errors.InvalidInput, match=field):
        samples.made_container(a_function(container))


def test_the_function_is_not_changed_by_making_its_objects() -> None:
    function = a_function(env=[{"name": "A", "value": "3"}])
    samples.made_container(function, "Secret/default/db@1")
    assert function.spec.podspec == {"containers": [IMAGE]}
