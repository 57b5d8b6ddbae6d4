"""The client: requests out, dictionaries in, errors of ``meta.status``.

Requests are built by ``requests`` and sent over kept-alive HTTP/1.1 connections; a watch occupies
one connection of its own. Every call has a deadline. Within it, an answer 429, 503 or 504 that
names a ``Retry-After`` is waited for and the call repeated, and a 401 is tried once more with a
fresh token. Nothing else is repeated: callers reconcile.

One client serves a whole process; it belongs to the event loop that it is first used in.
"""

from __future__ import annotations

import asyncio
import copy
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, Any

import orjson

from fission.base import clock as clocks
from fission.base import lazily
from fission.kube import answers, config, errors, requests
from fission.meta import gvk, status
from fission_http import client as http_client
from fission_http import errors as http_errors

if TYPE_CHECKING:
    import ssl

    from fission.meta import watch
else:
    watch = lazily.module("fission.meta.watch")

logger = logging.getLogger(__name__)

Obj = dict[str, Any]

DEFAULT_TIMEOUT_SECONDS = 30.0
CONNECT_TIMEOUT_SECONDS = 5.0
MAX_BODY_BYTES = 256 * 1024 * 1024
"""Larger than any page of objects at Kubernetes' 1.5 MiB an object."""
PAGE_SIZE = 500
"""Objects asked for at once; client-go's page."""
WATCH_GRACE_SECONDS = 30.0
"""A watch that is silent this long after its own end is given up: its peer is gone."""


@dataclass(frozen=True, slots=True)
class ListResult:
    """A consistent list and the version that a watch continues from."""

    items: list[Obj]
    resource_version: str


class Client:
    """Calls to one API server with one identity."""

    def __init__(
        self,
        credentials: config.Credentials,
        *,
        http: http_client.Client | None = None,
        user_agent: str = "fission",
        timeout_seconds: float = DEFAULT_TIMEOUT_SECONDS,
        clock: clocks.Clock | None = None,
    ) -> None:
        self._credentials = credentials
        self._http = http or http_client.Client()
        self._owns_http = http is None
        self._user_agent = user_agent
        self._timeout_seconds = timeout_seconds
        self._clock = clock or clocks.SystemClock()
        self._ssl: ssl.SSLContext | None = None
        self._fence: Callable[[], None] | None = None

    def fenced(self, fence: Callable[[], None]) -> Client:
        """The same client, whose writes call ``fence`` first; it raises when none may go."""
        made = copy.copy(self)
        made._fence = fence
        made._owns_http = False
        return made

    @property
    def namespace(self) -> str:
        """The namespace meant where none is named."""
        return self._credentials.namespace

    async def __aenter__(self) -> Client:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close kept connections, unless the HTTP client was handed in."""
        if self._owns_http:
            await self._http.aclose()

    async def get(
        self,
        resource: gvk.Resource,
        name: str,
        namespace: str | None = None,
        *,
        subresource: str | None = None,
        timeout_seconds: float | None = None,
    ) -> Obj:
        request = requests.get(resource, name, namespace, subresource)
        return await self.send(request, timeout_seconds)

    async def list(
        self,
        resource: gvk.Resource,
        namespace: str | None = None,
        *,
        label_selector: requests.Selector = None,
        field_selector: requests.Selector = None,
        limit: int | None = None,
        timeout_seconds: float | None = None,
        keep: Callable[[Obj], Any] | None = None,
    ) -> ListResult:
        """Return all that match, page by page, or the first ``limit`` of them.

        ``keep`` says what is held of each item; of a large collection no more than a page is ever
        there as a whole.
        """
        items: list[Any] = []
        token, version = "", ""
        page_size: int | None = limit or PAGE_SIZE
        while True:
            request = requests.list_page(
                resource,
                namespace,
                label_selector=label_selector,
                field_selector=field_selector,
                limit=page_size,
                continue_token=token,
            )
            try:
                page = await self.send(request, timeout_seconds)
            except status.Expired:
                if not token:
                    raise
                items, token, page_size = [], "", None  # changed meanwhile: all of it at once
                continue
            metadata = page.get("metadata") or {}
            version = str(metadata.get("resourceVersion", ""))
            complete = answers.complete_items(page, resource)
            items += complete if keep is None else map(keep, complete)
            token = str(metadata.get("continue") or "")
            if not token or limit:
                return ListResult(items, version)

    async def create(
        self,
        resource: gvk.Resource,
        obj: Mapping[str, Any],
        namespace: str | None = None,
        *,
        name: str | None = None,
        subresource: str | None = None,
        field_manager: str | None = None,
        field_validation: str | None = None,
        dry_run: bool = False,
        timeout_seconds: float | None = None,
    ) -> Obj:
        """POST an object; ``name`` and ``subresource`` for bindings, tokens and the like."""
        request = requests.write(
            "POST",
            resource,
            obj,
            namespace or _namespace_of(obj),
            name,
            subresource=subresource,
            field_manager=field_manager,
            field_validation=field_validation,
            dry_run=dry_run,
        )
        return await self.send(request, timeout_seconds)

    async def replace(
        self,
        resource: gvk.Resource,
        obj: Mapping[str, Any],
        namespace: str | None = None,
        *,
        subresource: str | None = None,
        field_manager: str | None = None,
        field_validation: str | None = None,
        dry_run: bool = False,
        timeout_seconds: float | None = None,
    ) -> Obj:
        """PUT an object; a resourceVersion inside makes it conditional."""
        request = requests.write(
            "PUT",
            resource,
            obj,
            namespace or _namespace_of(obj),
            str(obj["metadata"]["name"]),
            subresource=subresource,
            field_manager=field_manager,
            field_validation=field_validation,
            dry_run=dry_run,
        )
        return await self.send(request, timeout_seconds)

    async def replace_status(
        self,
        resource: gvk.Resource,
        obj: Mapping[str, Any],
        namespace: str | None = None,
        *,
        field_manager: str | None = None,
        timeout_seconds: float | None = None,
    ) -> Obj:
        return await self.replace(
            resource,
            obj,
            namespace,
            subresource="status",
            field_manager=field_manager,
            timeout_seconds=timeout_seconds,
        )

    async def patch(
        self,
        resource: gvk.Resource,
        name: str,
        patch: Any,
        namespace: str | None = None,
        *,
        kind: str = "merge",
        subresource: str | None = None,
        field_manager: str | None = None,
        field_validation: str | None = None,
        force: bool = False,
        dry_run: bool = False,
        timeout_seconds: float | None = None,
    ) -> Obj:
        """PATCH with a ``merge``, ``json``, ``strategic`` or ``apply`` document."""
        request = requests.patch(
            resource,
            name,
            patch,
            namespace,
            kind=kind,
            subresource=subresource,
            field_manager=field_manager,
            field_validation=field_validation,
            force=force,
            dry_run=dry_run,
        )
        return await self.send(request, timeout_seconds)

    async def delete(
        self,
        resource: gvk.Resource,
        name: str,
        namespace: str | None = None,
        *,
        grace_period_seconds: int | None = None,
        propagation: str | None = None,
        precondition_uid: str | None = None,
        precondition_resource_version: str | None = None,
        dry_run: bool = False,
        timeout_seconds: float | None = None,
    ) -> Obj:
        """DELETE; answers the object where something holds it back, otherwise a Status."""
        request = requests.delete(
            resource,
            name,
            namespace,
            grace_period_seconds=grace_period_seconds,
            propagation=propagation,
            precondition_uid=precondition_uid,
            precondition_resource_version=precondition_resource_version,
            dry_run=dry_run,
        )
        return await self.send(request, timeout_seconds)

    async def delete_collection(
        self,
        resource: gvk.Resource,
        namespace: str | None = None,
        *,
        label_selector: requests.Selector = None,
        field_selector: requests.Selector = None,
        timeout_seconds: float | None = None,
    ) -> None:
        """DELETE everything that the selectors choose."""
        request = requests.delete_collection(resource, namespace, label_selector, field_selector)
        await self.send(request, timeout_seconds)

    async def watch(
        self,
        resource: gvk.Resource,
        namespace: str | None = None,
        *,
        resource_version: str = "",
        label_selector: requests.Selector = None,
        field_selector: requests.Selector = None,
        timeout_seconds: int = 300,
        initial_events: bool = False,
        opened: Callable[[], None] | None = None,
    ) -> AsyncGenerator[watch.WatchEvent, None]:
        """Yield watch events, bookmarks included, until the server ends the stream.

        An ERROR event is raised as its error: ``Expired`` means list again. Close the iterator
        (``contextlib.aclosing``) when leaving early, so that its connection is closed too.
        ``opened`` is called once the server has agreed to watch.
        """
        request = requests.watch(
            resource,
            namespace,
            resource_version=resource_version,
            label_selector=label_selector,
            field_selector=field_selector,
            timeout_seconds=timeout_seconds,
            initial_events=initial_events,
        )
        ends_at = self._clock.monotonic() + timeout_seconds + WATCH_GRACE_SECONDS
        lines = watch.Lines()
        response: http_client.ClientResponse | None = None
        try:
            async with asyncio.timeout(self._timeout_seconds):
                response = await self._answer(request, self._timeout_seconds, streaming=True)
            if opened is not None:
                opened()
            chunks = response.iter_bytes()
            while True:
                async with asyncio.timeout(ends_at - self._clock.monotonic()):
                    chunk = await anext(chunks, None)
                if chunk is None:
                    return
                for event in lines.feed(chunk):
                    if event.type == "ERROR":
                        raise status.from_dict(event.object, 500)
                    yield event
        except (http_errors.HttpError, TimeoutError) as error:
            reason = str(error) or "the server fell silent"
            raise errors.Unreachable(f"watch of {resource.plural} broke off: {reason}") from error
        finally:
            if response is not None:
                await response.aclose()

    async def send(self, request: requests.Request, timeout_seconds: float | None = None) -> Obj:
        """Send a built request and return the decoded answer."""
        response = await self._answer(request, timeout_seconds or self._timeout_seconds)
        body = await _read(response, request)
        try:
            answer: Obj = orjson.loads(body)
        except orjson.JSONDecodeError as error:
            raise errors.Unreachable(
                f"{request.method} {request.path}: the answer is not JSON: {body[:200]!r}"
            ) from error
        return answer

    async def raw(
        self,
        method: str,
        path: str,
        *,
        headers: Iterable[tuple[str, str]] = (),
        body: bytes | AsyncIterator[bytes] = b"",
        timeout_seconds: float | None = None,
    ) -> http_client.ClientResponse:
        """Send anything (logs, proxies) and return the answer as it comes, errors included.

        The caller reads and closes it. ``raise_for_status`` turns an answer into its error.
        """
        return await self._exchange(
            method, path, tuple(headers), body, timeout_seconds or self._timeout_seconds, False
        )

    async def _answer(
        self, request: requests.Request, timeout_seconds: float, *, streaming: bool = False
    ) -> http_client.ClientResponse:
        """Send until there is a success, or raise the error that the answer describes."""
        deadline = self._clock.monotonic() + timeout_seconds
        headers = [("Accept", request.accept)]
        if request.body:
            headers.append(("Content-Type", request.content_type))
        refreshed = False
        while True:
            remaining = max(0.001, deadline - self._clock.monotonic())
            response = await self._exchange(
                request.method,
                request.path,
                headers,
                request.body,
                None if streaming else remaining,
                refreshed,
            )
            if response.status < 400:
                return response
            body = await _read(response, request)
            if response.status == 401 and not refreshed:
                refreshed = True
                continue
            error = answers.error_from(response.status, body)
            pause = answers.retry_pause(error, response.headers.get("retry-after"))
            if pause is None or self._clock.monotonic() + pause >= deadline:
                raise error
            await asyncio.sleep(pause)

    async def _exchange(
        self,
        method: str,
        path: str,
        headers: Sequence[tuple[str, str]],
        body: bytes | AsyncIterator[bytes],
        timeout_seconds: float | None,
        refresh: bool,
    ) -> http_client.ClientResponse:
        if self._fence is not None and method != "GET":
            self._fence()
        credentials = self._credentials
        authorization = await credentials.bearer.header(refresh=refresh)
        identity = [("User-Agent", self._user_agent)]
        if authorization is not None:
            identity.append(("Authorization", authorization))
        if credentials.tls is not None and self._ssl is None:
            self._ssl = credentials.tls.context()
        try:
            return await self._http.request(
                method,
                credentials.server + path,
                headers=[*identity, *headers],
                body=body,
                timeout_seconds=timeout_seconds,
                connect_timeout_seconds=CONNECT_TIMEOUT_SECONDS,
                ssl_context=self._ssl,
                unix_socket=credentials.unix_socket,
            )
        except http_errors.ConnectError as error:
            place = credentials.unix_socket or credentials.server
            raise errors.Unreachable(
                f"the Kubernetes API at {place} cannot be reached: {error}", refused=error.refused
            ) from error
        except http_errors.HttpError as error:
            raise errors.Unreachable(f"{method} {path}: {error}") from error


async def raise_for_status(response: http_client.ClientResponse) -> None:
    """Raise the error that a raw answer describes, having read it; return for a success."""
    if response.status >= 400:
        raise answers.error_from(response.status, await response.read(MAX_BODY_BYTES))


async def _read(response: http_client.ClientResponse, request: requests.Request) -> bytes:
    try:
        return await response.read(MAX_BODY_BYTES)
    except http_errors.HttpError as error:
        raise errors.Unreachable(f"{request.method} {request.path}: {error}") from error


def _namespace_of(obj: Mapping[str, Any]) -> str | None:
    namespace = (obj.get("metadata") or {}).get("namespace")
    return str(namespace) if namespace else None
