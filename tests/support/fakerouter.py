"""A router's internal listener without functions behind it: notes what came, answers as told.

``async with fakerouter.running() as router:`` gives ``router.url`` and ``router.calls``. ``answer``
may be replaced; ``away()`` makes connections fail until the block ends.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable

from fission.contracts import signing
from fission.web import listen
from fission_http import server


@dataclasses.dataclass(frozen=True)
class Received:
    """One call, and when it came."""

    at: float
    """Seconds since the epoch."""
    method: str
    target: str
    headers: dict[str, str]
    """Names in lower case."""
    body: bytes


Reply = server.Response | Awaitable[server.Response]


def ok(call: Received) -> Reply:
    """What a function without anything to say answers."""
    del call
    return server.Response(200, body=b"done")


def platform_error(status: int, reason: str, component: str = "router") -> server.Response:
    """An error that the platform answers."""
    body = f'{{"component":"{component}","reason":"{reason}","requestId":"r","traceId":""}}'
    return server.Response(status, [("X-Fission-Component", component)], body.encode())


def route_miss() -> server.Response:
    """The answer for a function that is not there."""
    return server.Response(404, [("X-Fission-Route-Miss", "1")], b"404 page not found\n")


class FakeRouter:
    """Use ``running``."""

    def __init__(self, keys: signing.Keys) -> None:
        self.calls: list[Received] = []
        self.answer: Callable[[Received], Reply] = ok
        self.now: Callable[[], float] = time.time
        """What time it is for the check of signatures."""
        self._keys = keys
        self._server: server.Server | None = None
        self._port = 0

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self._port}"

    async def open(self) -> None:
        """Listen, on the same port as before."""
        listening: socket.socket = listen.bind("127.0.0.1", self._port)
        self._port = listening.getsockname()[1]
        self._server = await server.serve(self._handle, [listening])

    async def close(self) -> None:
        """Close every connection and listen no more."""
        if self._server is not None:
            await self._server.close(0)
            self._server = None

    @contextlib.asynccontextmanager
    async def away(self) -> AsyncIterator[None]:
        """Nobody answers meanwhile."""
        await self.close()
        try:
            yield
        finally:
            await self.open()

    async def _handle(self, request: server.Request) -> server.Response:
        at = time.time()
        body = await request.read(64 << 20)
        headers = {name.lower(): value for name, value in request.headers.items()}
        call = Received(at, request.method, request.target, headers, body)
        signing.verify(
            self._keys,
            call.method,
            call.target,
            signing.body_hash(body),
            headers.get(signing.TIMESTAMP_HEADER.lower()),
            headers.get(signing.SIGNATURE_HEADER.lower()),
            self.now(),
        )
        self.calls.append(call)
        reply = self.answer(call)
        return await reply if isinstance(reply, Awaitable) else reply


@contextlib.asynccontextmanager
async def running(masters: signing.Masters | None = None) -> AsyncIterator[FakeRouter]:
    """A router on a free port; with ``masters`` it takes signed calls only."""
    keys = (masters or signing.Masters()).keys(signing.ROUTER_INTERNAL)
    router = FakeRouter(keys)
    await router.open()
    try:
        yield router
    finally:
        # What a test left hanging ends with its connections.
        async with asyncio.timeout(5):
            await router.close()
