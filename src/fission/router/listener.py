"""A listener: sockets of one name, the connections that came in on them, and what those share."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from fission.router import proxy, replay, sockets, stalls
from fission_http import ending

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Sequence

    from fission.router import (
        accesslog,
        capacity,
        config,
        failures,
        gateway,
        login,
        metrics,
        requestids,
        routes,
        upstream,
    )

    OnEnd = Callable[[routes.Route, int, failures.Failure | None], None]
    """Hears of the end of each request that a trigger brought: its status, and what the platform
    answered in place of the function, if it did."""

_log = logging.getLogger(__name__)

BACKLOG = 1024


class Shared:
    """What the connections of a listener have in common."""

    def __init__(
        self,
        *,
        settings: config.Config,
        routes: gateway.Gateway,
        slots: capacity.Capacity,
        pool: upstream.Pool,
        counts: metrics.Metrics,
        ids: requestids.Source,
        loop: asyncio.AbstractEventLoop,
        on_end: OnEnd | None = None,
        log: accesslog.AccessLog | None = None,
        login: login.Login | None = None,
    ) -> None:
        self.settings = settings
        self.routes = routes
        self.slots = slots
        self.pool = pool
        self.counts = counts
        self.ids = ids
        self.loop = loop
        self.on_end = on_end
        self.log = log
        self.login = login
        self.senders = stalls.Stalls(loop, settings.client_body_seconds)
        """Requests whose clients have yet to send their bodies."""
        self.readers = stalls.Stalls(loop, settings.client_write_seconds)
        """Connections whose clients have yet to take what is there for them."""
        self.fronts: set[proxy.Front] = set()
        self.tasks: set[asyncio.Task[None]] = set()
        self.replays = replay.Budget()
        """For large bodies that are kept for another attempt."""
        self.closing = False
        self.drained = asyncio.Event()
        self.drained.set()

    def close(self) -> None:
        """Everybody is gone."""
        self.senders.close()
        self.readers.close()


class Listener:
    """Serves clients on given sockets."""

    def __init__(self, shared: Shared) -> None:
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
