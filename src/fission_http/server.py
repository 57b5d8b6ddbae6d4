"""HTTP/1.1 server on asyncio protocols: one handler call per request, no framework objects.

`serve` takes listening sockets that somebody else made (they may be handed over between
processes) and never makes one. A connection runs one request at a time; pipelined requests wait in
its buffer. Bodies stream in both directions with back-pressure. When the client leaves, the
handler is cancelled, as nobody can take its answer. The connection itself is `connection`.
"""

from __future__ import annotations

import asyncio
import dataclasses
import logging
import socket
from typing import TYPE_CHECKING

from fission_http import connection, ending, messages

if TYPE_CHECKING:
    import ssl
    from collections.abc import Awaitable, Callable, Sequence

Request = messages.Request
Response = messages.Response
Limits = connection.Limits

_log = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True)
class Bound:
    """One listening socket and what asyncio made of it."""

    socket: socket.socket
    server: asyncio.Server


class Server:
    """A running server; `close` ends it."""

    def __init__(self, bound: list[Bound], shared: connection.Shared) -> None:
        self._bound = bound
        self._shared = shared

    @property
    def sockets(self) -> list[socket.socket]:
        """The listening sockets."""
        return [item.socket for item in self._bound]

    @property
    def connections(self) -> int:
        """Open connections."""
        return len(self._shared.connections)

    async def close(self, grace_seconds: float = 5.0) -> None:
        """Stop listening, let running requests finish for `grace_seconds`, then cut them off."""
        self._shared.closing = True
        await ending.stop_accepting([item.server for item in self._bound])
        for open_connection in list(self._shared.connections):
            open_connection.close_when_idle()
        try:
            async with asyncio.timeout(grace_seconds):
                await self._shared.drained.wait()
        except TimeoutError:
            _log.warning("requests were cut off at shutdown", extra={"count": self.connections})
        for open_connection in list(self._shared.connections):
            open_connection.abort()
        tasks = list(self._shared.tasks)
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=max(grace_seconds, 1.0))


async def serve(
    handler: Callable[[Request], Awaitable[Response]],
    sockets: Sequence[socket.socket],
    limits: Limits | None = None,
    ssl_context: ssl.SSLContext | None = None,
) -> Server:
    """Serve `handler` on listening sockets, which from then on belong to the server."""
    loop = asyncio.get_running_loop()
    shared = connection.Shared(handler, limits or Limits(), loop)
    bound = []
    for sock in sockets:
        sock.setblocking(False)
        if sock.family == socket.AF_UNIX:
            server = await loop.create_unix_server(
                lambda: connection.Connection(shared), sock=sock, ssl=ssl_context
            )
        else:
            server = await loop.create_server(
                lambda: connection.Connection(shared), sock=sock, ssl=ssl_context, backlog=1024
            )
        bound.append(Bound(sock, server))
    return Server(bound, shared)
