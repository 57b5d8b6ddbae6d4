"""A function with pods of its own, its environment, and what the cluster shows of them."""

from __future__ import annotations

import copy
from typing import Any

from fission.api import environment_types, function_types
from fission.executor import podparts
from fission.executor.container import resources as container_resources
from fission.executor.newdeploy import resources
from fission.executor.workload import objects
from fission.meta import gvk, objectmeta

Obj = dict[str, Any]

OPTIONS = podparts.Options(fetcher_image="fission/fetcher", instance_id="abcdefgh")
PLACE = objects.Place("default", "abcdefgh")
UID = "2b4a1c1e-0000-4000-8000-1234567890ab"


def an_environment(**spec: Any) -> environment_types.Environment:
    runtime = environment_types.Runtime(image="fission/python-env")
    return environment_types.Environment(
        metadata=objectmeta.ObjectMeta(
            name="python",
            namespace="default",
            uid="env-1",
            labels={"team": "a"},
            annotations={"note": "env", "both": "env"},
        ),
        spec=environment_types.EnvironmentSpec(runtime=runtime, **{"version": 3, **spec}),
    )


def a_function(
    executor_type: str = function_types.NEWDEPLOY, scale: tuple[int, int] = (0, 3), **spec: Any
) -> function_types.Function:
    function = function_types.Function(
        metadata=objectmeta.ObjectMeta(
            name="hello",
            namespace="default",
            uid=UID,
            resource_version="77",
            generation=4,
            labels={"app": "shop"},
            annotations={"both": "function"},
        ),
        spec=function_types.FunctionSpec(**spec),
    )
    execution = function.spec.invoke_strategy.execution_strategy
    execution.executor_type = executor_type
    execution.min_scale, execution.max_scale = scale
    function.spec.package.package_ref.name = "hello-pkg"
    function.spec.package.package_ref.resource_version = "12"
    function.spec.package.function_name = "hello.main"
    return function


def made(function: function_types.Function | None = None, settings_hash: str = "") -> Any:
    return resources.make_objects(
        function or a_function(), an_environment(), settings_hash, PLACE, OPTIONS
    )


def made_container(function: function_types.Function, settings_hash: str = "") -> Any:
    return container_resources.make_objects(function, settings_hash, PLACE, OPTIONS)


def existing(desired: objects.Objects, replicas: int = 1) -> dict[gvk.Resource, list[Obj]]:
    """What the informers show once the objects are there."""
    shown = {}
    for resource, each in desired.each():
        obj = copy.deepcopy(each)
        metadata = {**obj["metadata"], "uid": f"{resource.plural}-1", "resourceVersion": "5"}
        spec = dict(obj["spec"])
        if resource is gvk.DEPLOYMENTS:
            spec["replicas"] = replicas
        shown[resource] = [{**obj, "metadata": metadata, "spec": spec}]
    return shown


def a_pod(name: str = "pod-1", *, ready: bool = False, going: bool = False, **status: Any) -> Obj:
    metadata: Obj = {"name": name, "namespace": "default", "uid": name, "labels": {}}
    if going:
        metadata["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    containers = [
        {"name": each, "ready": ready, "restartCount": 0, "state": {"running": {}}}
        for each in ("fetcher", "python")
    ]
    found = {"phase": "Running", "podIP": "127.1.2.3", "containerStatuses": containers, **status}
    return {"metadata": metadata, "status": found}
