"""Client side of one connection: a request out, its answer in, again and again.

The connection is free again when the answer is complete, the request was sent in full, and both
sides agree to go on. An unexpected byte on a free connection closes it.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, TypeAlias, cast

from fission_http import body as bodies
from fission_http import errors, incoming
from fission_http import head as heads

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable


Answer: TypeAlias = tuple[heads.ResponseHead, incoming.IncomingBody]


class ClientConnection(asyncio.Protocol):
    """Client side of one connection."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        max_head_bytes: int,
        on_free: Callable[[ClientConnection], None],
        on_closed: Callable[[ClientConnection], None],
    ) -> None:
        self._loop = loop
        self._max_head_bytes = max_head_bytes
        self._on_free = on_free
        self._on_closed = on_closed
        self._transport: asyncio.Transport | None = None
        self._buffer = b""
        self._method = b""
        self._head: asyncio.Future[Answer] | None = None
        self._body: incoming.IncomingBody | None = None
        self._sender: asyncio.Task[None] | None = None
        self._sent = True
        self._keep_alive = True
        self._busy = False
        self._answered = False
        self._timer: asyncio.TimerHandle | None = None
        self._drain: asyncio.Future[None] | None = None
        self._writing_paused = False
        self._reading_paused = False
        self._failure: Exception | None = None
        self._upgrading = False
        self._switched: bytes | None = None

    @property
    def peer_address(self) -> str:
        """The address that was connected to, which a name does not tell; empty of a unix socket."""
        peer = self._transport.get_extra_info("peername") if self._transport is not None else None
        return str(peer[0]) if isinstance(peer, tuple) else ""

    # Pool

    @property
    def reusable(self) -> bool:
        """Free, open and clean."""
        return (
            not self._busy
            and self._failure is None
            and self._transport is not None
            and not self._transport.is_closing()
        )

    def enter_pool(self, idle_seconds: float) -> None:
        """Close when unused for so long."""
        self._timer = self._loop.call_later(idle_seconds, self.abort)

    def leave_pool(self) -> None:
        """About to be used."""
        self._cancel_timer()

    def abort(self) -> None:
        """Cut the connection; an exchange under way fails."""
        self._end(errors.ConnectionLost("the connection was closed here", answered=self._answered))

    # Exchange

    async def exchange(
        self,
        method: str,
        head: bytes,
        body: bytes | AsyncIterator[bytes],
        deadline: float | None,
        *,
        upgrading: bool = False,
    ) -> tuple[heads.ResponseHead, incoming.IncomingBody]:
        """Send a request; returns with the head of its answer.

        ``upgrading``: the request asks for another protocol; with 101, `switch` has to follow.
        """
        transport = self._transport
        if transport is None or transport.is_closing():
            raise errors.ConnectionLost("the connection was closed")
        self._busy, self._keep_alive, self._answered = True, True, False
        self._method = method.encode("ascii")
        self._upgrading = upgrading
        self._body = None
        answer: asyncio.Future[Answer] = self._loop.create_future()
        self._head = answer
        if deadline is not None:
            self._timer = self._loop.call_at(deadline, self._expire)
        if isinstance(body, bytes):
            self._sent = True
            transport.write(head + body if body else head)
        else:
            self._sent = False
            chunked = b"\r\nTransfer-Encoding: chunked\r\n" in head
            transport.write(head)
            self._sender = self._loop.create_task(self._send(body, chunked=chunked))
        # A complete answer frees the connection at once: by the time this resumes it may be in the
        # middle of somebody else's exchange, so nothing here looks at `_body` or clears `_head`
        # that is not its own.
        try:
            return await answer
        except BaseException:
            if self._head is answer:
                self.abort()
            raise
        finally:
            if self._head is answer:
                self._head = None

    def switch(self, protocol: asyncio.Protocol) -> None:
        """Give the connection, on which the peer agreed to switch, to another protocol."""
        transport, early = self._transport, self._switched
        if transport is None or early is None or transport.is_closing():
            raise errors.ConnectionLost("the connection was closed", answered=True)
        self._switched = None
        self._on_closed(self)
        transport.set_protocol(protocol)
        protocol.connection_made(transport)
        if early:
            protocol.data_received(early)
        transport.resume_reading()

    def abandon(self, body: incoming.IncomingBody) -> None:
        """Nobody will read the rest of this answer."""
        if self._body is body and self._busy and (not body.done or self._switched is not None):
            self.abort()

    async def _send(self, body: AsyncIterator[bytes], *, chunked: bool) -> None:
        transport = cast("asyncio.Transport", self._transport)
        try:
            async for piece in body:
                transport.write(bodies.format_chunk(piece) if chunked else piece)
                if self._writing_paused:
                    self._drain = self._loop.create_future()
                    await self._drain
            if chunked:
                transport.write(bodies.LAST_CHUNK)
            self._sent = True
            self._free_if_complete()
        except Exception as error:
            self._end(error)

    # Transport events

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Connected."""
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Part of an answer."""
        if not self._busy:
            self._end(errors.ProtocolError("bytes that nobody asked for"))
            return
        self._answered = True
        try:
            if self._body is None:
                self._buffer = self._buffer + data if self._buffer else data
                self._receive_head()
            else:
                self._receive_body(data, 0)
        except heads.HeadError as error:
            self._end(errors.ProtocolError(f"bad response head: {error.reason}"))
        except bodies.BodyError as error:
            self._end(errors.ProtocolError(f"bad response body: {error}"))

    def eof_received(self) -> bool | None:
        """The end of an answer that is framed by it; otherwise a loss."""
        if self._body is not None and not self._body.done and self._body.feed_eof():
            self._keep_alive = False
            self._free_if_complete()
        return None

    def connection_lost(self, error: Exception | None) -> None:
        """The peer is gone."""
        text = "the peer closed the connection" if error is None else f"connection lost: {error}"
        self._end(errors.ConnectionLost(text, answered=self._answered))
        self._on_closed(self)

    def pause_writing(self) -> None:
        """The peer takes less than we write."""
        self._writing_paused = True

    def resume_writing(self) -> None:
        """There is room again."""
        self._writing_paused = False
        if self._drain is not None and not self._drain.done():
            self._drain.set_result(None)

    # Answer

    def _receive_head(self) -> None:
        while True:
            head = heads.scan_response(self._buffer, self._max_head_bytes)
            if head is None:
                return
            rest = self._buffer[head.head_length :]
            if head.status == 101 or head.status >= 200:
                break
            self._buffer = rest
        self._buffer = b""
        self._keep_alive = head.keep_alive and head.status != 101
        framing = bodies.response_framing(self._method, head)
        self._body = incoming.IncomingBody(framing, head.content_length, self._body_wanted)
        if self._head is not None and not self._head.done():
            self._head.set_result((head, self._body))
        if head.status == 101 and self._upgrading:
            self._cancel_timer()
            self._switched = rest
            cast("asyncio.Transport", self._transport).pause_reading()
            return
        if rest or self._body.done:
            self._receive_body(rest, 0)

    def _receive_body(self, data: bytes, start: int) -> None:
        body = cast("incoming.IncomingBody", self._body)
        used = start if body.done else body.feed(data, start)
        if body.done:
            if used < len(data):
                self._keep_alive = False
            self._free_if_complete()
        else:
            self._adjust_reading()

    def _free_if_complete(self) -> None:
        body = self._body
        if not self._busy or body is None or not body.done:
            return
        if not self._sent:
            if self._sender is not None and not self._keep_alive:
                self._end(None)
            return
        self._cancel_timer()
        self._busy = False
        self._sender = None
        if self._keep_alive and not cast("asyncio.Transport", self._transport).is_closing():
            self._adjust_reading()
            self._on_free(self)
        else:
            self._end(None)

    def _body_wanted(self) -> None:
        self._adjust_reading()

    def _adjust_reading(self) -> None:
        full = self._busy and self._body is not None and self._body.full
        transport = self._transport
        if full is self._reading_paused or transport is None or transport.is_closing():
            return
        self._reading_paused = full
        if full:
            transport.pause_reading()
        else:
            transport.resume_reading()

    # End

    def _expire(self) -> None:
        self._timer = None
        self._end(errors.RequestTimeout("no complete answer within the deadline"))

    def _end(self, error: Exception | None) -> None:
        """Close; whoever waits gets `error`."""
        self._cancel_timer()
        self._busy = False
        failure = error or errors.ConnectionLost("the connection is closed", answered=True)
        if self._failure is None:
            self._failure = failure
        if self._head is not None and not self._head.done():
            self._head.set_exception(failure)
        if self._body is not None:
            self._body.fail(failure)
        sender, self._sender = self._sender, None
        if sender is not None and sender is not asyncio.current_task(self._loop):
            sender.cancel()
        if self._transport is not None:
            self._transport.abort()

    def _cancel_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
