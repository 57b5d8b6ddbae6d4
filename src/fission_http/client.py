"""HTTP/1.1 client on asyncio protocols: kept connections, streams both ways, deadlines.

A connection belongs to one exchange at a time and returns to the pool the moment the answer is
complete, whether its reader has taken it or not. Everything that ends an exchange otherwise
(deadline, cancellation, an answer not read to its end) closes the connection, so none leaks.

A kept connection may be closed by the peer just as it is used again. Such a request is sent once
more on a fresh connection when nothing of an answer arrived and running it twice cannot matter:
an idempotent method, or `replay=True`.
"""

from __future__ import annotations

import asyncio
import collections
import dataclasses
import errno
import functools
import re
import urllib.parse
from typing import TYPE_CHECKING, Final

from fission_http import errors, exchange, incoming, messages
from fission_http import head as heads
from fission_http import headers as header_lists

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncIterator, Callable, Iterable

IDEMPOTENT: Final = frozenset(("GET", "HEAD", "OPTIONS", "PUT", "DELETE", "TRACE"))
_TARGET: Final = re.compile(r"[\x21\x22\x24-\x7e]+\Z")


@dataclasses.dataclass(frozen=True)
class Limits:
    """Bounds of a client."""

    max_idle_per_host: int = 256
    """Kept connections per origin; the router's setting of the same meaning."""
    idle_seconds: float = 55.0
    """How long an unused connection is kept: shorter than servers keep theirs (60-75 s)."""
    max_head_bytes: int = heads.MAX_HEAD_BYTES
    """Longest response head."""


@dataclasses.dataclass(frozen=True)
class Origin:
    """Where a request goes: connections are shared among equal origins."""

    host: str
    port: int
    ssl_context: ssl.SSLContext | None
    unix_socket: str | None


class ClientResponse:
    """An answer whose head has arrived. Read it to its end, or `aclose` it."""

    __slots__ = ("_body", "_connection", "_headers", "head", "status")

    def __init__(
        self,
        head: heads.ResponseHead,
        body: incoming.IncomingBody,
        connection: exchange.ClientConnection,
    ) -> None:
        self.head = head
        self.status = head.status
        self._body = body
        self._connection = connection
        self._headers: header_lists.Headers | None = None

    @property
    def headers(self) -> header_lists.Headers:
        """The header fields, split when first asked for."""
        if self._headers is None:
            self._headers = header_lists.Headers.of(self.head)
        return self._headers

    async def read(self, max_bytes: int = 16 * 1024 * 1024) -> bytes:
        """The whole body; BodyTooLarge beyond `max_bytes`."""
        try:
            return await self._body.read(max_bytes)
        finally:
            await self.aclose()

    async def iter_bytes(self) -> AsyncIterator[bytes]:
        """The body as it arrives."""
        try:
            while (piece := await self._body.next_piece()) is not None:
                yield piece
        finally:
            await self.aclose()

    def switch(self, protocol: asyncio.Protocol) -> None:
        """After 101: `protocol` has the connection from here on, and what arrived already."""
        self._connection.switch(protocol)

    async def aclose(self) -> None:
        """Give up what has not been read; a complete answer keeps its connection."""
        self._connection.abandon(self._body)

    async def __aenter__(self) -> ClientResponse:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()


class Client:
    """A pool of connections. Not for use from several event loops."""

    def __init__(
        self, limits: Limits | None = None, *, permit: Callable[[str], None] | None = None
    ) -> None:
        """`permit` is told the address of a peer before anything is sent, and raises to refuse."""
        self._limits = limits or Limits()
        self._permit = permit
        self._idle: dict[Origin, collections.deque[exchange.ClientConnection]] = {}
        self._open: set[exchange.ClientConnection] = set()
        self._closed = False

    async def request(
        self,
        method: str,
        url: str,
        headers: Iterable[tuple[str, str]] = (),
        body: bytes | AsyncIterator[bytes] = b"",
        timeout_seconds: float | None = 30.0,
        connect_timeout_seconds: float = 5.0,
        ssl_context: ssl.SSLContext | None = None,
        unix_socket: str | None = None,
        replay: bool | None = None,
        upgrade: str | None = None,
    ) -> ClientResponse:
        """Send a request and return when the head of its answer is there.

        `upgrade` names a protocol to switch to, such as websocket: an answer with status 101 has
        to be given to `ClientResponse.switch`, or closed.

        `timeout_seconds` bounds the whole exchange, the body of the answer included; None, for
        watches, bounds nothing but the connect. Raises errors of `fission_http.errors`.
        """
        if self._closed:
            raise errors.ConnectionLost("the client is closed")
        origin, authority, target = _parse_url(url, ssl_context, unix_socket)
        head = _format_head(method, target, authority, headers, body, upgrade)
        deadline = None
        if timeout_seconds is not None:
            deadline = asyncio.get_running_loop().time() + timeout_seconds
        may_replay = isinstance(body, bytes) and (
            method in IDEMPOTENT if replay is None else replay
        )
        fresh_only = False
        while True:
            connection = None if fresh_only else self._take(origin)
            reused = connection is not None
            if connection is None:
                connection = await self._connect(origin, connect_timeout_seconds, deadline)
            try:
                answer, incoming_body = await connection.exchange(
                    method, head, body, deadline, upgrading=upgrade is not None
                )
            except errors.ConnectionLost as error:
                if reused and may_replay and not error.answered and not fresh_only:
                    fresh_only = True
                    continue
                raise
            return ClientResponse(answer, incoming_body, connection)

    async def aclose(self) -> None:
        """Close every connection; exchanges under way fail."""
        self._closed = True
        for connection in list(self._open):
            connection.abort()
        self._idle.clear()

    @property
    def open_connections(self) -> int:
        """Connections in use or kept."""
        return len(self._open)

    async def __aenter__(self) -> Client:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    def _take(self, origin: Origin) -> exchange.ClientConnection | None:
        kept = self._idle.get(origin)
        while kept:
            connection = kept.pop()
            if connection.reusable:
                connection.leave_pool()
                return connection
        return None

    def _keep(self, origin: Origin, connection: exchange.ClientConnection) -> None:
        kept = self._idle.setdefault(origin, collections.deque())
        if self._closed or len(kept) >= self._limits.max_idle_per_host:
            connection.abort()
            return
        kept.append(connection)
        connection.enter_pool(self._limits.idle_seconds)

    def _forget(self, origin: Origin, connection: exchange.ClientConnection) -> None:
        self._open.discard(connection)
        kept = self._idle.get(origin)
        if kept is not None:
            if connection in kept:
                kept.remove(connection)
            if not kept:
                del self._idle[origin]

    async def _connect(
        self, origin: Origin, timeout_seconds: float, deadline: float | None
    ) -> exchange.ClientConnection:
        loop = asyncio.get_running_loop()
        expires = loop.time() + timeout_seconds
        overall = deadline is not None and deadline < expires

        connection = exchange.ClientConnection(
            loop,
            self._limits.max_head_bytes,
            on_free=lambda freed: self._keep(origin, freed),
            on_closed=lambda closed: self._forget(origin, closed),
        )
        try:
            async with asyncio.timeout_at(deadline if overall else expires):
                await _open(loop, connection, origin)
        except TimeoutError as error:
            text = f"connecting to {_place(origin)} took too long"
            if overall:
                raise errors.RequestTimeout(text) from error
            raise errors.ConnectError(text, refused=False) from error
        except OSError as error:
            raise errors.ConnectError(
                f"connecting to {_place(origin)} failed: {error}", refused=_is_refusal(error)
            ) from error
        self._open.add(connection)
        if self._closed:
            connection.abort()
        if self._permit is not None:
            try:
                self._permit(connection.peer_address)
            except BaseException:
                connection.abort()
                raise
        return connection


async def _open(
    loop: asyncio.AbstractEventLoop, connection: exchange.ClientConnection, origin: Origin
) -> None:
    tls = origin.ssl_context
    name = origin.host if tls is not None else None
    if origin.unix_socket is not None:
        await loop.create_unix_connection(
            lambda: connection, origin.unix_socket, ssl=tls, server_hostname=name
        )
    else:
        await loop.create_connection(
            lambda: connection, origin.host, origin.port, ssl=tls, server_hostname=name
        )


def _is_refusal(error: OSError) -> bool:
    if error.errno in (errno.ECONNREFUSED, errno.ENOENT):
        return True
    return error.errno is None and f"[Errno {errno.ECONNREFUSED}]" in str(error)


def _place(origin: Origin) -> str:
    return origin.unix_socket or f"{origin.host}:{origin.port}"


@functools.lru_cache(maxsize=2048)  # a node's probes: two addresses for each of its pods
def _parse_url(
    url: str, ssl_context: ssl.SSLContext | None, unix_socket: str | None
) -> tuple[Origin, str, str]:
    parts = urllib.parse.urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username:
        raise ValueError(f"not an http or https URL: {url!r}")
    tls = parts.scheme == "https"
    if tls and ssl_context is None:
        raise ValueError("an https URL needs an ssl_context")
    target = parts.path or "/"
    if parts.query or url.endswith("?"):
        target = f"{target}?{parts.query}"
    if not _TARGET.match(target):
        raise ValueError(f"a URL must be escaped: {url!r}")
    port = parts.port or (443 if tls else 80)
    origin = Origin(parts.hostname, port, ssl_context if tls else None, unix_socket)
    return origin, parts.netloc, target


def _format_head(
    method: str,
    target: str,
    authority: str,
    headers: Iterable[tuple[str, str]],
    body: bytes | AsyncIterator[bytes],
    upgrade: str | None = None,
) -> bytes:
    pairs, stated = messages.split_managed(headers)
    if not any(name.lower() == "host" for name, _ in pairs):
        pairs.insert(0, ("Host", authority))
    if not isinstance(body, bytes):
        framing = "Transfer-Encoding: chunked" if stated is None else f"Content-Length: {stated}"
        framing += "\r\n"
    elif body or method in ("POST", "PUT", "PATCH"):
        framing = f"Content-Length: {len(body)}\r\n"
    else:
        framing = ""
    if upgrade is not None:
        pairs = [pair for pair in pairs if pair[0].lower() != "upgrade"]
        pairs.append(("Upgrade", upgrade))
        framing += "Connection: Upgrade\r\n"
    text = f"{method} {target} HTTP/1.1\r\n{messages.format_headers(pairs)}{framing}\r\n"
    return text.encode("latin-1")
