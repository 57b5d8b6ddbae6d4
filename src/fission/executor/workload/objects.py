"""The objects of a function with pods of its own: labels, Service, autoscaler, Deployment. Pure."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Any, Final

from fission.api import environment_types, function_defaults, function_types, labels
from fission.contracts import environment as runtime_wire
from fission.executor import names, podparts
from fission.meta import gvk

Obj = dict[str, Any]

SPEC_HASH: Final = "fission.io/workload-spec-hash"
"""Annotation: what the object was made from, the replicas aside; a difference is an update."""
SERVICE_PORT: Final = 80
SURGE: Final = "20%"
"""Fission's for maxSurge and maxUnavailable; of one pod that is one more and none less."""
DEFAULT_CPU_REQUEST: Final = "100m"
"""What a share of the request is a share of, where neither function nor environment says."""
_RESOURCE_METRICS: Final = ("cpu", "memory")


@dataclass(frozen=True)
class Objects:
    """What a function should have; the Deployment's replicas are decided elsewhere."""

    service: Obj
    deployment: Obj
    autoscaler: Obj

    def each(self) -> tuple[tuple[gvk.Resource, Obj], ...]:
        """In the order in which they are made: whoever comes first finds its endpoints."""
        return (
            (gvk.SERVICES, self.service),
            (gvk.DEPLOYMENTS, self.deployment),
            (gvk.HORIZONTALPODAUTOSCALERS, self.autoscaler),
        )


@dataclass(frozen=True)
class Place:
    """Where a function's objects go, and how they are marked."""

    namespace: str
    instance_id: str
    owner_references: bool = True


def name_of(function: function_types.Function) -> str:
    """The name of all three."""
    metadata = function.metadata
    kind = function_defaults.executor_type(function.spec)
    return names.workload_name(kind, metadata.name, metadata.namespace, metadata.uid)


def selector_of(function: function_types.Function) -> dict[str, str]:
    """What never changes in the life of a function: by these its pods are found."""
    metadata = function.metadata
    return {
        labels.EXECUTOR_TYPE: function_defaults.executor_type(function.spec),
        labels.FUNCTION_NAME: metadata.name,
        labels.FUNCTION_NAMESPACE: metadata.namespace,
        labels.FUNCTION_UID: metadata.uid,
    }


def environment_labels(environment: environment_types.Environment) -> dict[str, str]:
    """The labels that name an environment."""
    metadata = environment.metadata
    return {
        labels.ENVIRONMENT_NAME: metadata.name,
        labels.ENVIRONMENT_NAMESPACE: metadata.namespace,
        labels.ENVIRONMENT_UID: metadata.uid,
    }


def assemble(
    function: function_types.Function,
    place: Place,
    template: Obj,
    container: str,
    target_port: int | str,
) -> Objects:
    """Everything around a pod template, whose labels and annotations the others share."""
    template = with_cpu_request(
        template, container, function.spec.invoke_strategy.execution_strategy
    )
    metadata = {
        "name": name_of(function),
        "namespace": place.namespace,
        "labels": {**template["metadata"]["labels"], labels.MANAGED_BY: labels.MANAGED_BY_FISSION},
        "annotations": template["metadata"]["annotations"],
    }
    if place.owner_references and place.namespace == function.metadata.namespace:
        metadata["ownerReferences"] = [podparts.make_owner("Function", function.metadata)]
    marks = {
        labels.EXECUTOR_INSTANCE_ID: place.instance_id,
        labels.FUNCTION_RESOURCE_VERSION: function.metadata.resource_version,
    }
    return Objects(
        service=_marked("v1", "Service", metadata, _service_spec(function, target_port), marks),
        deployment=_marked(
            "apps/v1", "Deployment", metadata, _deployment_spec(function, template), marks
        ),
        autoscaler=_marked(
            "autoscaling/v2",
            "HorizontalPodAutoscaler",
            metadata,
            _autoscaler_spec(function, container),
            marks,
        ),
    )


def least_pods(spec: function_types.FunctionSpec) -> int:
    """Below this a function that is up is never scaled."""
    return max(spec.invoke_strategy.execution_strategy.min_scale, 1)


def most_pods(spec: function_types.FunctionSpec) -> int:
    """Above this it is never scaled."""
    return max(spec.invoke_strategy.execution_strategy.max_scale, least_pods(spec))


def make_metrics(execution: function_types.ExecutionStrategy, container: str) -> list[Obj]:
    """What the autoscaler looks at: of the function's container, whatever runs beside it."""
    metrics = []
    if 0 < execution.target_cpu_percent < 100:
        metrics.append(_cpu(container, execution.target_cpu_percent))
    metrics += [_of_container(metric, container) for metric in execution.hpa_metrics or ()]
    return metrics or [_cpu(container, function_defaults.TARGET_CPU_PERCENT)]


def with_cpu_request(
    template: Obj, container: str, execution: function_types.ExecutionStrategy
) -> Obj:
    """The template, with a CPU request where the autoscaler needs one and nobody declares it.

    Without it the autoscaler would never act (``missing request for cpu``). A limit is a request,
    too: Kubernetes takes it for one.
    """
    if not any(_is_cpu_share(metric) for metric in make_metrics(execution, container)):
        return template
    new = copy.deepcopy(template)
    for one in new["spec"]["containers"]:
        declared = one.get("resources") or {}
        if one["name"] != container or any(
            "cpu" in (declared.get(kind) or {}) for kind in ("requests", "limits")
        ):
            continue
        requests = {**(declared.get("requests") or {}), "cpu": DEFAULT_CPU_REQUEST}
        one["resources"] = {**declared, "requests": requests}
    return new


def _is_cpu_share(metric: Obj) -> bool:
    source = metric.get("containerResource") or {}
    target = source.get("target") or {}
    return source.get("name") == "cpu" and target.get("averageUtilization") is not None


def _marked(api_version: str, kind: str, metadata: Obj, spec: Obj, marks: dict[str, str]) -> Obj:
    digest = names.content_hash({"metadata": metadata, "spec": spec})
    annotations = {**metadata["annotations"], **marks, SPEC_HASH: digest}
    return {
        "apiVersion": api_version,
        "kind": kind,
        "metadata": {**copy.deepcopy(metadata), "annotations": annotations},
        "spec": spec,
    }


def _service_spec(function: function_types.Function, target_port: int | str) -> Obj:
    return {
        "type": "ClusterIP",
        "selector": selector_of(function),
        "ports": [
            {
                "name": runtime_wire.PORT_NAME,
                "port": SERVICE_PORT,
                "targetPort": target_port,
                "protocol": "TCP",
            }
        ],
    }


def _deployment_spec(function: function_types.Function, template: Obj) -> Obj:
    return {
        "selector": {"matchLabels": selector_of(function)},
        "template": template,
        "revisionHistoryLimit": 0,
        "strategy": {
            "type": "RollingUpdate",
            "rollingUpdate": {"maxSurge": SURGE, "maxUnavailable": SURGE},
        },
        "progressDeadlineSeconds": max(
            function_defaults.specialization_timeout_seconds(function.spec), 600
        ),
    }


def _autoscaler_spec(function: function_types.Function, container: str) -> Obj:
    execution = function.spec.invoke_strategy.execution_strategy
    spec: Obj = {
        "scaleTargetRef": {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "name": name_of(function),
        },
        "minReplicas": least_pods(function.spec),
        "maxReplicas": most_pods(function.spec),
        "metrics": make_metrics(execution, container),
    }
    if execution.hpa_behavior:
        spec["behavior"] = execution.hpa_behavior
    return spec


def _cpu(container: str, percent: int) -> Obj:
    return {
        "type": "ContainerResource",
        "containerResource": {
            "name": "cpu",
            "container": container,
            "target": {"type": "Utilization", "averageUtilization": percent},
        },
    }


def _of_container(metric: Obj, container: str) -> Obj:
    resource = metric.get("resource") or {}
    if metric.get("type") != "Resource" or resource.get("name") not in _RESOURCE_METRICS:
        return metric
    return {"type": "ContainerResource", "containerResource": {**resource, "container": container}}
