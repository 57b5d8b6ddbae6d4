"""Connections to pods: a pool of kept ones, and what happens on them.

A connection serves one exchange at a time and tells it everything. A free connection that says
anything, or whose peer closes, leaves the pool at once. Pods keep connections longer than routers
do, so a pod that closes a free one is probably at its end: the pool tries at once whether it still
listens, before a request finds out.
"""

from __future__ import annotations

import asyncio
import collections
from typing import TYPE_CHECKING, Final, Protocol, cast

from fission_http import head as heads

if TYPE_CHECKING:
    import socket
    from collections.abc import Awaitable, Callable

    from fission.router import slots

SWEEP_SECONDS: Final = 5.0
PROBE_SECONDS: Final = 1.0


class User(Protocol):
    """Who a connection serves at the moment."""

    def upstream_data(self, data: bytes) -> None:
        """Bytes from the pod."""
        ...

    def upstream_lost(self, error: Exception | None) -> None:
        """The pod closed, or the connection broke."""
        ...

    def upstream_paused(self, *, paused: bool) -> None:
        """The pod takes less (or more again) than is written."""
        ...


class Upstream(asyncio.Protocol):
    """One connection to a pod."""

    __slots__ = (
        "address",
        "idle_since",
        "last_head",
        "pool",
        "probe",
        "reading_paused",
        "reused",
        "transport",
        "user",
    )

    def __init__(self, pool: Pool, address: slots.Address) -> None:
        self.pool = pool
        self.address = address
        self.transport: asyncio.Transport = cast("asyncio.Transport", None)
        self.user: User | None = None
        self.reused = False
        self.probe = False
        """Made to see whether the pod listens; its end is no cause for another one."""
        self.idle_since = 0.0
        self.reading_paused = False
        self.last_head: tuple[bytes, heads.ResponseHead] | None = None
        """The last answer's head, raw and scanned: the next one is often the same."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Connected."""
        self.transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Pass on."""
        if self.user is None:
            self.transport.abort()
        else:
            self.user.upstream_data(data)

    def eof_received(self) -> bool | None:
        """The pod will say no more; `connection_lost` follows."""
        self.pool.forget(self)
        return None

    def connection_lost(self, error: Exception | None) -> None:
        """The end."""
        self.pool.forget(self)
        user, self.user = self.user, None
        if user is not None:
            user.upstream_lost(error)

    def pause_writing(self) -> None:
        """The pod takes less than is written."""
        if self.user is not None:
            self.user.upstream_paused(paused=True)

    def resume_writing(self) -> None:
        """There is room again."""
        if self.user is not None:
            self.user.upstream_paused(paused=False)

    def pause(self, *, paused: bool) -> None:
        """Stop or go on reading."""
        if paused is not self.reading_paused and not self.transport.is_closing():
            self.reading_paused = paused
            if paused:
                self.transport.pause_reading()
            else:
                self.transport.resume_reading()

    def scan_head(self, buffer: bytes, limit: int) -> heads.ResponseHead | None:
        """The head at the start of an answer; None when more bytes are needed. Raises HeadError."""
        last = self.last_head
        if last is not None and buffer.startswith(last[0]):
            return last[1]
        head = heads.scan_response(buffer, limit)
        if head is not None:
            self.last_head = (buffer[: head.head_length], head)
        return head

    def drop(self) -> None:
        """Cut the connection; its user hears nothing of it."""
        self.user = None
        self.transport.abort()


class Pool:
    """Kept connections by address, and new ones."""

    def __init__(
        self,
        *,
        max_idle_per_host: int,
        idle_seconds: float,
        keep_alive: bool,
        resolve: Callable[[slots.Address], Awaitable[slots.Address]],
        refused: Callable[[slots.Address], None] = lambda address: None,
        prepare: Callable[[socket.socket], None] = lambda sock: None,
    ) -> None:
        """`resolve` turns the address of a Service into one of a pod behind it; `refused` hears
        of addresses at which nobody listens any more; `prepare` sets options of a new socket."""
        self._max_idle_per_host = max_idle_per_host
        self._idle_seconds = idle_seconds
        self._keep_alive = keep_alive
        self._resolve = resolve
        self._idle: dict[slots.Address, collections.deque[Upstream]] = {}
        self._sweeper: asyncio.TimerHandle | None = None
        self._refused = refused
        self._prepare = prepare
        self._probes: dict[slots.Address, asyncio.Task[None]] = {}

    def take(self, address: slots.Address) -> Upstream | None:
        """A kept connection, the one used last; None when there is none."""
        kept = self._idle.get(address)
        while kept:
            upstream = kept.pop()
            if not upstream.transport.is_closing():
                upstream.reused = True
                upstream.probe = False
                return upstream
        return None

    def give_back(self, upstream: Upstream, now: float) -> None:
        """Keep a connection whose exchange is complete."""
        upstream.user = None
        if upstream.reading_paused:
            upstream.pause(paused=False)
        kept = self._idle.get(upstream.address)
        if kept is None:
            kept = self._idle[upstream.address] = collections.deque()
        if not self._keep_alive or len(kept) >= self._max_idle_per_host:
            upstream.transport.close()
            return
        upstream.idle_since = now
        kept.append(upstream)
        if self._sweeper is None:
            loop = asyncio.get_running_loop()
            self._sweeper = loop.call_later(SWEEP_SECONDS, self._sweep, loop)

    async def connect(self, address: slots.Address, timeout_seconds: float) -> Upstream:
        """A new connection; raises OSError (TimeoutError among them)."""
        host, port = await self._resolve(address)
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(timeout_seconds):
            _, upstream = await loop.create_connection(lambda: Upstream(self, address), host, port)
        made: socket.socket | None = upstream.transport.get_extra_info("socket")
        if made is not None and made.fileno() >= 0:
            self._prepare(made)
        return upstream

    def forget(self, upstream: Upstream) -> None:
        """A connection ended."""
        kept = self._idle.get(upstream.address)
        if kept is not None:
            if upstream in kept:
                kept.remove(upstream)
                if not upstream.probe:
                    self._probe(upstream.address)
            if not kept:
                del self._idle[upstream.address]

    @property
    def idle_connections(self) -> int:
        """Connections kept and unused."""
        return sum(len(kept) for kept in self._idle.values())

    def close(self) -> None:
        """Close what is kept."""
        if self._sweeper is not None:
            self._sweeper.cancel()
            self._sweeper = None
        for kept in list(self._idle.values()):
            for upstream in list(kept):
                upstream.transport.abort()
        self._idle.clear()
        for probe in self._probes.values():
            probe.cancel()

    def _probe(self, address: slots.Address) -> None:
        if address not in self._probes:
            loop = asyncio.get_running_loop()
            self._probes[address] = loop.create_task(self._try(address, loop))

    async def _try(self, address: slots.Address, loop: asyncio.AbstractEventLoop) -> None:
        try:
            upstream = await self.connect(address, PROBE_SECONDS)
        except ConnectionRefusedError:
            self._refused(address)
        except OSError:
            pass  # a request will see for itself
        else:
            upstream.probe = True
            self.give_back(upstream, loop.time())
        finally:
            del self._probes[address]

    def _sweep(self, loop: asyncio.AbstractEventLoop) -> None:
        self._sweeper = None
        oldest = loop.time() - self._idle_seconds
        for kept in list(self._idle.values()):
            while kept and kept[0].idle_since < oldest:
                kept.popleft().transport.abort()
        if any(self._idle.values()):
            self._sweeper = loop.call_later(SWEEP_SECONDS, self._sweep, loop)
        else:
            self._idle.clear()
