"""Fission objects as the REST API hands them in and out.

Lists are bare arrays, create and update answer with ObjectMeta, and ``status`` in a body counts for
Packages and Functions as it did before they had a status of their own.
"""

from __future__ import annotations

import base64
import binascii
from typing import Any

from fission.api import resources
from fission.base import cron, errors
from fission.controller import access, routeconflict
from fission.kube import client as kube_client
from fission.meta import gvk, status

DEFAULT_NAMESPACE = "default"
MAX_LITERAL_BYTES = 256 * 1024

Obj = dict[str, Any]


_STATUS_IN_BODY = (resources.PACKAGES, resources.FUNCTIONS)


class Objects:
    """Create, read, update and delete of one API server's Fission objects."""

    def __init__(self, client: kube_client.Client, who: access.Access) -> None:
        self._client = client
        self._access = who

    async def list(
        self, resource: gvk.Resource, namespace: str, label_selector: str = ""
    ) -> list[Obj]:
        """Return the objects of one namespace, of all when it is empty."""
        found = await self._client.list(
            resource, namespace or None, label_selector=label_selector or None
        )
        return found.items

    async def get(self, resource: gvk.Resource, namespace: str, name: str) -> Obj:
        """Return one object; raises NotFound."""
        return await self._client.get(resource, name, namespace)

    async def literal(self, namespace: str, name: str) -> bytes:
        """Return the bytes that a Package carries inside itself."""
        package = await self.get(resources.PACKAGES, namespace, name)
        return _literal_of(package)

    async def create(
        self, resource: gvk.Resource, obj: Obj, namespace: str, person: access.Person | None
    ) -> Obj:
        """Create the object, and its namespace when that is missing; returns its metadata.

        A status is written for who may write one; from others it is dropped, as the API server
        drops it.
        """
        await self._check(resource, obj, namespace, person)
        if resource is not resources.CANARYCONFIGS:
            await self._ensure_namespace(namespace, person)
        created = await self._client.create(resource, obj, namespace)
        metadata: Obj = created["metadata"]
        if _has_status(resource, obj) and await self._access.may(
            person, _status_of(resource, obj, namespace)
        ):
            await self._write_status(resource, obj, created)
        return metadata

    async def update(
        self, resource: gvk.Resource, obj: Obj, namespace: str, person: access.Person | None
    ) -> Obj:
        """Replace the object; without a resourceVersion, whatever it is now. Returns metadata.

        Another status than the stored one needs the right to write it.
        """
        if resource is resources.HTTPTRIGGERS:
            await self._refuse_conflict(obj, namespace, person)
        if resource is resources.TIMETRIGGERS:
            _refuse_cron(obj)
        metadata = dict(obj["metadata"])
        if not metadata.get("resourceVersion"):
            current = await self.get(resource, namespace, metadata["name"])
            metadata["resourceVersion"] = current["metadata"]["resourceVersion"]
        writing = _status_of(resource, obj, namespace)
        if _has_status(resource, obj) and not await self._access.may(person, writing):
            current = await self.get(resource, namespace, metadata["name"])
            if obj["status"] != current.get("status"):
                await self._access.require(person, writing)
            obj = {key: value for key, value in obj.items() if key != "status"}
        updated = await self._client.replace(resource, {**obj, "metadata": metadata}, namespace)
        if _has_status(resource, obj):
            await self._write_status(resource, obj, updated)
        answer: Obj = updated["metadata"]
        return answer

    async def delete(self, resource: gvk.Resource, namespace: str, name: str) -> None:
        """Delete the object; raises NotFound."""
        await self._client.delete(resource, name, namespace)

    async def _check(
        self, resource: gvk.Resource, obj: Obj, namespace: str, person: access.Person | None
    ) -> None:
        if resource is resources.HTTPTRIGGERS:
            await self._refuse_conflict(obj, namespace, person)
        if resource is resources.TIMETRIGGERS:
            _refuse_cron(obj)
        if resource is resources.PACKAGES:
            size = len(_literal_of(obj))
            if size > MAX_LITERAL_BYTES:
                raise errors.InvalidInput(
                    f"spec.deployment.literal: {size} bytes, at most {MAX_LITERAL_BYTES} fit; "
                    "upload it through /proxy/storage/v1/archive"
                )

    async def _refuse_conflict(
        self, obj: Obj, namespace: str, person: access.Person | None
    ) -> None:
        existing = await self.list(resources.HTTPTRIGGERS, "")
        other = routeconflict.find(obj, namespace, existing)
        if other is None:
            return
        where, name = other
        seen = access.Operation("get", resources.HTTPTRIGGERS, where, name)
        shown = name if await self._access.may(person, seen) else "in a namespace of others"
        raise status.AlreadyExists(
            f"HTTPTrigger with same Host, URL & method already exists ({shown})"
        )

    async def _ensure_namespace(self, namespace: str, person: access.Person | None) -> None:
        try:
            await self._client.get(gvk.NAMESPACES, namespace)
        except status.NotFound:
            await self._access.require(
                person, access.Operation("create", gvk.NAMESPACES, "", namespace)
            )
            body: Obj = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}}
            try:
                await self._client.create(gvk.NAMESPACES, body)
            except status.AlreadyExists:
                return

    async def _write_status(self, resource: gvk.Resource, asked: Obj, written: Obj) -> None:
        metadata = written["metadata"]
        patched = await self._client.patch(
            resource,
            metadata["name"],
            {"status": asked["status"]},
            metadata["namespace"],
            kind="merge",
            subresource="status",
        )
        metadata["resourceVersion"] = patched["metadata"]["resourceVersion"]


def _has_status(resource: gvk.Resource, obj: Obj) -> bool:
    return resource in _STATUS_IN_BODY and bool(obj.get("status"))


def _status_of(resource: gvk.Resource, obj: Obj, namespace: str) -> access.Operation:
    name = str(obj["metadata"]["name"])
    return access.Operation("update", resource, namespace, name, "status")


def decode(resource: gvk.Resource, body: Any) -> tuple[Obj, str]:
    """Return the object of a request with its kind filled in, and its namespace.

    Raises InvalidInput for what is no object of this kind.
    """
    if not isinstance(body, dict) or not isinstance(body.get("metadata"), dict):
        raise errors.InvalidInput("the body is not an object with metadata")
    kind = body.get("kind") or resource.kind
    if kind != resource.kind:
        raise errors.InvalidInput(f"kind: found {kind!r}, this path takes {resource.kind}")
    metadata = {key: value for key, value in body["metadata"].items() if value is not None}
    if not metadata.get("name"):
        raise errors.InvalidInput("metadata.name is empty")
    namespace = metadata.get("namespace") or DEFAULT_NAMESPACE
    metadata["namespace"] = namespace
    whole = {**body, "apiVersion": resource.api_version, "kind": kind, "metadata": metadata}
    return whole, namespace


def _literal_of(package: Obj) -> bytes:
    text = package.get("spec", {}).get("deployment", {}).get("literal") or ""
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise errors.InvalidInput(f"spec.deployment.literal is not base64: {error}") from error


def _refuse_cron(obj: Obj) -> None:
    """The API server would store it, and the timer say in a condition what is wrong."""
    text = (obj.get("spec") or {}).get("cron")
    if isinstance(text, str):
        try:
            cron.parse(text)
        except cron.CronError as error:
            raise errors.InvalidInput(f"spec.cron: {error.message}") from error
