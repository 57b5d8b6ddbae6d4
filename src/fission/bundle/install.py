"""Applies the platform's manifests to a Kubernetes API, in an order that any of them accepts.

Phases: custom resource definitions (until Established), then namespaces, accounts and secrets, then
workloads. Every object carries the label ``app.kubernetes.io/managed-by: fission-bundle``; what
carries it and is no longer in the manifests is deleted. A ConfigMap keeps the digest of what was
applied, so that a start without changes writes nothing.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import secrets
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

import yaml

import fission
from fission.base import clock as clocks
from fission.base import errors
from fission.bundle import data
from fission.kube import client as kube_client
from fission.meta import gvk, status
from fission_http import errors as http_errors

NAMESPACE = "fission"
MANAGED_BY = ("app.kubernetes.io/managed-by", "fission-bundle")
DIGEST_NAME = "fission-bundle"
AUTH_SECRET_NAME = "fission-internal-auth"
PROBE_SECONDS = 2.0
"""For one look at a component; a look that hangs is tried again."""

Obj = dict[str, Any]

_RESOURCES = {
    resource.kind: resource
    for resource in (
        gvk.NAMESPACES,
        gvk.SERVICEACCOUNTS,
        gvk.CLUSTERROLES,
        gvk.CLUSTERROLEBINDINGS,
        gvk.ROLES,
        gvk.ROLEBINDINGS,
        gvk.PERSISTENTVOLUMECLAIMS,
        gvk.SERVICES,
        gvk.DEPLOYMENTS,
        gvk.CONFIGMAPS,
        gvk.CRDS,
        gvk.VALIDATINGADMISSIONPOLICIES,
        gvk.VALIDATINGADMISSIONPOLICYBINDINGS,
    )
}
_POLICIES = ("ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding")
"""Kubernetes before 1.30 has none: there the schemas alone refuse."""
_PHASES = (
    ("Namespace",),
    ("ServiceAccount", "ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding", "ConfigMap"),
    _POLICIES,
    ("PersistentVolumeClaim", "Service", "Deployment"),
)
_READY_PATHS = {
    "buildermgr": "/readyz",
    "canary": "/readyz",
    "controller": "/healthz",
    "executor": "/readyz",
    "kubewatcher": "/readyz",
    "mqtrigger": "/readyz",
    "router": "/readyz",
    "statestore": "/readyz",
    "storagesvc": "/readyz",
    "timer": "/readyz",
}
"""Service → what answers 200 once its component works; asked through the API server's proxy."""

_PRUNED = (
    "Deployment",
    "Service",
    "RoleBinding",
    "Role",
    "ClusterRoleBinding",
    "ClusterRole",
    "ServiceAccount",
)


class InstallError(errors.Error):
    """The platform could not be installed or did not become ready; the message says what."""

    reason = "InstallFailed"


def load_manifests() -> list[Obj]:
    """Return the platform's objects as checked in, labelled as ours."""
    objects: list[Obj] = []
    for path in sorted(data.manifests().glob("*.yaml")):
        objects.extend(obj for obj in yaml.load_all(path.read_bytes(), _LOADER) if obj)
    return [_labelled(obj) for obj in objects]


def load_crds() -> list[Obj]:
    """Return the custom resource definitions of our kinds."""
    documents: list[Obj] = []
    for path in sorted(data.crds().glob("*.yaml")):
        documents.extend(obj for obj in yaml.load_all(path.read_bytes(), _LOADER) if obj)
    return documents


def digest(objects: list[Obj]) -> str:
    """Return what stands for these objects applied by this version."""
    text = yaml.dump([fission.__version__, *objects], Dumper=_DUMPER, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


async def install(client: kube_client.Client, say: Callable[[str], None]) -> bool:
    """Apply everything that is not applied yet; returns whether anything had to be written."""
    crds, objects = load_crds(), load_manifests()
    wanted = digest([*crds, *objects])
    if await _applied_digest(client) == wanted:
        return False
    say("installing the platform")
    await asyncio.gather(*(apply(client, gvk.CRDS, crd) for crd in crds))
    await _established(client, [crd["metadata"]["name"] for crd in crds])
    for phase in _PHASES:
        chosen = [obj for obj in objects if obj["kind"] in phase]
        await asyncio.gather(*(_apply_known(client, obj, say) for obj in chosen))
        if "Namespace" in phase:
            await _ensure_auth_secret(client)
    await _prune(client, objects)
    await apply(client, gvk.CONFIGMAPS, _digest_object(wanted))
    return True


async def _apply_known(client: kube_client.Client, obj: Obj, say: Callable[[str], None]) -> None:
    kind = obj["kind"]
    try:
        await apply(client, _RESOURCES[kind], obj)
    except status.NotFound:
        if kind not in _POLICIES:
            raise
        say(f"this cluster knows no {kind}; it does not refuse references to other namespaces")


async def apply(client: kube_client.Client, resource: gvk.Resource, obj: Obj) -> None:
    """Create the object, or bring the one that is there to what the manifest says."""
    metadata = obj["metadata"]
    namespace = metadata.get("namespace")
    try:
        await client.create(resource, obj, namespace)
    except status.AlreadyExists:
        kind = "merge" if resource is gvk.CRDS or resource.kind in _POLICIES else "strategic"
        await client.patch(resource, metadata["name"], obj, namespace, kind=kind)


async def wait_ready(
    client: kube_client.Client, deadline_seconds: float, clock: clocks.Clock
) -> None:
    """Wait until every Deployment of the platform is available and its component answers.

    A status may be older than the platform's last stop, so it is not enough. Raises InstallError
    that names what is missing and what its pods say.
    """
    give_up = clock.monotonic() + deadline_seconds
    async for missing in _unready(client):
        if not missing:
            return
        if clock.monotonic() > give_up:
            reasons = await _explain(client)
            raise InstallError(
                f"not ready after {deadline_seconds:g} s: {', '.join(missing)}. {reasons}"
            )


async def _unready(client: kube_client.Client) -> AsyncIterator[list[str]]:
    pause = 0.01
    while True:
        found = await client.list(gvk.DEPLOYMENTS, NAMESPACE)
        missing = [obj["metadata"]["name"] for obj in found.items if not _is_available(obj)]
        if not missing:
            answers = await asyncio.gather(*(_answers(client, name) for name in _READY_PATHS))
            missing = [name for name, good in zip(_READY_PATHS, answers, strict=True) if not good]
        yield missing
        await asyncio.sleep(pause)
        pause = min(pause * 1.5, 0.1)


async def _answers(client: kube_client.Client, name: str) -> bool:
    path = gvk.SERVICES.path(NAMESPACE, f"{name}:http", "proxy") + _READY_PATHS[name]
    try:
        answer = await client.raw("GET", path, timeout_seconds=PROBE_SECONDS)
        await answer.read()
    except (errors.Error, http_errors.HttpError):
        return False
    return answer.status == 200


def _is_available(deployment: Mapping[str, Any]) -> bool:
    observed = deployment.get("status", {})
    wanted = deployment["spec"].get("replicas", 1)
    return bool(
        observed.get("observedGeneration") == deployment["metadata"].get("generation")
        and observed.get("updatedReplicas", 0) >= wanted
        and observed.get("availableReplicas", 0) >= wanted
    )


async def _explain(client: kube_client.Client) -> str:
    pods = await client.list(gvk.PODS, NAMESPACE)
    lines = []
    for pod in pods.items:
        for container in pod.get("status", {}).get("containerStatuses", ()):
            for state in container.get("state", {}).values():
                if state.get("reason") or state.get("message"):
                    said = f"{state.get('reason', '')}: {state.get('message', '')}".strip(": ")
                    lines.append(f"{pod['metadata']['name']}: {said}")
    return "; ".join(lines) or "No pod says why; see the logs."


async def _applied_digest(client: kube_client.Client) -> str | None:
    try:
        found = await client.get(gvk.CONFIGMAPS, DIGEST_NAME, NAMESPACE)
    except status.NotFound:
        return None
    text: str | None = found.get("data", {}).get("digest")
    return text


def _digest_object(text: str) -> Obj:
    return _labelled(
        {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": DIGEST_NAME, "namespace": NAMESPACE},
            "data": {"digest": text, "version": fission.__version__},
        }
    )


async def _established(client: kube_client.Client, names: list[str]) -> None:
    pause = 0.005
    while True:
        found = {crd["metadata"]["name"]: crd for crd in (await client.list(gvk.CRDS)).items}
        if all(_has_condition(found.get(name, {}), "Established") for name in names):
            return
        await asyncio.sleep(pause)
        pause = min(pause * 2, 0.1)


def _has_condition(obj: Mapping[str, Any], kind: str) -> bool:
    return any(
        condition["type"] == kind and condition["status"] == "True"
        for condition in (obj.get("status") or {}).get("conditions") or ()
    )


async def _ensure_auth_secret(client: kube_client.Client) -> None:
    """Make the secret that components sign their calls with, once and for good."""
    value = base64.b64encode(secrets.token_hex(32).encode()).decode()
    secret: Obj = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": AUTH_SECRET_NAME, "namespace": NAMESPACE},
        "type": "Opaque",
        "data": {"secret": value},
    }
    try:
        await client.create(gvk.SECRETS, secret, NAMESPACE)
    except status.AlreadyExists:
        return


async def _prune(client: kube_client.Client, objects: list[Obj]) -> None:
    wanted = {(obj["kind"], obj["metadata"]["name"]) for obj in objects}
    for kind in _PRUNED:
        resource = _RESOURCES[kind]
        namespace = NAMESPACE if resource.namespaced else None
        found = await client.list(resource, namespace, label_selector="=".join(MANAGED_BY))
        for obj in found.items:
            if (kind, obj["metadata"]["name"]) not in wanted:
                await client.delete(resource, obj["metadata"]["name"], namespace)


def _labelled(obj: Obj) -> Obj:
    metadata = obj["metadata"]
    labels = {**metadata.get("labels", {}), MANAGED_BY[0]: MANAGED_BY[1]}
    return {**obj, "metadata": {**metadata, "labels": labels}}


_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_DUMPER = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
