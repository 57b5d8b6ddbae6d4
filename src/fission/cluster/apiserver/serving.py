"""Listeners: TLS on TCP and plain HTTP on the unix socket, both uvicorn protocols on one loop.

The unix socket stands for the administrator, so whoever connects must be this user or root by
SO_PEERCRED; others are cut off. Access to its folder is refused by mode already.
"""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import ssl
import struct
from pathlib import Path

import uvicorn
from uvicorn.protocols.http import httptools_impl
from uvicorn.server import ServerState

from fission.cluster.apiserver import handler, hooks

logger = logging.getLogger(__name__)

KEEP_ALIVE_SECONDS = 300
MAX_HEAD_BYTES = 64 * 1024
BACKLOG = 1024


class _Protocol(httptools_impl.HttpToolsProtocol):
    """TCP: the peer proves who it is with a token."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.app_state = {handler.PEER: self._peer(transport)}
        connection = transport.get_extra_info("socket")
        if connection.family in (socket.AF_INET, socket.AF_INET6):
            # asyncio does this only for listeners made with the protocol spelled out; without it
            # an answer of two writes waits 40 ms for the client's delayed acknowledgement.
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def _peer(self, transport: asyncio.Transport) -> hooks.Peer:
        name = transport.get_extra_info("peername")
        return hooks.Peer(local=False, address=str(name[0]) if isinstance(name, tuple) else "")


class _LocalProtocol(_Protocol):
    """The unix socket: the kernel says who the peer is."""

    def _peer(self, transport: asyncio.Transport) -> hooks.Peer:
        uid = peer_uid(transport.get_extra_info("socket"))
        if uid not in (0, os.geteuid()):
            logger.warning("connection refused", extra={"peer_uid": uid})
            transport.abort()
            return hooks.Peer(local=False)
        return hooks.Peer(local=True)


def peer_uid(connection: socket.socket) -> int:
    """The user at the other end of a unix socket."""
    size = struct.calcsize("3i")
    raw = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, size)
    _, uid, _ = struct.unpack("3i", raw)
    return int(uid)


class Listeners:
    """The open listeners of one application."""

    def __init__(self, app: handler.Handler) -> None:
        self._config = uvicorn.Config(
            app,
            http="httptools",
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,  # nobody stands in front of it: a client's word is not believed
            timeout_keep_alive=KEEP_ALIVE_SECONDS,
            h11_max_incomplete_event_size=MAX_HEAD_BYTES,
        )
        self._config.load()
        self._state = ServerState()
        self._servers: list[asyncio.Server] = []

    async def add_tls(self, listening: socket.socket, certificate: Path, key: Path) -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.load_cert_chain(certificate, key)
        context.set_alpn_protocols(["http/1.1"])
        await self._add(_Protocol, listening, context)

    async def add_unix(self, path: Path) -> None:
        """Listen on a socket file (0600), in place of one left behind."""
        listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        fresh = path.with_suffix(".new")
        fresh.unlink(missing_ok=True)
        listening.bind(str(fresh))
        fresh.chmod(0o600)
        listening.listen(BACKLOG)
        fresh.rename(path)
        await self._add(_LocalProtocol, listening, None)

    async def _add(
        self,
        protocol: type[_Protocol],
        listening: socket.socket,
        context: ssl.SSLContext | None,
    ) -> None:
        listening.setblocking(False)
        loop = asyncio.get_running_loop()

        def make() -> _Protocol:
            return protocol(config=self._config, server_state=self._state, app_state={})

        server = await loop.create_server(make, sock=listening, ssl=context, backlog=BACKLOG)
        self._servers.append(server)

    async def close(self, grace_seconds: float) -> None:
        """Accept nothing more, let running requests end, then cut what is left."""
        for server in self._servers:
            server.close()
        for connection in tuple(self._state.connections):
            connection.shutdown()
        tasks = set(self._state.tasks)
        if tasks:
            await asyncio.wait(tasks, timeout=grace_seconds)
        for task in tuple(self._state.tasks):
            task.cancel()
        await asyncio.gather(*self._state.tasks, return_exceptions=True)
        for connection in tuple(self._state.connections):
            connection.transport.abort()
        await asyncio.sleep(0)
