"""A listener: sockets of one name, and the connections that came in on them."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from fission.router import proxy, sockets
from fission_http import ending

if TYPE_CHECKING:
    import socket
    from collections.abc import Sequence

_log = logging.getLogger(__name__)

BACKLOG = 1024


class Listener:
    """Serves clients on given sockets."""

    def __init__(self, shared: proxy.Shared) -> None:
        self._shared = shared
        self._servers: list[asyncio.Server] = []

    @property
    def connections(self) -> int:
        """Clients connected."""
        return len(self._shared.fronts)

    async def start(self, listening: Sequence[socket.socket]) -> None:
        """Accept on listening sockets, which from then on belong to the listener."""
        loop = self._shared.loop
        settings = self._shared.settings
        for sock in listening:
            sock.setblocking(False)
            # connections inherit this, at no cost for each
            sockets.probe_peer(sock, settings.peer_probe_seconds, settings.client_write_seconds)
            self._servers.append(
                await loop.create_server(
                    lambda: proxy.Front(self._shared), sock=sock, backlog=BACKLOG
                )
            )
        _log.info("listening", extra={"addresses": [str(s.getsockname()) for s in listening]})

    async def close(self, grace_seconds: float) -> None:
        """Accept no more, let requests finish, then cut them off."""
        self._shared.closing = True
        await ending.stop_accepting(self._servers)
        for front in list(self._shared.fronts):
            front.close_when_idle()
        try:
            async with asyncio.timeout(grace_seconds):
                await self._shared.drained.wait()
        except TimeoutError:
            _log.warning("requests were cut off at shutdown", extra={"count": self.connections})
        for front in list(self._shared.fronts):
            front.abort()
        self._shared.close()
        running = list(self._shared.tasks)
        for task in running:
            task.cancel()
        if running:
            await asyncio.wait(running, timeout=1.0)
