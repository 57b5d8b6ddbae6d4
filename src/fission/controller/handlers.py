"""Requests of the REST API → one call each → answers."""

from __future__ import annotations

import json
import urllib.parse
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from fission.api import labels, resources
from fission.base import clock as clocks
from fission.base import errors
from fission.contracts import controller as contract
from fission.contracts import gojson, invocation, signing, statestore, storage
from fission.controller import access, config, forwarding, objects, podlogs
from fission.kube import client as kube_client
from fission.meta import gvk, status
from fission.web import service

Handler = Callable[[service.Request], Awaitable[service.Response]]

_JSON = [("Content-Type", "application/json")]
_TEXT = [("Content-Type", "text/plain; charset=utf-8")]


_Streamed = statestore.AppendRequest | statestore.ReadRequest | statestore.StreamRequest


class Handlers:
    """One method per route; each identifies the caller, asks whether it may, and acts."""

    def __init__(
        self,
        client: kube_client.Client,
        who: access.Access,
        forwarder: forwarding.Forwarder,
        masters: signing.Masters,
        settings: config.Config,
        clock: clocks.Clock,
        version: str,
    ) -> None:
        self._client = client
        self._access = who
        self._objects = objects.Objects(client)
        self._forwarder = forwarder
        self._settings = settings
        self._clock = clock
        self._version = version
        self._masters = masters
        self._router = forwarding.Target(
            invocation.INTERNAL_SERVICE,
            invocation.INTERNAL_SOCKET_NAME,
            masters.keys(signing.ROUTER_INTERNAL),
        )

    async def info(self, request: service.Request) -> service.Response:
        now = self._clock.now()
        build = {"GitCommit": "", "BuildDate": "", "Version": self._version}
        moment = {"Timezone": "UTC", "CurrentTime": clocks.format_rfc3339(now)}
        return _json(200, {"Build": build, "ServerTime": moment})

    async def only_v2(self, request: service.Request) -> service.Response:
        return service.Response(404, _TEXT, b"version 1 of this API is gone; use /v2\n")

    def listing(self, resource: gvk.Resource) -> Handler:
        async def handle(request: service.Request) -> service.Response:
            namespace = request.query_params.get("namespace", "")
            if not namespace and resource is resources.CANARYCONFIGS:
                namespace = objects.DEFAULT_NAMESPACE
            await self._require(request, "list", resource, namespace)
            return _json(200, await self._objects.list(resource, namespace))

        return handle

    def create(self, resource: gvk.Resource) -> Handler:
        async def handle(request: service.Request) -> service.Response:
            obj, namespace = await self._decode(request, resource)
            await self._require(request, "create", resource, namespace)
            return _json(201, await self._objects.create(resource, obj, namespace))

        return handle

    def get(self, resource: gvk.Resource) -> Handler:
        async def handle(request: service.Request) -> service.Response:
            namespace, name = _where(request)
            await self._require(request, "get", resource, namespace, name)
            if resource is resources.PACKAGES and request.query_params.get("raw"):
                content = await self._objects.literal(namespace, name)
                headers = [("Content-Type", "application/octet-stream")]
                return service.Response(200, headers, content)
            return _json(200, await self._objects.get(resource, namespace, name))

        return handle

    def update(self, resource: gvk.Resource) -> Handler:
        async def handle(request: service.Request) -> service.Response:
            obj, namespace = await self._decode(request, resource)
            name = request.params["name"]
            if obj["metadata"]["name"] != name:
                raise errors.InvalidInput(
                    f"metadata.name is {obj['metadata']['name']!r}, the URL says {name!r}"
                )
            await self._require(request, "update", resource, namespace, name)
            return _json(200, await self._objects.update(resource, obj, namespace))

        return handle

    def delete(self, resource: gvk.Resource) -> Handler:
        async def handle(request: service.Request) -> service.Response:
            namespace, name = _where(request)
            await self._require(request, "delete", resource, namespace, name)
            await self._objects.delete(resource, namespace, name)
            return service.Response(200)

        return handle

    async def function_pods(self, request: service.Request) -> service.Response:
        namespace = request.query_params.get("functionNamespace") or objects.DEFAULT_NAMESPACE
        chosen = {
            labels.FUNCTION_NAME: request.params["name"],
            labels.FUNCTION_NAMESPACE: namespace,
        }
        return await self._pods(request, chosen)

    async def surroundings(self, request: service.Request) -> service.Response:
        namespace = request.query_params.get("functionNamespace") or objects.DEFAULT_NAMESPACE
        for resource in (gvk.DEPLOYMENTS, gvk.EVENTS):
            await self._require(request, "list", resource, namespace)
        mark = {
            labels.FUNCTION_NAME: request.params["name"],
            labels.FUNCTION_NAMESPACE: namespace,
        }
        selector = ",".join(f"{key}={value}" for key, value in mark.items())
        deployments = await self._client.list(gvk.DEPLOYMENTS, namespace, label_selector=selector)
        events = await self._client.list(gvk.EVENTS, namespace)
        return _json(200, {"deployments": deployments.items, "events": events.items})

    async def environment_pods(self, request: service.Request) -> service.Response:
        query = request.query_params
        chosen = {
            labels.ENVIRONMENT_NAME: request.params["name"],
            labels.ENVIRONMENT_NAMESPACE: query.get("environmentNamespace")
            or objects.DEFAULT_NAMESPACE,
        }
        if query.get("executorType"):
            chosen[labels.EXECUTOR_TYPE] = query["executorType"]
        return await self._pods(request, chosen)

    def exists(self, resource: gvk.Resource) -> Handler:
        async def handle(request: service.Request) -> service.Response:
            namespace, name = _where(request)
            await self._require(request, "get", resource, namespace, name)
            await self._client.get(resource, name, namespace)
            return service.Response(200)

        return handle

    async def archive(self, request: service.Request) -> service.Response:
        """Pass an archive on; who may create Packages may store, who may read them may fetch.

        For the namespace that the caller names: storagesvc shows it no other one's archives. Who
        names none must have the right in every namespace.
        """
        namespace = request.headers.get(signing.NAMESPACE_HEADER) or ""
        verb = {"POST": "create", "DELETE": "delete"}.get(request.method, "get")
        await self._require(request, verb, resources.PACKAGES, namespace)
        uri = storage.ARCHIVE + (f"?{request.query}" if request.query else "")
        target = forwarding.Target(
            "storagesvc", storage.SOCKET_NAME, self._masters.keys(signing.STORAGESVC, namespace)
        )
        limit = self._settings.max_upload_bytes
        return await self._forwarder.forward(request, target, uri, limit, namespace)

    def topic_events(self, path: str, kind: type[_Streamed], verb: str) -> Handler:
        """Append to or read from a topic: as who may ``create`` or ``get`` triggers of queues."""

        async def handle(request: service.Request) -> service.Response:
            await self._access.identify(request.headers.get("authorization"))
            body = await request.read_for_signature(statestore.MAX_REQUEST_BYTES)
            try:
                names = statestore.topic_of(statestore.decode(body, kind).stream)
            except gojson.MessageError as error:
                raise errors.InvalidInput(f"the body is not a message: {error}") from error
            if names is None:
                raise status.Forbidden("stream: only topics can be reached from here")
            await self._require(request, verb, resources.MESSAGEQUEUETRIGGERS, names[0])
            target = forwarding.Target(
                statestore.SERVICE, statestore.SOCKET_NAME, self._masters.keys(signing.STATESTORE)
            )
            limit = statestore.MAX_REQUEST_BYTES
            return await self._forwarder.forward(request, target, path, limit)

        return handle

    async def invoke(self, request: service.Request) -> service.Response:
        """Call a function by name; needs ``create`` on ``functions/proxy``."""
        uri = request.target.removeprefix(contract.ROUTER)
        for namespace, name in await self._possibly_called(uri):
            await self._require(request, "create", resources.FUNCTIONS, namespace, name, "proxy")
        limit = invocation.MAX_INTERNAL_BODY_BYTES
        return await self._forwarder.forward(request, self._router, uri, limit)

    async def logs(self, request: service.Request) -> service.Response:
        namespace, name = _where(request)
        await self._require(request, "get", gvk.PODS, namespace, "", "log")
        asked = request.query_params.get("lines", "")
        lines = int(asked) if asked.isdigit() and asked != "0" else None
        container = request.query_params.get("container", "")
        text = await podlogs.collect(self._client, namespace, name, lines, container)
        return service.Response(200, _TEXT, text.encode())

    async def service_name(self, request: service.Request) -> service.Response:
        application = request.query_params.get("application", "")
        await self._require(request, "list", gvk.SERVICES, "")
        selector = f"application={application}"
        found = (await self._client.list(gvk.SERVICES, label_selector=selector)).items
        if len(found) != 1:
            raise status.NotFound(
                f"{len(found)} services carry the label {selector}; exactly one must"
            )
        metadata = found[0]["metadata"]
        text = f"{metadata['name']}.{metadata['namespace']}"
        return service.Response(200, _TEXT, text.encode())

    async def _pods(self, request: service.Request, chosen: Mapping[str, str]) -> service.Response:
        await self._require(request, "list", gvk.PODS, "")
        selector = ",".join(f"{key}={value}" for key, value in chosen.items())
        found = await self._client.list(gvk.PODS, label_selector=selector)
        return _json(
            200,
            {
                "kind": "PodList",
                "apiVersion": "v1",
                "metadata": {"resourceVersion": found.resource_version},
                "items": found.items,
            },
        )

    async def _possibly_called(self, uri: str) -> list[tuple[str, str]]:
        """Return every function that the path may reach: the caller needs the right to each."""
        readings = _readings(uri)
        if len(readings) == 1:
            return readings
        existing = []
        for namespace, name in readings:
            try:
                await self._client.get(resources.FUNCTIONS, name, namespace)
            except status.NotFound:
                continue
            existing.append((namespace, name))
        return existing or readings

    async def _require(
        self,
        request: service.Request,
        verb: str,
        resource: gvk.Resource,
        namespace: str,
        name: str = "",
        subresource: str = "",
    ) -> None:
        person = await self._access.identify(request.headers.get("authorization"))
        operation = access.Operation(verb, resource, namespace, name, subresource)
        await self._access.require(person, operation)

    async def _decode(
        self, request: service.Request, resource: gvk.Resource
    ) -> tuple[objects.Obj, str]:
        # Who the caller is comes before what it sent: strangers cannot make us parse megabytes.
        await self._access.identify(request.headers.get("authorization"))
        body = await request.read(self._settings.max_object_bytes)
        try:
            return objects.decode(resource, json.loads(body))
        except ValueError as error:
            raise errors.InvalidInput(f"the body is not JSON: {error}") from error


def as_text(handler: Handler) -> Handler:
    """Answer errors as plain text, also what a missing token lacks."""

    async def handle(request: service.Request) -> service.Response:
        try:
            return await handler(request)
        except status.Unauthorized as error:
            headers = [*_TEXT, ("WWW-Authenticate", "Bearer")]
            return service.Response(401, headers, f"{error}\n".encode())

    return handle


def _where(request: service.Request) -> tuple[str, str]:
    namespace = request.query_params.get("namespace") or objects.DEFAULT_NAMESPACE
    return namespace, request.params["name"]


def _readings(uri: str) -> list[tuple[str, str]]:
    """Return the functions that ``/fission-function/a/b`` may mean: ``a`` of the default namespace
    with a path, or ``b`` of namespace ``a``."""
    path = urllib.parse.unquote(uri.partition("?")[0]).removeprefix(invocation.PREFIX)
    first, _, rest = path.partition("/")
    readings = [(objects.DEFAULT_NAMESPACE, first.partition(":")[0])]
    if rest:
        readings.append((first, rest.partition("/")[0].partition(":")[0]))
    return readings


def _json(code: int, value: Any) -> service.Response:
    return service.Response(code, _JSON, json.dumps(value).encode())
