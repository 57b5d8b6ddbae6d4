"""The response of a watch: chunks flushed as they come, ended when either side goes away."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, MutableMapping
from typing import Any

from starlette.responses import Response
from starlette.types import Receive, Scope, Send


class WatchResponse(Response):
    """Streams lines until the iterator ends, the client leaves, or the server stops."""

    def __init__(
        self, lines: AsyncIterator[bytes], media: str, live: set[asyncio.Task[None]]
    ) -> None:
        """``live`` knows the running streams of a server, so that stopping can end them."""
        super().__init__(None, 200)
        self._lines = lines
        self._media = media
        self._live = live

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = [
            (b"content-type", self._media.encode()),
            (b"cache-control", b"no-cache, private"),
        ]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        sender = asyncio.ensure_future(self._send(send))
        gone = asyncio.ensure_future(_until_disconnect(receive))
        self._live.add(sender)
        try:
            await asyncio.wait({sender, gone}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._live.discard(sender)
            left = gone.done() and not sender.done()
            for task in (sender, gone):
                task.cancel()
            await asyncio.gather(sender, gone, return_exceptions=True)
        if not left:
            with contextlib.suppress(OSError):
                await send({"type": "http.response.body", "body": b""})

    async def _send(self, send: Send) -> None:
        async with contextlib.aclosing(self._lines) as lines:  # type: ignore[type-var]
            async for chunk in lines:
                message: MutableMapping[str, Any] = {
                    "type": "http.response.body",
                    "body": chunk,
                    "more_body": True,
                }
                await send(message)


async def _until_disconnect(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def end_all(live: set[asyncio.Task[None]]) -> None:
    """End every watch cleanly: the server stops, clients resume elsewhere or later."""
    for task in tuple(live):
        task.cancel()
