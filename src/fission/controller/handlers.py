"""Requests about our eight kinds, and what tells of them → one call each → answers."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from fission.api import labels, resources
from fission.base import clock as clocks
from fission.base import errors
from fission.controller import access, config, objects
from fission.kube import client as kube_client
from fission.meta import gvk, status
from fission.web import failures, service
from fission_http import errors as http_errors

Handler = Callable[[service.Request], Awaitable[service.Response]]

_JSON = [("Content-Type", "application/json")]
_TEXT = [("Content-Type", "text/plain; charset=utf-8")]


class Handlers:
    """One method per route; each identifies the caller, asks whether it may, and acts."""

    def __init__(
        self,
        client: kube_client.Client,
        who: access.Access,
        settings: config.Config,
        clock: clocks.Clock,
        version: str,
    ) -> None:
        self._client = client
        self._access = who
        self._objects = objects.Objects(client, who)
        self._settings = settings
        self._clock = clock
        self._version = version

    async def info(self, request: service.Request) -> service.Response:
        """Say what answers here; anybody may know."""
        now = self._clock.now()
        build = {"GitCommit": "", "BuildDate": "", "Version": self._version}
        moment = {"Timezone": "UTC", "CurrentTime": clocks.format_rfc3339(now)}
        where = self._settings.platform_namespace
        return _json(200, {"Build": build, "ServerTime": moment, "Namespace": where})

    async def only_v2(self, request: service.Request) -> service.Response:
        """Refuse the API that was there before this one."""
        return service.Response(404, _TEXT, b"version 1 of this API is gone; use /v2\n")

    def listing(self, resource: gvk.Resource) -> Handler:
        async def handle(request: service.Request) -> service.Response:
            query = request.query_params
            namespace = query.get("namespace", "")
            if not namespace and resource is resources.CANARYCONFIGS:
                namespace = objects.DEFAULT_NAMESPACE
            await self._admit(request, "list", resource, namespace)
            found = await self._objects.list(resource, namespace, query.get("labelSelector", ""))
            return _json(200, found)

        return handle

    def create(self, resource: gvk.Resource) -> Handler:
        async def handle(request: service.Request) -> service.Response:
            obj, namespace = await self._decode(request, resource)
            person = await self._admit(request, "create", resource, namespace)
            return _json(201, await self._objects.create(resource, obj, namespace, person))

        return handle

    def get(self, resource: gvk.Resource) -> Handler:
        async def handle(request: service.Request) -> service.Response:
            namespace, name = _where(request)
            await self._admit(request, "get", resource, namespace, name)
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
            person = await self._admit(request, "update", resource, namespace, name)
            if obj["metadata"]["name"] != name:
                raise errors.InvalidInput(
                    f"metadata.name is {obj['metadata']['name']!r}, the URL says {name!r}"
                )
            return _json(200, await self._objects.update(resource, obj, namespace, person))

        return handle

    def delete(self, resource: gvk.Resource) -> Handler:
        async def handle(request: service.Request) -> service.Response:
            namespace, name = _where(request)
            await self._admit(request, "delete", resource, namespace, name)
            await self._objects.delete(resource, namespace, name)
            return service.Response(200)

        return handle

    async def function_pods(self, request: service.Request) -> service.Response:
        """Answer with a PodList by the function's name, for old clients."""
        namespace = request.query_params.get("functionNamespace") or objects.DEFAULT_NAMESPACE
        chosen = {
            labels.FUNCTION_NAME: request.params["name"],
            labels.FUNCTION_NAMESPACE: namespace,
        }
        return await self._pods(request, chosen, namespace)

    async def environment_pods(self, request: service.Request) -> service.Response:
        """Answer with a PodList by the environment's name, for old clients."""
        query = request.query_params
        namespace = query.get("environmentNamespace") or objects.DEFAULT_NAMESPACE
        chosen = {
            labels.ENVIRONMENT_NAME: request.params["name"],
            labels.ENVIRONMENT_NAMESPACE: namespace,
        }
        if query.get("executorType"):
            chosen[labels.EXECUTOR_TYPE] = query["executorType"]
        return await self._pods(request, chosen, namespace)

    def exists(self, resource: gvk.Resource) -> Handler:
        async def handle(request: service.Request) -> service.Response:
            namespace, name = _where(request)
            await self._admit(request, "get", resource, namespace, name)
            await self._client.get(resource, name, namespace)
            return service.Response(200)

        return handle

    async def _pods(
        self, request: service.Request, chosen: Mapping[str, str], namespace: str
    ) -> service.Response:
        """Pods wherever they are; in the object's namespace for who may not look further."""
        person = await self._access.identify(request.headers.get("authorization"))
        where = ""
        if not await self._access.may(person, access.Operation("list", gvk.PODS)):
            where = namespace
            await self._access.require(person, access.Operation("list", gvk.PODS, where))
        found = await self._client.list(gvk.PODS, where or None, label_selector=chosen)
        return _json(
            200,
            {
                "kind": "PodList",
                "apiVersion": "v1",
                "metadata": {"resourceVersion": found.resource_version},
                "items": found.items,
            },
        )

    async def _admit(
        self,
        request: service.Request,
        verb: str,
        resource: gvk.Resource,
        namespace: str,
        name: str = "",
    ) -> access.Person | None:
        authorization = request.headers.get("authorization")
        return await self._access.admit(authorization, verb, resource, namespace, name)

    async def _decode(
        self, request: service.Request, resource: gvk.Resource
    ) -> tuple[objects.Obj, str]:
        # Who the caller is comes before what it sent: strangers cannot make us parse megabytes.
        await self._access.identify(request.headers.get("authorization"))
        body = await request.read(self._settings.max_object_bytes)
        try:
            return objects.decode(resource, json.loads(body))
        except (ValueError, RecursionError) as error:
            raise errors.InvalidInput(f"the body is not JSON: {error}") from error


def worded(handler: Handler) -> Handler:
    """Answer errors as plain text, or as a Status to who asks for JSON and nothing else."""

    async def handle(request: service.Request) -> service.Response:
        try:
            return await handler(request)
        except (errors.Error, http_errors.BodyTooLarge) as error:
            wants_json = request.headers.get("accept") == "application/json"
            shape = failures.Shape.STATUS if wants_json else failures.Shape.TEXT
            if not isinstance(error, status.Unauthorized):
                return failures.to_response(error, shape)
            body = json.dumps(error.to_dict()) if wants_json else f"{error}\n"
            headers = [*(_JSON if wants_json else _TEXT), ("WWW-Authenticate", "Bearer")]
            return service.Response(401, headers, body.encode())

    return handle


def _where(request: service.Request) -> tuple[str, str]:
    namespace = request.query_params.get("namespace") or objects.DEFAULT_NAMESPACE
    return namespace, request.params["name"]


def _json(code: int, value: Any) -> service.Response:
    return service.Response(code, _JSON, json.dumps(value).encode())
