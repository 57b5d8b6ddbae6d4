"""The parts that pods with a runtime and a fetcher have in common, pooled or of one function. Pure.

Merged in Fission's order: what the platform needs ⊕ the Environment's container → the
administrator's patch → pull secrets → the fetcher ⊕ the Environment's podspec ⊕ the Function's.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from fission.api import environment_defaults, environment_types, environment_validation, labels
from fission.base import errors
from fission.contracts import environment as runtime_wire
from fission.contracts import fetcher as fetcher_wire
from fission.contracts import fetcherpod, signing
from fission.executor import names
from fission.meta import gvk, podmerge

Obj = dict[str, Any]

SETTINGS_VARIABLE: Final = "RESOURCE_VERSION_COUNT"
"""Changes with the function's Secrets and ConfigMaps, so that pods read them anew; Fission's."""
FETCHER_ACCOUNT: Final = "fission-fetcher"
STATE_VOLUME: Final = "fission-fetcher-state"
STATE_DIR: Final = "/var/run/fission-fetcher"
"""Mounted in the fetcher alone: holds the claim, out of the function's reach."""
_LAST_APPLIED: Final = "kubectl.kubernetes.io/last-applied-configuration"
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


@dataclass(frozen=True)
class Additions:
    """What one function's own pods have beyond a pool's."""

    startup: fetcher_wire.FunctionSpecializeRequest | None = None
    """What the fetcher loads before the pod becomes ready."""
    resources: Obj = field(default_factory=dict)
    """Over the environment's, name by name."""
    env: Sequence[Obj] = ()
    env_from: Sequence[Obj] = ()
    podspec: Obj | None = None


def make_annotations(
    environment: environment_types.Environment, options: Options
) -> dict[str, str]:
    """The annotations of a pod; InvalidInput names what the Environment asks for in vain."""
    faults = environment_validation.validate_outbound(environment)
    if faults:
        raise errors.InvalidInput(str(faults[0]))
    annotations = without_last_applied(environment.metadata.annotations)
    if options.istio and environment.spec.allow_access_to_external_network:
        annotations[labels.SIDECAR_INJECT] = "false"
    if options.signed:
        annotations[labels.AUTH_KEY_SCHEME] = labels.AUTH_KEY_SCHEME_NAMESPACE
    outbound = annotations.get(labels.OUTBOUND)
    if outbound:
        annotations[labels.POD_OUTBOUND] = outbound
    return annotations


def make_podspec(
    environment: environment_types.Environment,
    options: Options,
    additions: Additions = Additions(),
) -> Obj:
    """The pod; InvalidInput when what is merged does not go together."""
    spec = environment.spec
    grace = environment_defaults.termination_grace_period_seconds(spec)
    runtime = podmerge.merge_container(
        _runtime_container(environment, options, additions, grace), spec.runtime.container
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
    podspec["containers"] = [
        *podspec["containers"],
        _fetcher_container(options, additions.startup),
    ]
    podspec = podmerge.merge_podspec(podspec, spec.runtime.podspec)
    return podmerge.merge_podspec(podspec, additions.podspec)


def make_owner(kind: str, metadata: Any) -> Obj:
    """The reference by which an object goes when its owner goes."""
    return {
        "apiVersion": "fission.io/v1",
        "kind": kind,
        "name": metadata.name,
        "uid": metadata.uid,
        "controller": True,
        "blockOwnerDeletion": False,
    }


def settings_variable(settings_hash: str) -> list[Obj]:
    """What differs in a pod's template when its Secrets and ConfigMaps do; none without them."""
    if not settings_hash:
        return []
    return [{"name": SETTINGS_VARIABLE, "value": names.content_hash(settings_hash)}]


def make_needs(namespace: str, masters: signing.Masters) -> list[tuple[gvk.Resource, Obj]]:
    """What a namespace needs before the first of these pods."""
    wanted = [
        (gvk.SERVICEACCOUNTS, fetcherpod.make_account(FETCHER_ACCOUNT, namespace)),
        (gvk.ROLEBINDINGS, fetcherpod.make_role_binding(FETCHER_ACCOUNT, namespace)),
    ]
    if masters.enabled:
        wanted.append((gvk.SECRETS, fetcherpod.make_keys_secret(namespace, masters)))
    return wanted


def merge_resources(base: Obj, over: Obj) -> Obj:
    """ResourceRequirements with others over them, quantity by quantity."""
    merged = copy.deepcopy(base)
    for bound, amounts in over.items():
        if isinstance(amounts, dict):
            merged[bound] = {**(merged.get(bound) or {}), **amounts}
        elif amounts is not None:
            merged[bound] = copy.deepcopy(amounts)
    return merged


def without_last_applied(annotations: dict[str, str]) -> dict[str, str]:
    """Annotations for a child: what kubectl applied to the parent is the parent's alone."""
    return {key: value for key, value in annotations.items() if key != _LAST_APPLIED}


def _runtime_container(
    environment: environment_types.Environment, options: Options, additions: Additions, grace: int
) -> Obj:
    container: Obj = {
        "name": environment.metadata.name,
        "image": environment.spec.runtime.image,
        "imagePullPolicy": options.runtime_pull_policy,
        "terminationMessagePath": "/dev/termination-log",
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "ports": [{"name": runtime_wire.PORT_NAME, "containerPort": runtime_wire.PORT}],
        "env": [fetcherpod.downward("POD_IP", "status.podIP"), *copy.deepcopy(additions.env)],
        "volumeMounts": [{"name": name, "mountPath": path} for name, path in _SHARED_MOUNTS],
    }
    if additions.env_from:
        container["envFrom"] = list(copy.deepcopy(additions.env_from))
    wanted = merge_resources(environment.spec.resources, additions.resources)
    if wanted:
        container["resources"] = wanted
    if grace:
        container["lifecycle"] = {"preStop": {"sleep": {"seconds": grace}}}
    return container


def _fetcher_container(
    options: Options, startup: fetcher_wire.FunctionSpecializeRequest | None
) -> Obj:
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
    return fetcherpod.make_container(chosen, fetcher_wire.USER_FUNCTION_DIR, mounts, startup)


def _podinfo_items() -> list[Obj]:
    return [
        {"path": path, "fieldRef": {"fieldPath": f"metadata.{path}"}}
        for path in ("name", "namespace")
    ]
