"""Requests that other components answer: archives, topics, invocations, logins, logs."""

from __future__ import annotations

import urllib.parse

from fission.api import resources
from fission.base import errors
from fission.contracts import controller as contract
from fission.contracts import gojson, invocation, signing, statestore, storage
from fission.controller import access, config, forwarding, logdatabases, objects, podlogs, reading
from fission.controller import handlers as handler_sets
from fission.kube import client as kube_client
from fission.meta import gvk, status
from fission.web import service

_TEXT = [("Content-Type", "text/plain; charset=utf-8")]
_MAX_LOGIN_BYTES = 64 << 10
_MAX_QUERY_BYTES = 1 << 20

_Streamed = statestore.AppendRequest | statestore.ReadRequest | statestore.StreamRequest


class Proxies:
    """One method per route; each admits the caller first."""

    def __init__(
        self,
        client: kube_client.Client,
        who: access.Access,
        forwarder: forwarding.Forwarder,
        databases: logdatabases.LogDatabases,
        masters: signing.Masters,
        settings: config.Config,
    ) -> None:
        self._client = client
        self._access = who
        self._forwarder = forwarder
        self._databases = databases
        self._masters = masters
        self._settings = settings
        self._router = forwarding.Target(
            invocation.INTERNAL_SERVICE,
            invocation.INTERNAL_SOCKET_NAME,
            masters.keys(signing.ROUTER_INTERNAL),
        )
        self._public_router = forwarding.Target(
            invocation.SERVICE, invocation.SOCKET_NAME, signing.Keys()
        )

    async def archive(self, request: service.Request) -> service.Response:
        """Pass an archive on; who may create Packages may store, who may read them may fetch.

        For the namespace that the caller names: storagesvc shows it no other one's archives. Who
        names none must have the right in every namespace.
        """
        namespace = request.headers.get(signing.NAMESPACE_HEADER) or ""
        verb = {"POST": "create", "DELETE": "delete"}.get(request.method, "get")
        await self._admit(request, verb, resources.PACKAGES, namespace)
        uri = storage.ARCHIVE + (f"?{request.query}" if request.query else "")
        target = forwarding.Target(
            "storagesvc", storage.SOCKET_NAME, self._masters.keys(signing.STORAGESVC, namespace)
        )
        limit = self._settings.max_upload_bytes
        return await self._forwarder.forward(request, target, uri, limit, namespace)

    def topic_events(self, path: str, kind: type[_Streamed], verb: str) -> handler_sets.Handler:
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
            await self._admit(request, verb, resources.MESSAGEQUEUETRIGGERS, names[0])
            target = forwarding.Target(
                statestore.SERVICE, statestore.SOCKET_NAME, self._masters.keys(signing.STATESTORE)
            )
            limit = statestore.MAX_REQUEST_BYTES
            return await self._forwarder.forward(request, target, path, limit)

        return handle

    async def invoke(self, request: service.Request) -> service.Response:
        """Call a function by name; needs ``create`` on ``functions/proxy``."""
        uri = request.target.removeprefix(contract.ROUTER)
        person = await self._access.identify(request.headers.get("authorization"))
        await self._require_call(person, uri)
        limit = invocation.MAX_INTERNAL_BODY_BYTES
        return await self._forwarder.forward(request, self._router, uri, limit)

    async def login(self, request: service.Request) -> service.Response:
        """Log in at the public router, as anybody with a token; the router asks for a password."""
        await self._access.identify(request.headers.get("authorization"))
        path = request.query_params.get("path") or self._settings.login_path
        if path != self._settings.login_path:
            raise status.NotFound(
                f"no login at {path}: the controller knows {self._settings.login_path} "
                "(AUTH_URI_PATH)"
            )
        return await self._forwarder.forward(request, self._public_router, path, _MAX_LOGIN_BYTES)

    async def log_database(self, request: service.Request) -> service.Response:
        """Ask a log database, which holds logs of all: needs them in every namespace."""
        await self._admit(request, "get", gvk.PODS, "", "", "log")
        body = await request.read(_MAX_QUERY_BYTES)
        return await self._databases.ask(request, request.params["dbType"], body)

    async def logs(self, request: service.Request) -> service.Response:
        namespace = request.query_params.get("namespace") or objects.DEFAULT_NAMESPACE
        name = request.params["name"]
        await self._admit(request, "get", gvk.PODS, namespace, "", "log")
        asked = request.query_params.get("lines", "")
        is_number = asked.isdecimal() and len(asked) <= reading.MOST_DIGITS
        lines = (int(asked) or None) if is_number else None
        container = request.query_params.get("container", "")
        text = await podlogs.collect(self._client, namespace, name, lines, container)
        return service.Response(200, _TEXT, text.encode())

    async def service_name(self, request: service.Request) -> service.Response:
        """Say which Service carries a label.

        Who may create Packages in the namespace named may know where their archives are kept.
        """
        query = request.query_params
        application, namespace = query.get("application", ""), query.get("namespace", "")
        person = await self._access.identify(request.headers.get("authorization"))
        looked_at = ""
        everywhere = access.Operation("list", gvk.SERVICES)
        if not await self._access.may(person, everywhere):
            if application != storage.APPLICATION or not namespace:
                await self._access.require(person, everywhere)
            packages = access.Operation("create", resources.PACKAGES, namespace)
            await self._access.require(person, packages)
            looked_at = self._settings.platform_namespace
        found = await self._client.list(
            gvk.SERVICES, looked_at or None, label_selector={"application": application}
        )
        if len(found.items) != 1:
            raise status.NotFound(
                f"{len(found.items)} services carry the label application={application}; "
                "exactly one must"
            )
        metadata = found.items[0]["metadata"]
        text = f"{metadata['name']}.{metadata['namespace']}"
        return service.Response(200, _TEXT, text.encode())

    async def _require_call(self, person: access.Person | None, uri: str) -> None:
        """The right to call each function that the path may mean.

        Which of them exist is looked at only for who may call one: nobody else learns it.
        """
        asked = [
            access.Operation("create", resources.FUNCTIONS, namespace, name, "proxy")
            for namespace, name in _readings(uri)
        ]
        refused = [each for each in asked if not await self._access.may(person, each)]
        if not refused:
            return
        if len(refused) == len(asked):
            await self._access.require(person, refused[0])
        for each in refused:
            try:
                await self._client.get(resources.FUNCTIONS, each.name, each.namespace)
            except status.NotFound:
                continue
            await self._access.require(person, each)

    async def _admit(
        self,
        request: service.Request,
        verb: str,
        resource: gvk.Resource,
        namespace: str,
        name: str = "",
        subresource: str = "",
    ) -> None:
        authorization = request.headers.get("authorization")
        await self._access.admit(authorization, verb, resource, namespace, name, subresource)


def _readings(uri: str) -> list[tuple[str, str]]:
    """Return the functions that ``/fission-function/a/b`` may mean: ``a`` of the default namespace
    with a path, or ``b`` of namespace ``a``."""
    path = urllib.parse.unquote(uri.partition("?")[0]).removeprefix(invocation.PREFIX)
    first, _, rest = path.partition("/")
    readings = [(objects.DEFAULT_NAMESPACE, first.partition(":")[0])]
    if rest:
        readings.append((first, rest.partition("/")[0].partition(":")[0]))
    return readings
