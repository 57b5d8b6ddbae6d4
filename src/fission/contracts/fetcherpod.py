"""What a pod holds so that a fetcher works in it: container, token, account, keys. Pure.

Function pods and builder pods have the same container beside different neighbours. The keys of a
namespace lie in one Secret, derived: the master never leaves the platform. Whoever makes the first
pod in a namespace makes them, all of them, so that the order does not matter.
"""

import base64
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from fission.api import labels
from fission.contracts import fetcher as wire
from fission.contracts import signing

Obj = dict[str, Any]

KEYS_SECRET: Final = "fission-internal-auth-keys"
"""In each namespace with function or builder pods: the derived keys that they hold."""
FETCHER_KEY: Final = "fetcherKey"
BUILDER_KEY: Final = "builderKey"
STORAGE_KEY: Final = "storageKey"
OLD_KEY_SUFFIX: Final = "Old"
TOKEN_VOLUME: Final = "fission-fetcher-sa-token"
TOKEN_DIR: Final = "/var/run/secrets/kubernetes.io/serviceaccount"
TOKEN_SECONDS: Final = 3600
_SERVICES: Final = (
    (FETCHER_KEY, signing.FETCHER),
    (BUILDER_KEY, signing.BUILDER),
    (STORAGE_KEY, signing.STORAGESVC),
)


@dataclass(frozen=True)
class Options:
    """What settings say about fetchers."""

    image: str
    pull_policy: str = "IfNotPresent"
    resources: Obj = field(default_factory=dict)
    signed: bool = False
    """Whether they get keys."""


def make_container(
    options: Options,
    shared_dir: str,
    mounts: Sequence[tuple[str, str]],
    startup: wire.FunctionSpecializeRequest | None = None,
) -> Obj:
    """The fetcher's container; ``mounts`` are pairs of volume and path, the token's among them.

    With ``startup`` the pod is not ready until its function is loaded (``startup_arguments``).
    """
    env = [downward("POD_IP", "status.podIP"), downward("POD_NAMESPACE", "metadata.namespace")]
    if options.signed:
        env += key_variables(signing.FETCHER_KEY_VARIABLE, FETCHER_KEY)
        env += key_variables(signing.STORAGE_KEY_VARIABLE, STORAGE_KEY)
    container: Obj = {
        "name": wire.CONTAINER_NAME,
        "image": options.image,
        "imagePullPolicy": options.pull_policy,
        "terminationMessagePath": "/dev/termination-log",
        "args": [
            "-secret-dir",
            wire.SECRETS_DIR,
            "-cfgmap-dir",
            wire.CONFIGS_DIR,
            *(startup_arguments(startup) if startup is not None else ()),
            shared_dir,
        ],
        "ports": [{"name": wire.PORT_NAME, "containerPort": wire.PORT}],
        "env": env,
        "volumeMounts": [{"name": name, "mountPath": path} for name, path in mounts],
        **_probes(loads_at_start=startup is not None),
    }
    if options.resources:
        container["resources"] = options.resources
    return container


def _probes(*, loads_at_start: bool) -> Obj:
    """Asked every second until it is ready, then seldom: most pods of a node are idle ones.

    A function may take longer to load than a start probe may fail, so there readiness itself is
    asked every second.
    """

    def asked(path: str, period: int, failures: int) -> Obj:
        return probe(path, wire.PORT_NAME, period=period, failures=failures)

    if loads_at_start:
        return {
            "readinessProbe": asked(wire.READINESS, 1, 30),
            "livenessProbe": asked(wire.HEALTHZ, 5, 3),
        }
    return {
        "startupProbe": asked(wire.READINESS, 1, 30),
        "readinessProbe": asked(wire.READINESS, 10, 3),
        "livenessProbe": asked(wire.HEALTHZ, 10, 3),
    }


def startup_arguments(request: wire.FunctionSpecializeRequest) -> list[str]:
    """The arguments that have a fetcher specialize its pod before it is ready.

    Without ``archive`` in it the fetcher reads the Package, and it finds storagesvc by itself: a
    pod of the same template may start long after this. Kubernetes replaces ``$(NAME)`` in
    arguments, so the JSON has no dollar sign.
    """
    text = wire.encode(request).decode().replace("$", "\\u0024")
    return ["-specialize-on-startup", "-specialize-request", text]


def token_volume() -> Obj:
    """The volume with the API token, for the fetcher's container alone."""
    return {
        "name": TOKEN_VOLUME,
        "projected": {
            "sources": [
                {"serviceAccountToken": {"path": "token", "expirationSeconds": TOKEN_SECONDS}},
                {
                    "configMap": {
                        "name": "kube-root-ca.crt",
                        "items": [{"key": "ca.crt", "path": "ca.crt"}],
                    }
                },
                {
                    "downwardAPI": {
                        "items": [
                            {
                                "path": "namespace",
                                "fieldRef": {"fieldPath": "metadata.namespace"},
                            }
                        ]
                    }
                },
            ]
        },
    }


def probe(path: str, port: str, *, period: int, failures: int) -> Obj:
    """A probe over HTTP, without a delay: pods are wanted the moment they can serve."""
    return {
        "httpGet": {"path": path, "port": port},
        "initialDelaySeconds": 0,
        "periodSeconds": period,
        "failureThreshold": failures,
    }


def downward(name: str, path: str) -> Obj:
    """A variable that holds a field of the pod."""
    return {"name": name, "valueFrom": {"fieldRef": {"fieldPath": path}}}


def key_variables(variable: str, key: str) -> list[Obj]:
    """The variables with a key and, while one is rotated, the one before."""
    return [
        _from_keys(variable, {"key": key}),
        _from_keys(variable + signing.OLD_SUFFIX, {"key": key + OLD_KEY_SUFFIX, "optional": True}),
    ]


def make_account(name: str, namespace: str) -> Obj:
    """The ServiceAccount of such pods in a namespace."""
    return {
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": {"name": name, "namespace": namespace},
    }


def make_role_binding(name: str, namespace: str) -> Obj:
    """What gives the account there the rights of the ClusterRole of the same name."""
    return {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "RoleBinding",
        "metadata": {"name": name, "namespace": namespace},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": name},
        "subjects": [{"kind": "ServiceAccount", "name": name, "namespace": namespace}],
    }


def make_keys_secret(namespace: str, masters: signing.Masters) -> Obj:
    """The namespace's keys."""
    data = {}
    for name, service in _SERVICES:
        keys = masters.keys(service, namespace)
        for suffix, key in (("", keys.current), (OLD_KEY_SUFFIX, keys.old)):
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


def _from_keys(name: str, key: Obj) -> Obj:
    return {"name": name, "valueFrom": {"secretKeyRef": {"name": KEYS_SECRET, **key}}}
