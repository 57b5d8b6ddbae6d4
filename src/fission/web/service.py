"""A component's HTTP service on the lean server: routes, signatures, request ids, errors.

A request passes through: request id → route → signature (`verify`, over the whole body) →
handler → errors to codes. Health, readiness and metrics are always there and need no signature.
The service holds no state of its own; `handle` can be called without a socket.
"""

from __future__ import annotations

import asyncio
import dataclasses
import logging
import re
import urllib.parse
from typing import TYPE_CHECKING, Final

from fission.web import failures, health, requestids
from fission_http import errors as http_errors
from fission_http import messages, server

if TYPE_CHECKING:
    import socket
    from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence

    from fission.base import errors
    from fission_http import head as heads
    from fission_http import headers as header_lists

    Handler = Callable[["Request"], Awaitable[server.Response]]
    Verify = Callable[[str, str, bytes, header_lists.Headers], None]

Response = server.Response

_log = logging.getLogger(__name__)

MAX_BODY_BYTES: Final = 256 * 1024 * 1024
"""Longest body; what signed calls between components may carry."""


class Request(messages.Request):
    """A request as a service's handler gets it: with path parameters and a request id."""

    __slots__ = ("_signed_body", "params", "request_id")

    def __init__(self, inner: messages.Request, request_id: str) -> None:
        super().__init__(inner.head, inner._body, inner.client, inner.server)
        self.request_id = request_id
        self.params: dict[str, str] = {}
        """What the `{name}` parts of the route's pattern matched, unescaped."""
        self._signed_body: bytes | None = None

    @property
    def query_params(self) -> dict[str, str]:
        """The query; of repeated names the first."""
        pairs = urllib.parse.parse_qsl(self.query, keep_blank_values=True)
        return dict(reversed(pairs))

    async def read(self, max_bytes: int = MAX_BODY_BYTES) -> bytes:
        """The whole body."""
        if self._signed_body is None:
            return await self._body.read(max_bytes)
        if len(self._signed_body) > max_bytes:
            raise http_errors.BodyTooLarge(max_bytes)
        return self._signed_body

    def iter_bytes(self) -> AsyncIterator[bytes]:
        """The body as it arrives; in one piece when it was signed."""
        return self._body.iterate() if self._signed_body is None else _one(self._signed_body)

    async def read_for_signature(self, max_bytes: int) -> bytes:
        """Read the body ahead of the handler."""
        self._signed_body = await self._body.read(max_bytes)
        return self._signed_body


async def _one(data: bytes) -> AsyncIterator[bytes]:
    if data:
        yield data


@dataclasses.dataclass(frozen=True)
class _Route:
    pattern: re.Pattern[str]
    handlers: dict[str, tuple[Handler, bool]]


class Service:
    """Routes and the rules around them."""

    def __init__(
        self,
        component: str,
        *,
        checks: Mapping[str, Callable[[], bool]] | None = None,
        verify: Verify | None = None,
        shape: failures.Shape = failures.Shape.STATUS,
        codes: Mapping[type[errors.Error], int] | None = None,
        max_body_bytes: int = MAX_BODY_BYTES,
    ) -> None:
        """`checks` make up `/readyz`; `verify(method, uri, body, headers)` raises to refuse."""
        self._component = component
        self._checks = dict(checks or {})
        self._verify = verify
        self._shape = shape
        self._codes = codes
        self._max_body_bytes = max_body_bytes
        self._exact: dict[str, dict[str, tuple[Handler, bool]]] = {}
        self._patterns: list[_Route] = []
        self._server: server.Server | None = None
        self.route("GET", "/healthz", _healthz, signed=False)
        self.route("GET", "/readyz", self._readyz, signed=False)
        self.route("GET", "/metrics", _metrics, signed=False)

    def route(self, method: str, path: str, handler: Handler, *, signed: bool = True) -> None:
        """Serve a path; `{name}` in it matches one segment and `{name...}` the rest."""
        if "{" not in path:
            self._exact.setdefault(path, {})[method] = (handler, signed)
            return
        pattern = re.compile(_pattern(path))
        for existing in self._patterns:
            if existing.pattern == pattern:
                existing.handlers[method] = (handler, signed)
                return
        self._patterns.append(_Route(pattern, {method: (handler, signed)}))

    async def start(
        self, sockets: Sequence[socket.socket], limits: server.Limits | None = None
    ) -> server.Server:
        """Serve listening sockets, which from then on belong to the service."""
        limits = limits or server.Limits(max_body_bytes=self._max_body_bytes)
        self._server = await server.serve(self.handle, sockets, limits)
        names = [str(item.getsockname()) for item in sockets]
        _log.info("listening", extra={"component": self._component, "addresses": names})
        return self._server

    async def stop(self, grace_seconds: float = 5.0) -> None:
        """Finish running requests, then close."""
        if self._server is not None:
            running, self._server = self._server, None
            await running.close(grace_seconds)

    async def run(
        self,
        sockets: Sequence[socket.socket],
        limits: server.Limits | None = None,
        grace_seconds: float = 5.0,
    ) -> None:
        """Serve until cancelled."""
        await self.start(sockets, limits)
        try:
            await asyncio.Event().wait()
        finally:
            await self.stop(grace_seconds)

    async def handle(self, inner: messages.Request) -> server.Response:
        """One request, from route to response."""
        request = Request(inner, requestids.accept(_received_id(inner.head)))
        requestids.enter(request.request_id)
        try:
            response = await self._dispatch(request)
        except Exception as error:
            response = failures.to_response(error, self._shape, self._codes)
        response.headers = [*response.headers, (requestids.HEADER, request.request_id)]
        return response

    async def _dispatch(self, request: Request) -> server.Response:
        handlers = self._exact.get(request.path)
        if handlers is None:
            handlers = self._match(request)
            if handlers is None:
                return server.Response(404, failures.TEXT, b"404 page not found\n")
        found = handlers.get(request.method)
        if found is None and request.method == "HEAD":
            found = handlers.get("GET")
        if found is None:
            allow = ", ".join(sorted(handlers))
            headers = [*failures.TEXT, ("Allow", allow)]
            return server.Response(405, headers, b"405 method not allowed\n")
        handler, signed = found
        if signed and self._verify is not None:
            body = await request.read_for_signature(self._max_body_bytes)
            self._verify(request.method, request.target, body, request.headers)
        return await handler(request)

    def _match(self, request: Request) -> dict[str, tuple[Handler, bool]] | None:
        for route in self._patterns:
            match = route.pattern.fullmatch(request.path)
            if match is not None:
                request.params = {
                    name: urllib.parse.unquote(value) for name, value in match.groupdict().items()
                }
                return route.handlers
        return None

    async def _readyz(self, request: Request) -> server.Response:
        return health.readyz(self._checks)


async def _healthz(request: Request) -> server.Response:
    return health.healthz()


async def _metrics(request: Request) -> server.Response:
    return health.metrics()


def _received_id(head: heads.RequestHead) -> str | None:
    value = head.get(b"x-fission-request-id")
    return None if value is None else value.decode("latin-1")


def _pattern(path: str) -> str:
    text = ""
    for part in re.split(r"(\{\w+(?:\.\.\.)?\})", path):
        if not part.startswith("{"):
            text += re.escape(part)
        elif part.endswith("...}"):
            text += f"(?P<{part[1:-4]}>.*)"
        else:
            text += f"(?P<{part[1:-1]}>[^/]+)"
    return text
