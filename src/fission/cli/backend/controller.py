"""The controller's REST API as backend, for people without Kubernetes credentials."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Mapping
from typing import TYPE_CHECKING, Any
from urllib import parse

import orjson

from fission.api import labels
from fission.base import clock as clocks
from fission.base import lazily
from fission.cli import errors
from fission.cli.backend import around, http, protocol
from fission.contracts import controller, signing
from fission.kube import bearers, config, tls
from fission.kube import client as kube_client
from fission.meta import gvk, status
from fission_http import client as http_client

if TYPE_CHECKING:
    from fission.cli.backend import podwatch, uploads, watching
    from fission.contracts import activity, storage
else:
    podwatch = lazily.module("fission.cli.backend.podwatch")
    watching = lazily.module("fission.cli.backend.watching")
    storage = lazily.module("fission.contracts.storage")

Obj = protocol.Obj
Objs = protocol.Objs
Names = protocol.Names


class ControllerBackend:
    """A platform reached through its controller."""

    def __init__(self, url: str, token: str, clock: clocks.Clock) -> None:
        self._caller = http.Caller(url, "the controller")
        self._token = token
        self._clock = clock
        self._kube = kube_client.Client(
            config.Credentials(
                server=url.rstrip("/") + controller.KUBERNETES,
                tls=tls.Tls() if url.startswith("https:") else None,
                bearer=bearers.Fixed(f"Bearer {token}") if token else bearers.NO_BEARER,
            ),
            user_agent="fission-cli",
            clock=clock,
        )
        """Reads what the controller passes on of the Kubernetes API."""

    @property
    def namespace(self) -> str:
        return "default"

    async def list(
        self, resource: gvk.Resource, namespace: str | None, labels: Mapping[str, str] | None = None
    ) -> Objs:
        # Canary configs without a namespace are, in the old contract, those of the default one.
        is_narrower = namespace is None and resource.kind == "CanaryConfig"
        if labels or is_narrower or resource.kind not in controller.COLLECTIONS:
            return (await self._kube.list(resource, namespace, label_selector=labels)).items
        found: Objs = await self._json("GET", controller.list_path(resource.kind, namespace or ""))
        return [_named(resource, obj) for obj in found or []]

    async def get(self, resource: gvk.Resource, name: str, namespace: str) -> Obj:
        if resource.kind not in controller.COLLECTIONS:
            return await self._kube.get(resource, name, namespace)
        path = controller.object_path(resource.kind, name, namespace)
        return _named(resource, await self._json("GET", path))

    def changes(
        self, resource: gvk.Resource, name: str, namespace: str
    ) -> AsyncGenerator[Obj, None]:
        return watching.watched(self._kube, resource, name, namespace, self._clock)

    async def create(self, resource: gvk.Resource, obj: Obj) -> Obj:
        self._check_kind(resource)
        body = orjson.dumps(obj)
        metadata = await self._json("POST", controller.COLLECTIONS[resource.kind], body)
        return {**obj, "metadata": metadata}

    async def replace(self, resource: gvk.Resource, obj: Obj) -> Obj:
        # The controller writes a status that it is sent, and the one here may be old by now.
        bare = {key: value for key, value in obj.items() if key != "status"}
        return {**obj, "metadata": await self._put(resource, bare)}

    async def set_status(self, resource: gvk.Resource, obj: Obj, status: Obj) -> Obj:
        merged = {**(obj.get("status") or {}), **status}
        metadata = await self._put(resource, {**obj, "status": status})
        return {**obj, "metadata": metadata, "status": merged}

    async def delete(self, resource: gvk.Resource, name: str, namespace: str) -> None:
        self._check_kind(resource)
        path = controller.object_path(resource.kind, name, namespace)
        await (await self._send("DELETE", path)).aclose()

    async def exists(self, resource: gvk.Resource, name: str, namespace: str) -> bool:
        collection = (
            controller.SECRETS if resource.kind == gvk.SECRETS.kind else controller.CONFIGMAPS
        )
        query = parse.urlencode({"namespace": namespace})
        try:
            await (await self._send("GET", f"{collection}/{parse.quote(name)}?{query}")).aclose()
        except status.NotFound:
            return False
        return True

    async def function_pods(self, function: Obj) -> Objs:
        return await around.function_pods(self._kube, function)

    def function_pods_changes(self, function: Obj) -> AsyncGenerator[Objs, None]:
        metadata = function["metadata"]
        chosen = {labels.FUNCTION_UID: metadata["uid"]}
        return podwatch.watched(self._kube, chosen, metadata["namespace"], self._clock)

    async def environment_pods(self, environment: Obj, executor_type: str) -> Objs:
        return await around.environment_pods(self._kube, environment, executor_type)

    async def activity(self, namespace: str) -> activity.Processes:
        from fission.contracts import activity as wire

        query = f"?{parse.urlencode({'namespace': namespace})}" if namespace else ""
        response = await self._send("GET", wire.PATH + query)
        return wire.decode(await http.read(response))

    async def pod_counts(self, namespace: str) -> protocol.PodCounts:
        from fission.cli.backend import counters

        return await counters.pods(self._kube, namespace)

    async def surroundings(self, function: Obj) -> protocol.Surroundings | None:
        return await around.surroundings(self._kube, function)

    def logs(self, function: Obj, query: protocol.LogQuery) -> AsyncIterator[bytes]:
        return around.logs(self._kube, query)

    async def call(self, call: protocol.Call) -> protocol.Answer:
        response = await self._caller.request(
            call.method,
            controller.invocation_target(call.target),
            [*call.headers, *self._authorization()],
            call.body,
            call.timeout_seconds,
        )
        body = await http.answered(response, call.sink)
        return protocol.Answer(response.status, response.headers.items(), body)

    async def upload(
        self, form: uploads.Upload, on_progress: uploads.Progress, namespace: str
    ) -> str:
        response = await self._send(
            "POST",
            controller.storage_target(),
            form.body(on_progress),
            [
                *form.headers(),
                (controller.DIGEST_HEADER, controller.format_digest(form.digests.body)),
                (signing.NAMESPACE_HEADER, namespace),
            ],
            http.TRANSFER_SECONDS,
        )
        return storage.decode_upload(await http.read(response)).id

    async def download(self, archive_id: str, namespace: str) -> AsyncIterator[bytes]:
        target = storage.archive_target(archive_id)
        async for chunk in http.chunks(await self._archive("GET", target, namespace)):
            yield chunk

    async def delete_archive(self, archive_id: str, namespace: str) -> None:
        target = storage.archive_target(archive_id)
        await (await self._archive("DELETE", target, namespace)).aclose()

    async def list_archives(self, namespace: str) -> Names:
        response = await self._archive("GET", storage.ARCHIVE, namespace)
        found: Names = orjson.loads(await http.read(response))
        return found or []

    async def _archive(
        self, method: str, target: str, namespace: str
    ) -> http_client.ClientResponse:
        """As somebody who may reach all archives; of one namespace for who may not."""
        path = controller.storage_target(target)
        try:
            return await self._send(method, path, timeout_seconds=http.TRANSFER_SECONDS)
        except status.Forbidden:
            headers = [(signing.NAMESPACE_HEADER, namespace)]
            return await self._send(method, path, b"", headers, http.TRANSFER_SECONDS)

    async def archive_url(self, archive_id: str, namespace: str) -> str:
        path = controller.service_name_path(storage.APPLICATION, namespace)
        response = await self._send("GET", path)
        service = (await http.read(response)).decode().strip()
        return storage.archive_url(f"http://{service}", archive_id)

    async def topic_events(self, path: str, body: bytes) -> protocol.Answer:
        headers = [*http.JSON, *self._authorization()]
        target = controller.statestore_target(path)
        response = await self._caller.request("POST", target, headers, body)
        return protocol.Answer(response.status, response.headers.items(), await http.read(response))

    async def log_in(self, path: str, body: bytes) -> protocol.Answer:
        target = controller.login_path(path)
        headers = [*http.JSON, *self._authorization()]
        response = await self._caller.request("POST", target, headers, body)
        return protocol.Answer(response.status, response.headers.items(), await http.read(response))

    async def server_version(self) -> Obj:
        found: Obj = await self._json("GET", controller.INFO)
        return found

    async def kubernetes_version(self) -> Obj:
        found: Obj = await self._json("GET", controller.KUBERNETES + controller.VERSION)
        return found

    async def aclose(self) -> None:
        await self._caller.aclose()
        await self._kube.aclose()

    async def platform_namespace(self) -> str:
        return str((await self.server_version()).get("Namespace") or "fission")

    def _authorization(self) -> tuple[tuple[str, str], ...]:
        return (("Authorization", f"Bearer {self._token}"),) if self._token else ()

    async def _put(self, resource: gvk.Resource, obj: Obj) -> Obj:
        self._check_kind(resource)
        metadata = obj["metadata"]
        path = controller.object_path(resource.kind, metadata["name"], metadata["namespace"])
        written: Obj = await self._json("PUT", path, orjson.dumps(obj))
        return written

    async def _json(self, method: str, path: str, body: bytes = b"") -> Any:
        response = await self._send(method, path, body, http.JSON if body else ())
        return orjson.loads(await http.read(response))

    async def _send(
        self,
        method: str,
        path: str,
        body: bytes | AsyncIterator[bytes] = b"",
        headers: Iterable[tuple[str, str]] = (),
        timeout_seconds: float = 60.0,
    ) -> http_client.ClientResponse:
        wanted = [("Accept", "application/json"), *headers, *self._authorization()]
        response = await self._caller.request(method, path, wanted, body, timeout_seconds)
        if response.status in (401, 403) and not self._token:
            await response.aclose()
            raise errors.CliError(
                "the controller wants a token",
                "it lets in who has one for its audience, and FISSION_TOKEN is not set",
                "export FISSION_TOKEN=$(kubectl create token ACCOUNT --audience "
                f"{controller.TOKEN_AUDIENCE})",
            )
        return await http.check(response)

    def _check_kind(self, resource: gvk.Resource) -> None:
        if resource.kind not in controller.COLLECTIONS:
            raise errors.CliError(
                f"{resource.plural} cannot be changed through the controller; use a kubeconfig"
            )


def _named(resource: gvk.Resource, obj: Obj) -> Obj:
    """The object with its kind, which the controller may leave out."""
    return {**obj, "apiVersion": resource.api_version, "kind": resource.kind}
