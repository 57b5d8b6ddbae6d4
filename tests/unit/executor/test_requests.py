"""What a specialization asks for, and what it refuses before a pod is spent on it."""

from __future__ import annotations

import pytest

from fission.api import environment_types, function_types
from fission.executor import catalog, errors, requests


def a_function(**spec: object) -> function_types.Function:
    function = function_types.Function()
    function.metadata.name, function.metadata.namespace = "f", "here"
    for name, value in spec.items():
        setattr(function.spec, name, value)
    return function


def an_environment(functions: str = "") -> environment_types.Environment:
    environment = environment_types.Environment()
    environment.metadata.name = "many"
    environment.spec.allowed_functions_per_container = functions
    return environment


VARIABLE = {"name": "A", "value": "1"}
MOUNT = function_types.MountedReference(name="s", mount_path="p")


@pytest.mark.parametrize(
    ("spec", "named"),
    [
        ({"env": [VARIABLE]}, "spec.env of"),
        ({"env_from": [{"secretRef": {"name": "s"}}]}, "spec.envFrom of"),
        ({"secrets": [MOUNT], "env": [VARIABLE]}, "spec.env and spec.secrets.mountPath of"),
        ({"config_maps": [MOUNT]}, "spec.configmaps.mountPath of"),
    ],
)
def test_functions_that_share_a_process_have_nothing_of_their_own_in_it(
    spec: dict[str, object], named: str
) -> None:
    function = a_function(**spec)
    requests.check_shared(function, an_environment())
    with pytest.raises(errors.SpecializationFailed) as refused:
        requests.check_shared(function, an_environment("infinite"))
    assert refused.value.final
    assert refused.value.message.startswith(f"{named} function here/f: not in environment many")


def test_what_variables_refer_to_counts_as_settings_once() -> None:
    function = a_function(
        secrets=[function_types.MountedReference(name="both")],
        env=[
            VARIABLE,
            {"name": "B", "valueFrom": {"secretKeyRef": {"name": "both", "key": "k"}}},
            {"name": "C", "valueFrom": {"configMapKeyRef": {"name": "one", "key": "k"}}},
        ],
        env_from=[{"configMapRef": {"name": "all", "optional": True}}],
    )
    assert catalog.settings_keys(function) == [
        "Secret/here/both",
        "ConfigMap/here/all",
        "ConfigMap/here/one",
    ]
