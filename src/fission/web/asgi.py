"""Starlette applications on uvicorn, with the sockets and the manners of the other services."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any

import uvicorn

from fission.web import health, requestids

if TYPE_CHECKING:
    import socket
    from collections.abc import Awaitable, Callable, Iterator, Mapping, MutableMapping, Sequence

    from fission_http import server

    Message = MutableMapping[str, Any]
    Receive = Callable[[], Awaitable[Message]]
    Send = Callable[[Message], Awaitable[None]]
    App = Callable[[Message, Receive, Send], Awaitable[None]]


class Manners:
    """ASGI middleware: health, readiness, metrics, and a request id in and out."""

    def __init__(self, app: App, checks: Mapping[str, Callable[[], bool]] | None = None) -> None:
        self._app = app
        self._checks = dict(checks or {})

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Serve one ASGI connection."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        own = self._own(scope)
        if own is not None:
            await _send(own, send)
            return
        received = next((v for n, v in scope["headers"] if n == b"x-fission-request-id"), b"")
        request_id = requestids.accept(received.decode("latin-1"))
        requestids.enter(request_id)
        scope["request_id"] = request_id

        async def with_id(message: Message) -> None:
            if message["type"] == "http.response.start":
                pair = (b"x-fission-request-id", request_id.encode("latin-1"))
                message["headers"] = [*message.get("headers", ()), pair]
            await send(message)

        await self._app(scope, receive, with_id)

    def _own(self, scope: Message) -> server.Response | None:
        if scope["method"] not in ("GET", "HEAD"):
            return None
        if scope["path"] == "/healthz":
            return health.healthz()
        if scope["path"] == "/readyz":
            return health.readyz(self._checks)
        if scope["path"] == "/metrics":
            return health.metrics()
        return None


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals to the process's own entry point."""
        yield


async def serve(
    app: Any,
    sockets: Sequence[socket.socket],
    *,
    grace_seconds: float = 5.0,
    keep_alive_seconds: int = 75,
    max_head_bytes: int = 32 * 1024,
    ssl_files: tuple[str, str] | None = None,
) -> None:
    """Serve an ASGI application on listening sockets until cancelled.

    `ssl_files` are the paths of a certificate chain and its key.
    """
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_keep_alive=keep_alive_seconds,
        timeout_graceful_shutdown=max(1, round(grace_seconds)),
        h11_max_incomplete_event_size=max_head_bytes,
        ssl_certfile=ssl_files[0] if ssl_files else None,
        ssl_keyfile=ssl_files[1] if ssl_files else None,
    )
    server = _Server(config)
    task = asyncio.get_running_loop().create_task(server.serve(sockets=list(sockets)))
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        server.should_exit = True
        await asyncio.wait([task], timeout=grace_seconds + 1)
        raise


async def _send(response: server.Response, send: Send) -> None:
    body = response.body if isinstance(response.body, bytes) else b""
    headers = [(n.lower().encode(), v.encode("latin-1")) for n, v in response.headers]
    headers.append((b"content-length", str(len(body)).encode()))
    await send({"type": "http.response.start", "status": response.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
