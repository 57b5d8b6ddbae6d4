"""The objects that poolmgr makes. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

from fission.api import (
    environment_defaults,
    environment_types,
    environment_validation,
    function_types,
    labels,
    objects,
)
from fission.base import errors
from fission.contracts import environment as runtime_wire
from fission.contracts import fetcher as fetcher_wire
from fission.contracts import fetcherpod
from fission.executor import names
from fission.meta import podmerge

Obj = dict[str, Any]

FETCHER_ACCOUNT: Final = "fission-fetcher"
SETTINGS_HASH: Final = "fission.io/settings-hash"
"""Annotation of a specialized pod: which Secrets and ConfigMaps, as of when, it was given."""
RESTARTS_BEFORE: Final = "fission.io/restarts-before"
"""Annotation of a specialized pod: restarts of its runtime while it was generic; absent is none."""
DRAIN_UNTIL: Final = "fission.io/drain-until"
"""Annotation of a pod that left the endpoints: when it is deleted."""
SPEC_HASH: Final = "fission.io/pool-spec-hash"
"""Annotation of a pool's Deployment: what it was made from; a difference is an update."""
STATE_VOLUME: Final = "fission-fetcher-state"
STATE_DIR: Final = "/var/run/fission-fetcher"
"""Mounted in the fetcher alone: holds the claim, out of the function's reach."""
_SHARED_MOUNTS: Final = (
    ("userfunc", fetcher_wire.USER_FUNCTION_DIR),
    ("secrets", fetcher_wire.SECRETS_DIR),
    ("configmaps", fetcher_wire.CONFIGS_DIR),
    ("podinfo", fetcher_wire.PODINFO_DIR),
)


@dataclass(frozen=True)
class Options:
    """What the executor's settings say about pods."""

    fetcher_image: str
    fetcher_pull_policy: str = "IfNotPresent"
    runtime_pull_policy: str = "IfNotPresent"
    fetcher_resources: Obj = field(default_factory=dict)
    podspec_patch: Obj = field(default_factory=dict)
    signed: bool = False
    """Whether fetchers get keys."""
    istio: bool = False
    instance_id: str = ""
    owner_references: bool = True


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
    environment: environment_types.Environment, namespace: str, options: Options
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
        deployment["metadata"]["ownerReferences"] = [_owner("Environment", metadata)]
    return deployment


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
        service["metadata"]["ownerReferences"] = [_owner("Function", metadata)]
    return service


def _template(environment: environment_types.Environment, options: Options) -> Obj:
    """The pod's template; InvalidInput names what the Environment asks for in vain."""
    metadata = environment.metadata
    faults = environment_validation.validate_outbound(environment)
    if faults:
        raise errors.InvalidInput(str(faults[0]))
    annotations = dict(metadata.annotations)
    annotations.pop("kubectl.kubernetes.io/last-applied-configuration", None)
    if options.istio and environment.spec.allow_access_to_external_network:
        annotations[labels.SIDECAR_INJECT] = "false"
    if options.signed:
        annotations[labels.AUTH_KEY_SCHEME] = labels.AUTH_KEY_SCHEME_NAMESPACE
    outbound = annotations.get(labels.OUTBOUND)
    if outbound:
        annotations[labels.POD_OUTBOUND] = outbound
    template_labels = {
        **metadata.labels,
        **pool_labels(environment),
        labels.ENV_RUNTIME_HASH: runtime_hash(environment),
    }
    return {
        "metadata": {"labels": template_labels, "annotations": annotations},
        "spec": _podspec(environment, options),
    }


def _podspec(environment: environment_types.Environment, options: Options) -> Obj:
    spec = environment.spec
    grace = environment_defaults.termination_grace_period_seconds(spec)
    runtime = podmerge.merge_container(
        _runtime_container(environment, options, grace), spec.runtime.container
    )
    podspec: Obj = {
        "containers": [runtime],
        "serviceAccountName": FETCHER_ACCOUNT,
        "automountServiceAccountToken": False,
        "terminationGracePeriodSeconds": grace,
        "volumes": [
            {"name": "userfunc", "emptyDir": {}},
            {"name": "secrets", "emptyDir": {}},
            {"name": "configmaps", "emptyDir": {}},
            {"name": "podinfo", "downwardAPI": {"items": _podinfo_items()}},
            {"name": STATE_VOLUME, "emptyDir": {}},
            fetcherpod.token_volume(),
        ],
    }
    podspec = podmerge.merge_podspec(podspec, options.podspec_patch)
    if spec.image_pull_secret:
        podspec["imagePullSecrets"] = [
            *podspec.get("imagePullSecrets", ()),
            {"name": spec.image_pull_secret},
        ]
    podspec["containers"] = [*podspec["containers"], _fetcher_container(options)]
    return podmerge.merge_podspec(podspec, spec.runtime.podspec)


def _runtime_container(
    environment: environment_types.Environment, options: Options, grace: int
) -> Obj:
    container: Obj = {
        "name": environment.metadata.name,
        "image": environment.spec.runtime.image,
        "imagePullPolicy": options.runtime_pull_policy,
        "terminationMessagePath": "/dev/termination-log",
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "ports": [{"name": runtime_wire.PORT_NAME, "containerPort": runtime_wire.PORT}],
        "env": [fetcherpod.downward("POD_IP", "status.podIP")],
        "volumeMounts": [{"name": name, "mountPath": path} for name, path in _SHARED_MOUNTS],
    }
    if environment.spec.resources:
        container["resources"] = environment.spec.resources
    if grace:
        container["lifecycle"] = {"preStop": {"sleep": {"seconds": grace}}}
    return container


def _fetcher_container(options: Options) -> Obj:
    mounts = (
        *_SHARED_MOUNTS,
        (STATE_VOLUME, STATE_DIR),
        (fetcherpod.TOKEN_VOLUME, fetcherpod.TOKEN_DIR),
    )
    chosen = fetcherpod.Options(
        image=options.fetcher_image,
        pull_policy=options.fetcher_pull_policy,
        resources=options.fetcher_resources,
        signed=options.signed,
    )
    return fetcherpod.make_container(chosen, fetcher_wire.USER_FUNCTION_DIR, mounts)


def _podinfo_items() -> list[Obj]:
    return [
        {"path": path, "fieldRef": {"fieldPath": f"metadata.{path}"}}
        for path in ("name", "namespace")
    ]


def _owner(kind: str, metadata: Any) -> Obj:
    return {
        "apiVersion": "fission.io/v1",
        "kind": kind,
        "name": metadata.name,
        "uid": metadata.uid,
        "controller": True,
        "blockOwnerDeletion": False,
    }
