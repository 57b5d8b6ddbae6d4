"""The objects that poolmgr makes. Pure."""

from __future__ import annotations

import base64
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
from fission.contracts import signing
from fission.executor import names
from fission.executor.poolmgr import podmerge

Obj = dict[str, Any]

FETCHER_ACCOUNT: Final = "fission-fetcher"
KEYS_SECRET: Final = "fission-internal-auth-keys"
"""In each function namespace: the derived keys that fetchers there hold."""
FETCHER_KEY: Final = "fetcherKey"
STORAGE_KEY: Final = "storageKey"
OLD_SUFFIX: Final = "Old"
SETTINGS_HASH: Final = "fission.io/settings-hash"
"""Annotation of a specialized pod: which Secrets and ConfigMaps, as of when, it was given."""
RESTARTS_BEFORE: Final = "fission.io/restarts-before"
"""Annotation of a specialized pod: restarts of its runtime while it was generic; absent is none."""
DRAIN_UNTIL: Final = "fission.io/drain-until"
"""Annotation of a pod that left the endpoints: when it is deleted."""
SPEC_HASH: Final = "fission.io/pool-spec-hash"
"""Annotation of a pool's Deployment: what it was made from; a difference is an update."""
TOKEN_VOLUME: Final = "fission-fetcher-sa-token"
TOKEN_DIR: Final = "/var/run/secrets/kubernetes.io/serviceaccount"
STATE_VOLUME: Final = "fission-fetcher-state"
STATE_DIR: Final = "/var/run/fission-fetcher"
"""Mounted in the fetcher alone: holds the claim, out of the function's reach."""
TOKEN_SECONDS: Final = 3600
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


def make_account(namespace: str) -> Obj:
    """The ServiceAccount of fetchers in a namespace."""
    return {
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": {"name": FETCHER_ACCOUNT, "namespace": namespace},
    }


def make_role_binding(namespace: str) -> Obj:
    """What lets them read packages and settings there."""
    return {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "RoleBinding",
        "metadata": {"name": FETCHER_ACCOUNT, "namespace": namespace},
        "roleRef": {
            "apiGroup": "rbac.authorization.k8s.io",
            "kind": "ClusterRole",
            "name": FETCHER_ACCOUNT,
        },
        "subjects": [{"kind": "ServiceAccount", "name": FETCHER_ACCOUNT, "namespace": namespace}],
    }


def make_keys_secret(namespace: str, masters: signing.Masters) -> Obj:
    """The keys of the namespace's fetchers, derived: the master never leaves the platform."""
    data = {}
    for name, service in ((FETCHER_KEY, signing.FETCHER), (STORAGE_KEY, signing.STORAGESVC)):
        keys = masters.keys(service, namespace)
        for suffix, key in (("", keys.current), (OLD_SUFFIX, keys.old)):
            if key is not None:
                data[name + suffix] = base64.b64encode(key.hex().encode()).decode()
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {
            "name": KEYS_SECRET,
            "namespace": namespace,
            "labels": {labels.MANAGED_BY: labels.MANAGED_BY_FISSION},
        },
        "type": "Opaque",
        "data": data,
    }


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
            {"name": TOKEN_VOLUME, "projected": {"sources": _token_sources()}},
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
        "ports": [{"name": runtime_wire.PORT_NAME, "containerPort": runtime_wire.PORT}],
        "env": [_downward("POD_IP", "status.podIP")],
        "volumeMounts": [{"name": name, "mountPath": path} for name, path in _SHARED_MOUNTS],
    }
    if environment.spec.resources:
        container["resources"] = environment.spec.resources
    if grace:
        container["lifecycle"] = {"preStop": {"sleep": {"seconds": grace}}}
    return container


def _fetcher_container(options: Options) -> Obj:
    env = [_downward("POD_IP", "status.podIP"), _downward("POD_NAMESPACE", "metadata.namespace")]
    if options.signed:
        for variable, key in (
            (signing.FETCHER_KEY_VARIABLE, FETCHER_KEY),
            (signing.STORAGE_KEY_VARIABLE, STORAGE_KEY),
        ):
            env.append(_from_keys(variable, key, optional=False))
            env.append(_from_keys(variable + signing.OLD_SUFFIX, key + OLD_SUFFIX, optional=True))
    mounts = [
        *_SHARED_MOUNTS,
        (STATE_VOLUME, STATE_DIR),
        (TOKEN_VOLUME, TOKEN_DIR),
    ]
    container: Obj = {
        "name": fetcher_wire.CONTAINER_NAME,
        "image": options.fetcher_image,
        "imagePullPolicy": options.fetcher_pull_policy,
        "terminationMessagePath": "/dev/termination-log",
        "args": [
            "-secret-dir",
            fetcher_wire.SECRETS_DIR,
            "-cfgmap-dir",
            fetcher_wire.CONFIGS_DIR,
            fetcher_wire.USER_FUNCTION_DIR,
        ],
        "ports": [{"name": fetcher_wire.PORT_NAME, "containerPort": fetcher_wire.PORT}],
        "env": env,
        "volumeMounts": [{"name": name, "mountPath": path} for name, path in mounts],
        "readinessProbe": _probe(fetcher_wire.READINESS, period=1, failures=30),
        "livenessProbe": _probe(fetcher_wire.HEALTHZ, period=5, failures=3),
    }
    if options.fetcher_resources:
        container["resources"] = options.fetcher_resources
    return container


def _probe(path: str, *, period: int, failures: int) -> Obj:
    return {
        "httpGet": {"path": path, "port": fetcher_wire.PORT_NAME},
        # No delay: a pod of the pool is wanted the moment it can serve.
        "initialDelaySeconds": 0,
        "periodSeconds": period,
        "failureThreshold": failures,
    }


def _downward(name: str, path: str) -> Obj:
    return {"name": name, "valueFrom": {"fieldRef": {"fieldPath": path}}}


def _from_keys(name: str, key: str, *, optional: bool) -> Obj:
    reference: Obj = {"name": KEYS_SECRET, "key": key}
    if optional:
        reference["optional"] = True
    return {"name": name, "valueFrom": {"secretKeyRef": reference}}


def _podinfo_items() -> list[Obj]:
    return [
        {"path": path, "fieldRef": {"fieldPath": f"metadata.{path}"}}
        for path in ("name", "namespace")
    ]


def _token_sources() -> list[Obj]:
    return [
        {"serviceAccountToken": {"path": "token", "expirationSeconds": TOKEN_SECONDS}},
        {"configMap": {"name": "kube-root-ca.crt", "items": [{"key": "ca.crt", "path": "ca.crt"}]}},
        {
            "downwardAPI": {
                "items": [{"path": "namespace", "fieldRef": {"fieldPath": "metadata.namespace"}}]
            }
        },
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
