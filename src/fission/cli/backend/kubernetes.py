"""The Kubernetes API as backend.

Storagesvc and the router's internal listener are reached through the API server's service proxy,
unless ``FISSION_STORAGESVC_URL`` or ``FISSION_ROUTER_INTERNAL_URL`` name them, and statestore in
the same way (``FISSION_STATESTORE_URL``). Calls are signed
for the path that the service itself sees, with keys from ``FISSION_INTERNAL_AUTH_SECRET`` or from
the platform's Secret.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Final

from fission.api import labels
from fission.base import clock as clocks
from fission.base import lazily
from fission.cli import errors
from fission.cli.backend import around, http, protocol
from fission.contracts import signing
from fission.kube import client as kube_client
from fission.kube import config
from fission.kube import errors as kube_errors
from fission.meta import gvk, status
from fission_http import client as http_client

if TYPE_CHECKING:
    from fission.cli.backend import podwatch, uploads, watching
    from fission.contracts import activity, invocation, statestore, storage
else:
    podwatch = lazily.module("fission.cli.backend.podwatch")
    watching = lazily.module("fission.cli.backend.watching")
    invocation = lazily.module("fission.contracts.invocation")
    statestore = lazily.module("fission.contracts.statestore")
    storage = lazily.module("fission.contracts.storage")

Obj = protocol.Obj
Objs = protocol.Objs
Names = protocol.Names

STORAGE_VARIABLE: Final = "FISSION_STORAGESVC_URL"
ROUTER_VARIABLE: Final = "FISSION_ROUTER_URL"
INTERNAL_VARIABLE: Final = "FISSION_ROUTER_INTERNAL_URL"
TOKEN_VARIABLE: Final = "FISSION_AUTH_TOKEN"
_USUAL_NAMESPACE: Final = "fission"
_STORAGE_SERVICE: Final = "storagesvc"
_SERVICE_PORT: Final = 80
_ROUTER_SECONDS: Final = 10.0
_EVENTS_SECONDS: Final = 30.0
_JSON: Final = (("Content-Type", "application/json"),)


class KubernetesBackend:
    """A platform reached through its cluster's API."""

    def __init__(
        self,
        credentials: config.Credentials,
        env: Mapping[str, str],
        platform_namespace: str,
        clock: clocks.Clock,
    ) -> None:
        self._client = kube_client.Client(credentials, user_agent="fission-cli", clock=clock)
        self._env = env
        self._platform_namespace = platform_namespace
        self._clock = clock
        self._masters: signing.Masters | None = None
        self._callers: dict[str, http.Caller] = {}

    @property
    def namespace(self) -> str:
        return self._client.namespace

    async def list(
        self, resource: gvk.Resource, namespace: str | None, labels: Mapping[str, str] | None = None
    ) -> Objs:
        found = await self._client.list(resource, namespace, label_selector=labels)
        return found.items

    async def get(self, resource: gvk.Resource, name: str, namespace: str) -> Obj:
        return await self._client.get(resource, name, namespace)

    def changes(
        self, resource: gvk.Resource, name: str, namespace: str
    ) -> AsyncGenerator[Obj, None]:
        return watching.watched(self._client, resource, name, namespace, self._clock)

    async def create(self, resource: gvk.Resource, obj: Obj) -> Obj:
        try:
            return await self._client.create(resource, obj)
        except status.NotFound as error:
            if (error.details or {}).get("kind") != gvk.NAMESPACES.plural:
                raise
            name = obj["metadata"]["namespace"]
            raise errors.CliError(
                f'namespace "{name}" does not exist; {errors.NAMESPACE_HINT} {name}'
            ) from error

    async def replace(self, resource: gvk.Resource, obj: Obj) -> Obj:
        return await self._client.replace(resource, obj)

    async def set_status(self, resource: gvk.Resource, obj: Obj, status: Obj) -> Obj:
        metadata = obj["metadata"]
        return await self._client.patch(
            resource,
            metadata["name"],
            {
                "metadata": {"resourceVersion": metadata.get("resourceVersion")},
                "status": status,
            },
            metadata["namespace"],
            subresource="status",
        )

    async def delete(self, resource: gvk.Resource, name: str, namespace: str) -> None:
        await self._client.delete(resource, name, namespace)

    async def exists(self, resource: gvk.Resource, name: str, namespace: str) -> bool:
        try:
            await self._client.get(resource, name, namespace)
        except status.NotFound:
            return False
        return True

    async def function_pods(self, function: Obj) -> Objs:
        return await around.function_pods(self._client, function)

    def function_pods_changes(self, function: Obj) -> AsyncGenerator[Objs, None]:
        metadata = function["metadata"]
        chosen = {labels.FUNCTION_UID: metadata["uid"]}
        return podwatch.watched(self._client, chosen, metadata["namespace"], self._clock)

    async def environment_pods(self, environment: Obj, executor_type: str) -> Objs:
        return await around.environment_pods(self._client, environment, executor_type)

    async def activity(self, namespace: str) -> activity.Processes:
        from fission.cli.backend import counters

        keys = (await self._read_masters()).keys(signing.ROUTER_INTERNAL)
        signed = list(self._signed(keys, "GET", counters.METRICS, b""))
        if not self._env.get(INTERNAL_VARIABLE):
            where = await self.platform_namespace()
            return await counters.processes(self._client, where, namespace, signed)
        response = await self._service_request(
            INTERNAL_VARIABLE,
            invocation.INTERNAL_SERVICE,
            "GET",
            counters.METRICS,
            signed,
            b"",
            counters.PAGE_SECONDS,
        )
        return [await counters.read(response, invocation.SERVICE, namespace)]

    async def pod_counts(self, namespace: str) -> protocol.PodCounts:
        from fission.cli.backend import counters

        return await counters.pods(self._client, namespace)

    async def surroundings(self, function: Obj) -> protocol.Surroundings | None:
        return await around.surroundings(self._client, function)

    def logs(self, function: Obj, query: protocol.LogQuery) -> AsyncIterator[bytes]:
        return around.logs(self._client, query)

    async def call(self, call: protocol.Call) -> protocol.Answer:
        masters = await self._read_masters()
        keys = masters.keys(signing.ROUTER_INTERNAL)
        response = await self._service_request(
            INTERNAL_VARIABLE,
            f"{invocation.INTERNAL_SERVICE}:{invocation.INTERNAL_PORT}",
            call.method,
            call.target,
            [*call.headers, *self._signed(keys, call.method, call.target, call.body)],
            call.body,
            call.timeout_seconds,
        )
        body = await http.answered(response, call.sink)
        return protocol.Answer(response.status, response.headers.items(), body)

    async def upload(
        self, form: uploads.Upload, on_progress: uploads.Progress, namespace: str
    ) -> str:
        signed = await self._storage_headers("POST", storage.ARCHIVE, form.digests.body, namespace)
        response = await self._storage(
            "POST", storage.ARCHIVE, [*form.headers(), *signed], form.body(on_progress)
        )
        return storage.decode_upload(await http.read(response)).id

    async def download(self, archive_id: str, namespace: str) -> AsyncIterator[bytes]:
        target = storage.archive_target(archive_id)
        response = await self._storage("GET", target, await self._storage_headers("GET", target))
        async for chunk in http.chunks(response):
            yield chunk

    async def delete_archive(self, archive_id: str, namespace: str) -> None:
        target = storage.archive_target(archive_id)
        signed = await self._storage_headers("DELETE", target)
        await (await self._storage("DELETE", target, signed)).aclose()

    async def list_archives(self, namespace: str) -> Names:
        import orjson

        target = storage.ARCHIVE
        response = await self._storage("GET", target, await self._storage_headers("GET", target))
        found: Names = orjson.loads(await http.read(response)) or []
        return found

    async def archive_url(self, archive_id: str, namespace: str) -> str:
        base = f"http://{_STORAGE_SERVICE}.{await self.platform_namespace()}"
        return storage.archive_url(base, archive_id)

    async def topic_events(self, path: str, body: bytes) -> protocol.Answer:
        keys = (await self._read_masters()).keys(signing.STATESTORE)
        response = await self._service_request(
            statestore.URL_VARIABLE,
            f"{statestore.SERVICE}:{statestore.PORT}",
            "POST",
            path,
            [*_JSON, *self._signed(keys, "POST", path, body)],
            body,
            _EVENTS_SECONDS,
        )
        return protocol.Answer(response.status, response.headers.items(), await http.read(response))

    async def log_in(self, path: str, body: bytes) -> protocol.Answer:
        return await self._ask_router("POST", path, _JSON, body)

    async def _ask_router(
        self, method: str, target: str, headers: Sequence[tuple[str, str]], body: bytes
    ) -> protocol.Answer:
        service = f"{invocation.SERVICE}:{_SERVICE_PORT}"
        response = await self._service_request(
            ROUTER_VARIABLE, service, method, target, headers, body, _ROUTER_SECONDS
        )
        content = await http.read(response)
        return protocol.Answer(response.status, response.headers.items(), content)

    async def platform_namespace(self) -> str:
        if not self._platform_namespace:
            self._platform_namespace = await self._find_platform()
        return self._platform_namespace

    async def _find_platform(self) -> str:
        """The one namespace that has a router; the usual one for who may not look around."""
        try:
            found = await self._client.list(
                gvk.SERVICES, None, label_selector={"application": invocation.APPLICATION}
            )
        except status.Forbidden:
            return _USUAL_NAMESPACE
        namespaces = sorted({str(each["metadata"]["namespace"]) for each in found.items})
        if len(namespaces) > 1:
            raise errors.CliError(
                f"found {len(namespaces)} fission installs, set FISSION_NAMESPACE to one of "
                + ", ".join(namespaces)
            )
        return namespaces[0] if namespaces else _USUAL_NAMESPACE

    async def server_version(self) -> Obj:
        import orjson

        headers = []
        token = self._env.get(TOKEN_VARIABLE)
        if token and self._env.get(ROUTER_VARIABLE):
            headers.append(("Authorization", f"Bearer {token}"))
        answer = await self._ask_router("GET", invocation.VERSION, headers, b"")
        if answer.status == 401 and not self._env.get(ROUTER_VARIABLE):
            # A cluster's API takes the token for one of its own and passes none on.
            answer = await self.call(protocol.Call("GET", invocation.VERSION))
        if answer.status >= 400:
            raise http.error_of(answer.status, answer.body)
        found: Obj = orjson.loads(answer.body)
        return found

    async def kubernetes_version(self) -> Obj:
        import orjson

        response = await self._client.raw("GET", "/version", timeout_seconds=_ROUTER_SECONDS)
        found: Obj = orjson.loads(await http.read(await http.check(response)))
        return found

    async def aclose(self) -> None:
        for caller in self._callers.values():
            await caller.aclose()
        await self._client.aclose()

    async def _storage(
        self,
        method: str,
        target: str,
        headers: Iterable[tuple[str, str]],
        body: bytes | AsyncIterator[bytes] = b"",
    ) -> http_client.ClientResponse:
        service = f"{_STORAGE_SERVICE}:{_SERVICE_PORT}"
        response = await self._service_request(
            STORAGE_VARIABLE, service, method, target, headers, body, http.TRANSFER_SECONDS
        )
        return await http.check(response)

    async def _storage_headers(
        self,
        method: str,
        target: str,
        body_sha256: str = signing.EMPTY_BODY_HASH,
        namespace: str = "",
    ) -> Iterable[tuple[str, str]]:
        """Signed for a namespace, or with the key that opens every archive."""
        masters = await self._read_masters()
        keys = masters.keys(signing.STORAGESVC, namespace)
        return self._signed(keys, method, target, body_sha256, namespace)

    def _signed(
        self,
        keys: signing.Keys,
        method: str,
        target: str,
        body: bytes | str,
        namespace: str = "",
    ) -> Iterable[tuple[str, str]]:
        if keys.current is None:
            return ()
        now = self._clock.now().timestamp()
        return signing.headers(keys.current, method, target, body, now, namespace)

    async def _service_request(
        self,
        variable: str,
        service: str,
        method: str,
        target: str,
        headers: Iterable[tuple[str, str]],
        body: bytes | AsyncIterator[bytes],
        timeout_seconds: float,
    ) -> http_client.ClientResponse:
        """Reach a service directly where a variable says so, else through the API server."""
        url = self._env.get(variable)
        if url:
            caller = self._callers.get(url)
            if caller is None:
                caller = self._callers[url] = http.Caller(url, service.partition(":")[0])
            return await caller.request(method, target, headers, body, timeout_seconds)
        namespace = await self.platform_namespace()
        path = gvk.SERVICES.path(namespace, service, "proxy") + target
        return await self._client.raw(
            method, path, headers=headers, body=body, timeout_seconds=timeout_seconds
        )

    async def _read_masters(self) -> signing.Masters:
        if self._masters is None:
            self._masters = signing.masters_from_env(self._env)
            if not self._masters.enabled:
                self._masters = await self._masters_of_platform()
        return self._masters

    async def _masters_of_platform(self) -> signing.Masters:
        try:
            secret = await self._client.get(
                gvk.SECRETS, signing.SECRET_NAME, await self.platform_namespace()
            )
        except (status.NotFound, status.Forbidden, kube_errors.Unreachable):
            return signing.Masters()
        data = secret.get("data") or {}
        return signing.Masters(
            current=_decoded(data.get(signing.SECRET_KEY)),
            old=_decoded(data.get(signing.OLD_SECRET_KEY)),
        )


def _decoded(value: str | None) -> bytes | None:
    try:
        return base64.b64decode(value or "") or None
    except binascii.Error:
        return None
