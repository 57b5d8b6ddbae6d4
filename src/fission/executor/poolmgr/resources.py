"""The objects that poolmgr makes. Pure."""

from __future__ import annotations

from typing import Any, Final

from fission.api import environment_defaults, environment_types, function_types, labels, objects
from fission.contracts import environment as runtime_wire
from fission.executor import names, podparts

Obj = dict[str, Any]

SETTINGS_HASH: Final = "fission.io/settings-hash"
"""Annotation of a specialized pod: which Secrets and ConfigMaps, as of when, it was given."""
RESTARTS_BEFORE: Final = "fission.io/restarts-before"
"""Annotation of a specialized pod: restarts of its runtime while it was generic; absent is none."""
DRAIN_UNTIL: Final = "fission.io/drain-until"
"""Annotation of a pod that left the endpoints: when it is deleted."""
SPEC_HASH: Final = "fission.io/pool-spec-hash"
"""Annotation of a pool's Deployment: what it was made from; a difference is an update."""


def pool_labels(environment: environment_types.Environment) -> dict[str, str]:
    """The labels that generic pods, their Deployment and its selector have in common."""
    metadata = environment.metadata
    return {
        labels.EXECUTOR_TYPE: function_types.POOLMGR,
        labels.ENVIRONMENT_NAME: metadata.name,
        labels.ENVIRONMENT_NAMESPACE: metadata.namespace,
        labels.ENVIRONMENT_UID: metadata.uid,
        labels.MANAGED: "true",
    }


def runtime_hash(environment: environment_types.Environment) -> str:
    """Changes when functions should leave the pods that were made before.

    Only what the Environment says counts: a new release of the executor, or another pool size,
    replaces generic pods and leaves those that work alone.
    """
    spec = environment.spec
    return names.content_hash(
        {
            "runtime": objects.encode_part(spec.runtime),
            "resources": spec.resources,
            "imagePullSecret": spec.image_pull_secret,
            "functions": spec.allowed_functions_per_container,
            "outbound": environment.metadata.annotations.get(labels.OUTBOUND, ""),
        }
    )


def make_deployment(
    environment: environment_types.Environment, namespace: str, options: podparts.Options
) -> Obj:
    """The pool of an environment, as it is created."""
    metadata = environment.metadata
    chosen = pool_labels(environment)
    spec = {
        "replicas": environment_defaults.pool_size(environment.spec),
        "selector": {"matchLabels": chosen},
        "template": _template(environment, options),
        "revisionHistoryLimit": 0,
    }
    deployment: Obj = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {
            "name": names.pool_name(metadata.name, metadata.namespace, metadata.resource_version),
            "namespace": namespace,
            "labels": {**metadata.labels, **chosen},
            "annotations": {
                labels.EXECUTOR_INSTANCE_ID: options.instance_id,
                SPEC_HASH: names.content_hash(spec),
            },
        },
        "spec": spec,
    }
    if options.owner_references and namespace == metadata.namespace:
        deployment["metadata"]["ownerReferences"] = [podparts.make_owner("Environment", metadata)]
    return deployment


def make_extra_pod(
    environment: environment_types.Environment, namespace: str, options: podparts.Options
) -> Obj:
    """A pod of the pool that no ReplicaSet owns: without a template hash none adopts it."""
    template = _template(environment, options)
    metadata = environment.metadata
    name = names.pool_name(metadata.name, metadata.namespace, "x")
    pod: Obj = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            **template["metadata"],
            "generateName": f"{name}-",
            "namespace": namespace,
            "labels": {**template["metadata"]["labels"], labels.POOL_EXTRA: "true"},
        },
        "spec": template["spec"],
    }
    if options.owner_references and namespace == metadata.namespace:
        pod["metadata"]["ownerReferences"] = [podparts.make_owner("Environment", metadata)]
    return pod


def make_function_service(
    function: function_types.Function, namespace: str, *, owner_references: bool = True
) -> Obj:
    """The headless Service whose EndpointSlices tell routers where a function's pods are."""
    metadata = function.metadata
    identity = {
        labels.FUNCTION_NAME: metadata.name,
        labels.FUNCTION_NAMESPACE: metadata.namespace,
        labels.FUNCTION_UID: metadata.uid,
    }
    service: Obj = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {
            "name": names.function_service_name(metadata.name, metadata.uid),
            "namespace": namespace,
            "labels": {labels.MANAGED_BY: labels.MANAGED_BY_FISSION, **identity},
        },
        "spec": {
            "clusterIP": "None",
            "selector": {
                labels.FUNCTION_UID: metadata.uid,
                labels.FUNCTION_GENERATION: str(metadata.generation),
                labels.SERVED: "true",
            },
            "ports": [
                {
                    "name": runtime_wire.PORT_NAME,
                    "port": runtime_wire.PORT,
                    "targetPort": runtime_wire.PORT_NAME,
                    "protocol": "TCP",
                }
            ],
        },
    }
    if owner_references and namespace == metadata.namespace:
        service["metadata"]["ownerReferences"] = [podparts.make_owner("Function", metadata)]
    return service


def _template(environment: environment_types.Environment, options: podparts.Options) -> Obj:
    """The pod's template; InvalidInput names what the Environment asks for in vain."""
    template_labels = {
        **environment.metadata.labels,
        **pool_labels(environment),
        labels.ENV_RUNTIME_HASH: runtime_hash(environment),
    }
    annotations = podparts.make_annotations(environment, options)
    return {
        "metadata": {"labels": template_labels, "annotations": annotations},
        "spec": podparts.make_podspec(environment, options),
    }
