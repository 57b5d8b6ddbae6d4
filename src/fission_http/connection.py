"""One server connection: bytes in, handler called, bytes out.

States of a connection, each with the deadline that ends it:

| State        | Waits for                 | Deadline                        | Then          |
|--------------|---------------------------|---------------------------------|---------------|
| idle         | first byte of a head      | `idle_seconds`                  | closed        |
| head         | rest of a head            | `head_seconds` from first byte  | 408, closed   |
| body         | handler waits for a piece | `body_seconds` of silence       | 408, closed   |
| handling     | the handler               | none here: the handler's own    |               |
| writing      | the client to take bytes  | `write_seconds` of no progress  | cut off       |
| lingering    | a refused body to end     | `LINGER_SECONDS`                | closed        |

At shutdown a connection without a request waits a moment longer: `ending` says why and how long.

One lazily re-armed timer per connection serves them all. A task is made per request, so an idle
connection holds a buffer and a timer only.
"""

from __future__ import annotations

import asyncio
import dataclasses
import logging
import math
import socket
from typing import TYPE_CHECKING, Any, Final, cast

from fission_http import body as bodies
from fission_http import ending, errors, incoming, messages
from fission_http import head as heads

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

_log = logging.getLogger(__name__)

PIPELINE_BYTES: Final = 64 * 1024
"""Bytes of following requests kept while one is handled; then reading stops."""

LINGER_SECONDS: Final = 2.0
"""How long an unread body is swallowed so that the client sees the answer, not a reset."""

CONTINUE: Final = b"HTTP/1.1 100 Continue\r\n\r\n"


@dataclasses.dataclass(frozen=True)
class Limits:
    """Bounds of a server; each is per connection unless it says otherwise."""

    max_head_bytes: int = heads.MAX_HEAD_BYTES
    """Longest request head."""
    max_body_bytes: int = 256 * 1024 * 1024
    """Longest request body; what the signed wires of the platform allow. 413 beyond."""
    head_seconds: float = 10.0
    """From the first byte of a head to its last; what Go servers use as header timeout."""
    idle_seconds: float = 75.0
    """A kept connection without a request; nginx's keepalive_timeout. Clients keep them shorter."""
    body_seconds: float = 60.0
    """Longest silence while a handler waits for the body; nginx's client_body_timeout."""
    write_seconds: float = 60.0
    """Longest time a client takes nothing of an answer; nginx's send_timeout."""
    max_connections: int = 8192
    """Connections of the whole server; beyond it the answer is 503 and the end."""


class Shared:
    """What the connections of a server have in common."""

    def __init__(
        self,
        handler: Callable[[messages.Request], Awaitable[messages.Response]],
        limits: Limits,
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        self.handler = handler
        self.limits = limits
        self.loop = loop
        self.date = messages.DateHeader()
        self.connections: set[Connection] = set()
        self.tasks: set[asyncio.Task[None]] = set()
        self.closing = False
        self.drained = asyncio.Event()
        self.drained.set()


class Connection(asyncio.Protocol):
    """Server side of one connection."""

    def __init__(self, shared: Shared) -> None:
        self._shared = shared
        self._limits = shared.limits
        self._loop = shared.loop
        self._transport: asyncio.Transport = cast("asyncio.Transport", None)
        self._peer: Any = None
        self._local: Any = None
        self._buffer = b""
        self._searched = 0
        self._body: incoming.IncomingBody | None = None
        self._task: asyncio.Task[None] | None = None
        self._continue_owed = False
        self._keep_alive = True
        self._told_close = False
        self._lingering = False
        self._served = False
        self._reading_paused = False
        self._drain: asyncio.Future[None] | None = None
        self._writing_paused = False
        self._tunnel: asyncio.Protocol | None = None
        self._deadline = math.inf
        self._timer: asyncio.TimerHandle | None = None

    # Transport events

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin with the head of the first request."""
        self._transport = cast("asyncio.Transport", transport)
        self._peer = transport.get_extra_info("peername")
        self._local = transport.get_extra_info("sockname")
        connection = transport.get_extra_info("socket")
        if connection is not None and connection.family in (socket.AF_INET, socket.AF_INET6):
            # asyncio does this only for listeners made with the protocol spelled out; without it
            # an answer of two writes waits 40 ms for the client's delayed acknowledgement.
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._shared.connections.add(self)
        self._shared.drained.clear()
        if len(self._shared.connections) > self._limits.max_connections:
            self._refuse(503, "too many connections")
        elif self._shared.closing:
            self.close_when_idle()
        else:
            self._expect_within(self._limits.head_seconds)

    def connection_lost(self, error: Exception | None) -> None:
        """Nobody can be answered: end what runs."""
        self._deadline = math.inf
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._tunnel is not None:
            self._tunnel.connection_lost(error)
        lost = errors.ConnectionLost("the client closed the connection")
        if self._body is not None:
            self._body.fail(lost)
        self._resume_writer()
        if self._task is not None:
            self._task.cancel()
        self._shared.connections.discard(self)
        if not self._shared.connections:
            self._shared.drained.set()

    def data_received(self, data: bytes) -> None:
        """Feed the body that is under way, or collect the next head."""
        if self._tunnel is not None:
            self._tunnel.data_received(data)
            return
        if self._lingering:
            return
        body = self._body
        if body is not None and not body.done:
            try:
                used = body.feed(data)
            except bodies.BodyError as error:
                self._keep_alive = False
                body.fail(error)
                return
            self._buffer = data[used:]
            if self._limits.body_seconds and body.wanted:
                self._expect_within(self._limits.body_seconds)
        else:
            self._buffer = self._buffer + data if self._buffer else data
        if self._task is None:
            self._next_request()
        self._adjust_reading()

    def eof_received(self) -> bool | None:
        """The client is gone, or will not send more; either way it gets nothing further."""
        if self._tunnel is not None:
            return self._tunnel.eof_received()
        if self._body is not None and not self._body.done:
            self._body.fail(errors.ConnectionLost("the client closed within its request"))
        return None

    def pause_writing(self) -> None:
        """The client takes less than we write."""
        self._writing_paused = True
        if self._tunnel is not None:
            self._tunnel.pause_writing()

    def resume_writing(self) -> None:
        """There is room again."""
        self._writing_paused = False
        if self._tunnel is not None:
            self._tunnel.resume_writing()
        self._resume_writer()

    # Called by the server

    def close_when_idle(self) -> None:
        """Close when the request that is under way, or may be on its way, was answered."""
        self._keep_alive = False
        if self._task is None and not (self._buffer or self._lingering):
            self._expect_within(ending.LAST_SECONDS if self._served else ending.FIRST_SECONDS)

    def abort(self) -> None:
        """Cut the connection."""
        self._transport.abort()

    # Requests

    def _next_request(self) -> None:
        buffer = self._buffer
        if not buffer:
            return
        if buffer.startswith(b"\r\n") and len(buffer) > 2:
            buffer = self._buffer = buffer[2:]
        limits = self._limits
        if (
            self._searched
            and len(buffer) <= limits.max_head_bytes
            and buffer.find(b"\r\n\r\n", max(self._searched - 3, 0)) < 0
        ):
            self._searched = len(buffer)
            return
        try:
            head = heads.scan_request(buffer, limits.max_head_bytes)
        except heads.HeadError as error:
            self._refuse(error.status, error.reason)
            return
        if head is None:
            if not self._searched:
                self._expect_within(limits.head_seconds)
            self._searched = len(buffer)
            return
        self._searched = 0
        self._served = True
        self._deadline = math.inf
        if (head.content_length or 0) > limits.max_body_bytes:
            self._refuse(413, f"body larger than {limits.max_body_bytes} bytes")
            return
        framing = bodies.request_framing(head)
        body = incoming.IncomingBody(
            framing, head.content_length, self._body_wanted, limits.max_body_bytes
        )
        self._buffer = buffer[head.head_length :]
        if not body.done and self._buffer:
            try:
                self._buffer = self._buffer[body.feed(self._buffer) :]
            except bodies.BodyError as error:
                self._refuse(400, str(error))
                return
        self._body = body
        self._continue_owed = head.expect_continue and not body.done
        self._keep_alive = head.keep_alive and not self._shared.closing
        request = messages.Request(head, body, self._peer, self._local)
        self._task = self._loop.create_task(self._answer(request))
        self._shared.tasks.add(self._task)
        self._task.add_done_callback(self._shared.tasks.discard)

    async def _answer(self, request: messages.Request) -> None:
        try:
            response = await self._call(request)
            try:
                if self._transport.is_closing():
                    pass
                elif response.tunnel is not None:
                    self._switch(response, response.tunnel)
                else:
                    await self._write(request, response)
            finally:
                close = getattr(response.body, "aclose", None)
                if close is not None:
                    await close()
                if response.tunnel is not None and self._tunnel is None:
                    response.tunnel.connection_lost(None)
        except asyncio.CancelledError:
            self._transport.abort()
            raise
        except errors.HttpError:
            self._transport.abort()
        except Exception:
            _log.exception("a response could not be written", extra={"path": request.path})
            self._transport.abort()
        finally:
            self._task = None
        self._finish()

    async def _call(self, request: messages.Request) -> messages.Response:
        try:
            return await self._shared.handler(request)
        except errors.BodyTooLarge as error:
            return _plain(413, str(error))
        except errors.RequestTimeout as error:
            return _plain(408, str(error))
        except bodies.BodyError as error:
            return _plain(400, str(error))
        except errors.ConnectionLost:
            if self._body is not None and self._body.failed:
                raise
            _log.exception("a handler failed", extra={"path": request.path})
        except Exception:
            _log.exception("a handler failed", extra={"path": request.path})
        return _plain(500, "internal error")

    def _finish(self) -> None:
        """After an answer: the next request, or the end of the connection."""
        body = self._body
        if self._transport.is_closing() or self._tunnel is not None:
            return
        if body is not None and not body.done:
            self._linger()
            return
        self._body = None
        if self._told_close:
            self._transport.close()
            return
        # where shutdown began after the answer's head was written, one more request may come
        ends = not self._keep_alive or self._shared.closing
        self._expect_within(ending.LAST_SECONDS if ends else self._limits.idle_seconds)
        self._next_request()
        self._adjust_reading()

    def _linger(self) -> None:
        self._lingering = True
        self._buffer = b""
        if self._transport.can_write_eof():
            self._transport.write_eof()
        self._expect_within(LINGER_SECONDS)
        self._adjust_reading()

    def _refuse(self, status: int, reason: str) -> None:
        """Answer without a handler and end the connection."""
        text = reason.encode() + b"\n"
        self._transport.write(
            (
                f"{messages.format_status_line(status)}{self._shared.date.line()}"
                "Content-Type: text/plain; charset=utf-8\r\n"
                f"Content-Length: {len(text)}\r\nConnection: close\r\n\r\n"
            ).encode("latin-1")
            + text
        )
        self._keep_alive = False
        self._linger()

    # Writing

    async def _write(self, request: messages.Request, response: messages.Response) -> None:
        headers, stated = messages.split_managed(response.headers)
        body = response.body
        if self._body is not None and not self._body.done:
            self._keep_alive = False
        bodiless = response.status in (204, 304) or response.status < 200
        chunked = False
        if isinstance(body, bytes):
            length: int | None = len(body)
            if not body and stated is not None and (bodiless or request.method == "HEAD"):
                length = stated
        else:
            length = stated
            chunked = length is None and not bodiless
        if bodiless and not (response.status == 304 and length):
            length = None
        if chunked and request.head.version_minor == 0:
            chunked, self._keep_alive = False, False
        head = (
            f"{messages.format_status_line(response.status)}{messages.format_headers(headers)}"
            f"{self._shared.date.line()}{self._framing_lines(request, length, chunked)}\r\n"
        ).encode("latin-1")
        silent = bodiless or request.method == "HEAD"
        if isinstance(body, bytes):
            self._transport.write(head if silent else head + body)
            if self._writing_paused:
                await self._drained()
            return
        self._transport.write(head)
        await self._write_stream(body, length, chunked=chunked, silent=silent)

    def _switch(self, response: messages.Response, tunnel: asyncio.Protocol) -> None:
        """Agree to another protocol; what comes from here on is its own."""
        headers, _ = messages.split_managed(response.headers)
        head = (
            f"{messages.format_status_line(response.status)}{messages.format_headers(headers)}"
            "Connection: Upgrade\r\n\r\n"
        )
        self._transport.write(head.encode("latin-1"))
        self._tunnel = tunnel
        early, self._buffer = self._buffer, b""
        if self._reading_paused:
            self._reading_paused = False
            self._transport.resume_reading()
        tunnel.connection_made(self._transport)
        if early:
            tunnel.data_received(early)

    def _framing_lines(self, request: messages.Request, length: int | None, chunked: bool) -> str:
        if chunked:
            lines = "Transfer-Encoding: chunked\r\n"
        elif length is not None:
            lines = f"Content-Length: {length}\r\n"
        else:
            lines = ""
        self._told_close = not self._keep_alive
        if self._told_close:
            lines += "Connection: close\r\n"
        elif request.head.version_minor == 0:
            lines += "Connection: keep-alive\r\n"
        return lines

    async def _write_stream(
        self, body: AsyncIterator[bytes], length: int | None, *, chunked: bool, silent: bool
    ) -> None:
        sent = 0
        if silent:
            return
        async for piece in body:
            sent += len(piece)
            if length is not None and sent > length:
                raise errors.ProtocolError("the answer is longer than its Content-Length")
            self._transport.write(bodies.format_chunk(piece) if chunked else piece)
            if self._writing_paused:
                await self._drained()
        if length is not None and sent < length:
            raise errors.ProtocolError("the answer is shorter than its Content-Length")
        if chunked:
            self._transport.write(bodies.LAST_CHUNK)

    async def _drained(self) -> None:
        self._drain = self._loop.create_future()
        self._expect_within(self._limits.write_seconds)
        try:
            await self._drain
        finally:
            self._drain = None
            self._deadline = math.inf
        if self._transport.is_closing():
            raise errors.ConnectionLost("the client closed the connection")

    def _resume_writer(self) -> None:
        if self._drain is not None and not self._drain.done():
            self._drain.set_result(None)

    # Reading and deadlines

    def _body_wanted(self) -> None:
        """The handler waits for the body, or made room in its buffer."""
        if self._continue_owed:
            self._continue_owed = False
            self._transport.write(CONTINUE)
        if self._body is not None and self._body.wanted:
            self._expect_within(self._limits.body_seconds)
        self._adjust_reading()

    def _adjust_reading(self) -> None:
        full = not self._lingering and (
            (self._body is not None and self._body.full)
            or (self._task is not None and len(self._buffer) > PIPELINE_BYTES)
        )
        if full is not self._reading_paused and not self._transport.is_closing():
            self._reading_paused = full
            if full:
                self._transport.pause_reading()
            else:
                self._transport.resume_reading()

    def _expect_within(self, seconds: float) -> None:
        self._deadline = deadline = self._loop.time() + seconds
        timer = self._timer
        if timer is None:
            self._timer = self._loop.call_at(deadline, self._check_deadline)
        elif timer.when() > deadline:
            timer.cancel()
            self._timer = self._loop.call_at(deadline, self._check_deadline)

    def _check_deadline(self) -> None:
        self._timer = None
        if self._deadline == math.inf:
            return
        if self._loop.time() < self._deadline:
            self._timer = self._loop.call_at(self._deadline, self._check_deadline)
            return
        self._deadline = math.inf
        if self._drain is not None or self._lingering:
            self._transport.abort()
        elif self._body is not None and self._body.wanted:
            self._keep_alive = False
            self._body.fail(errors.RequestTimeout("the request body did not arrive in time"))
        elif self._task is None:
            if self._buffer:
                self._refuse(408, "the request head did not arrive in time")
            elif ending.is_unread(self._transport):
                self._expect_within(ending.LOOK_AGAIN_SECONDS)
            else:
                self._transport.close()


def _plain(status: int, text: str) -> messages.Response:
    return messages.Response(
        status, [("Content-Type", "text/plain; charset=utf-8")], text.encode() + b"\n"
    )
