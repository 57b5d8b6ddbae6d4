"""The objects that buildermgr makes. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

from fission.api import environment_types, labels
from fission.buildermgr import names
from fission.contracts import builder as builder_wire
from fission.contracts import fetcher as fetcher_wire
from fission.contracts import fetcherpod, signing
from fission.meta import podmerge

Obj = dict[str, Any]

PACKAGES_VOLUME: Final = "packages"
CACHE_VOLUME: Final = "downloads"
FETCHER_SERVICE_PORT: Final = "fetcher-port"
GRACE_SECONDS: Final = 5
"""A build that runs when its pod ends is run again: there is nothing to wait for."""


@dataclass(frozen=True)
class Options:
    """What buildermgr's settings say about builder pods."""

    fetcher: fetcherpod.Options
    builder_pull_policy: str = "IfNotPresent"
    build_timeout_seconds: float = 900.0
    podspec_patch: Obj = field(default_factory=dict)
    cache_storage: str = ""
    cache_storage_class: str = ""
    cache_access_mode: str = "ReadWriteOnce"
    owner_references: bool = True


def builder_labels(environment_name: str, namespace: str, resource_version: str) -> dict[str, str]:
    """The labels that a builder's pods, Deployment and Service have in common."""
    return {
        labels.BUILDER_ENV_NAME: environment_name,
        labels.BUILDER_ENV_NAMESPACE: namespace,
        labels.BUILDER_ENV_RESOURCE_VERSION: resource_version,
        labels.OWNER: labels.OWNER_BUILDERMGR,
    }


def spec_hash(environment: environment_types.Environment, options: Options) -> str:
    """Changes when a builder must be replaced: with what its pods are made of, and no more.

    An Environment that was made anew counts as another.
    """
    return names.content_hash([environment.metadata.uid, _podspec(environment, options)])


def make_deployment(
    environment: environment_types.Environment, namespace: str, options: Options, version: str
) -> Obj:
    """The builder of an environment; ``version`` is the one at which its spec last changed.

    Raises InvalidInput for what cannot be merged or named.
    """
    metadata = environment.metadata
    chosen = builder_labels(metadata.name, namespace, version)
    annotations = {}
    if options.fetcher.signed:
        annotations[labels.AUTH_KEY_SCHEME] = labels.AUTH_KEY_SCHEME_NAMESPACE
    deployment: Obj = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {
            "name": names.builder_name(metadata.name, version),
            "namespace": namespace,
            "labels": chosen,
            "annotations": {labels.BUILDER_SPEC_HASH: spec_hash(environment, options)},
        },
        "spec": {
            "replicas": 1,
            "selector": {"matchLabels": chosen},
            "template": {
                "metadata": {"labels": chosen, "annotations": annotations},
                "spec": _podspec(environment, options),
            },
            "revisionHistoryLimit": 0,
        },
    }
    return _owned(deployment, environment, options)


def make_service(
    environment: environment_types.Environment, namespace: str, options: Options, version: str
) -> Obj:
    """The Service by which a builder and its fetcher are found."""
    metadata = environment.metadata
    chosen = builder_labels(metadata.name, namespace, version)
    ports = (
        (FETCHER_SERVICE_PORT, fetcher_wire.PORT, fetcher_wire.PORT_NAME),
        (builder_wire.PORT_NAME, builder_wire.PORT, builder_wire.PORT_NAME),
    )
    service: Obj = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {
            "name": names.builder_name(metadata.name, version),
            "namespace": namespace,
            "labels": chosen,
        },
        "spec": {
            "type": "ClusterIP",
            "selector": chosen,
            "ports": [
                {"name": name, "port": port, "targetPort": target, "protocol": "TCP"}
                for name, port, target in ports
            ],
        },
    }
    return _owned(service, environment, options)


def make_claim(namespace: str, options: Options) -> Obj:
    """The download cache of a namespace's builders."""
    spec: Obj = {
        "accessModes": [options.cache_access_mode],
        "resources": {"requests": {"storage": options.cache_storage}},
    }
    if options.cache_storage_class:
        spec["storageClassName"] = options.cache_storage_class
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {
            "name": names.DOWNLOADS,
            "namespace": namespace,
            "labels": {labels.MANAGED_BY: labels.MANAGED_BY_FISSION},
        },
        "spec": spec,
    }


def build_timeout_seconds(deployment: Obj, default_seconds: float) -> float:
    """How long a builder lets its builds run, as its environment's variables say."""
    for container in deployment["spec"]["template"]["spec"]["containers"]:
        if container["name"] != builder_wire.CONTAINER_NAME:
            continue
        for variable in container.get("env") or ():
            if variable["name"] == builder_wire.TIMEOUT_VARIABLE:
                try:
                    return float(variable.get("value") or default_seconds)
                except ValueError:
                    return default_seconds
    return default_seconds


def _podspec(environment: environment_types.Environment, options: Options) -> Obj:
    spec = environment.spec
    cache: Obj = {"name": CACHE_VOLUME, "emptyDir": {}}
    if options.cache_storage:
        cache = {"name": CACHE_VOLUME, "persistentVolumeClaim": {"claimName": names.DOWNLOADS}}
    podspec: Obj = {
        "containers": [_builder_container(environment, options)],
        "serviceAccountName": names.ACCOUNT,
        "automountServiceAccountToken": False,
        "terminationGracePeriodSeconds": GRACE_SECONDS,
        "volumes": [
            {"name": PACKAGES_VOLUME, "emptyDir": {}},
            cache,
            fetcherpod.token_volume(),
        ],
    }
    podspec = podmerge.merge_podspec(podspec, options.podspec_patch)
    if spec.image_pull_secret:
        podspec["imagePullSecrets"] = [
            *podspec.get("imagePullSecrets", ()),
            {"name": spec.image_pull_secret},
        ]
    fetcher = fetcherpod.make_container(
        options.fetcher,
        fetcher_wire.PACKAGES_DIR,
        (
            (PACKAGES_VOLUME, fetcher_wire.PACKAGES_DIR),
            (fetcherpod.TOKEN_VOLUME, fetcherpod.TOKEN_DIR),
        ),
    )
    podspec["containers"] = [*podspec["containers"], fetcher]
    return podmerge.merge_podspec(podspec, spec.builder.podspec)


def _builder_container(environment: environment_types.Environment, options: Options) -> Obj:
    builder = environment.spec.builder
    env = [fetcherpod.downward("POD_IP", "status.podIP")]
    if options.fetcher.signed:
        env += fetcherpod.key_variables(signing.BUILDER_KEY_VARIABLE, fetcherpod.BUILDER_KEY)
    given = {str(one.get("name")) for one in (builder.container or {}).get("env") or ()}
    if builder_wire.TIMEOUT_VARIABLE not in given:
        seconds = f"{options.build_timeout_seconds:g}"
        env.append({"name": builder_wire.TIMEOUT_VARIABLE, "value": seconds})
    container: Obj = {
        "name": builder_wire.CONTAINER_NAME,
        "image": builder.image,
        "imagePullPolicy": options.builder_pull_policy,
        "terminationMessagePath": "/dev/termination-log",
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "command": [builder_wire.PROGRAM, fetcher_wire.PACKAGES_DIR],
        "ports": [{"name": builder_wire.PORT_NAME, "containerPort": builder_wire.PORT}],
        "env": env,
        "volumeMounts": [
            {"name": PACKAGES_VOLUME, "mountPath": fetcher_wire.PACKAGES_DIR},
            {"name": CACHE_VOLUME, "mountPath": builder_wire.CACHE_DIR},
        ],
        "readinessProbe": fetcherpod.probe(
            builder_wire.HEALTHZ, builder_wire.PORT_NAME, period=2, failures=3
        ),
    }
    return podmerge.merge_container(container, builder.container)


def _owned(obj: Obj, environment: environment_types.Environment, options: Options) -> Obj:
    metadata = environment.metadata
    if options.owner_references and obj["metadata"]["namespace"] == metadata.namespace:
        obj["metadata"]["ownerReferences"] = [
            {
                "apiVersion": environment.api_version,
                "kind": environment.kind,
                "name": metadata.name,
                "uid": metadata.uid,
                "controller": True,
                "blockOwnerDeletion": False,
            }
        ]
    return obj
