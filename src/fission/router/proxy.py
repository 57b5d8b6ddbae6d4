"""The client's side of the data plane: one connection, request after request.

Reads heads, hands each request to an `exchange.Exchange`, and keeps what both sides share: the
client's transport, deadlines, the buffer of requests that follow. No task is made for a request
that finds a slot and a kept connection; everything then happens in the callbacks of two protocols.

| State     | Waits for                   | Ends                                                   |
|-----------|-----------------------------|--------------------------------------------------------|
| idle      | a head                      | exchange, 400 and close, or closed at the deadline     |
| verifying | the whole body, to check it | exchange, or 401                                       |
| exchange  | the exchange's end          | idle, or closed                                        |
| tunnel    | either side's end           | closed                                                 |
| lingering | the rest of a refused body  | closed                                                 |

At shutdown an idle connection still waits a moment for a request: see `ending`.
"""

from __future__ import annotations

import asyncio
import logging
import math
from typing import TYPE_CHECKING, Any, Final, Protocol, cast

from fission.base import errors
from fission.contracts import invocation
from fission.router import answers, collecting, exchange, failures, gateway, headedit, stalls
from fission.router import login as logins
from fission_http import body as bodies
from fission_http import ending
from fission_http import head as heads
from fission_http import headers as header_lists

if TYPE_CHECKING:
    from fission.router import listener

_log = logging.getLogger(__name__)

PIPELINE_BYTES: Final = 64 * 1024
"""Bytes of following requests that are kept while one is served; then reading stops."""

LINGER_SECONDS: Final = 2.0
"""How long the rest of a refused request is swallowed, so that the answer is not lost."""


class Running(Protocol):
    """What a connection is busy with: an exchange, or the tunnel that it became."""

    wants_body: bool
    upstream_full: bool

    def client_data(self, data: bytes) -> int: ...
    def client_paused(self, *, paused: bool) -> None: ...
    def client_gone(self, error: Exception | None) -> None: ...
    def client_stalled(self, failure: failures.Failure) -> None: ...
    def expired(self) -> None: ...
    def going_away(self) -> None: ...


class Front(asyncio.Protocol):
    """A client's connection."""

    __slots__ = (
        "_block",
        "_buffer",
        "_deadline",
        "_edited",
        "_keep_alive",
        "_last",
        "_lingering",
        "_searched",
        "_served",
        "_shared",
        "_timer",
        "_verifying",
        "client",
        "exchange",
        "loop",
        "reading_paused",
        "told_close",
        "transport",
        "writing_paused",
    )

    def __init__(self, shared: listener.Shared) -> None:
        self._shared = shared
        self.loop = shared.loop
        self.transport: asyncio.Transport = cast("asyncio.Transport", None)
        self.exchange: Running | None = None
        self.writing_paused = False
        self.told_close = False
        """The client knows that its answer is the last of the connection."""
        self.client = b""
        """Its address."""
        self._buffer = b""
        self._searched = 0
        self._keep_alive = True
        self._lingering = False
        self._served = False
        self.reading_paused = False
        self._verifying: collecting.Collecting | None = None
        self._deadline = math.inf
        self._timer: asyncio.TimerHandle | None = None
        self._last: heads.RequestHead | None = None
        self._block: bytes | None = None
        self._edited = b""

    # Transport events

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A client came."""
        self.transport = cast("asyncio.Transport", transport)
        peer: Any = transport.get_extra_info("peername")
        self.client = peer[0].encode() if isinstance(peer, tuple) else b""
        shared = self._shared
        shared.fronts.add(self)
        shared.drained.clear()
        if len(shared.fronts) > shared.settings.max_connections:
            self._refuse(failures.too_many_connections())
            transport.close()
        elif shared.closing:
            self.close_when_idle()
        else:
            self.expect_within(shared.settings.client_head_seconds)

    def connection_lost(self, error: Exception | None) -> None:
        """The client went."""
        self._deadline = math.inf
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        running, self.exchange = self.exchange, None
        if running is not None:
            running.client_gone(error)
        self._shared.readers.forget(self)
        self._shared.fronts.discard(self)
        if not self._shared.fronts:
            self._shared.drained.set()

    def data_received(self, data: bytes) -> None:
        """Bytes of a body, or of the next head."""
        running = self.exchange
        if running is not None:
            if running.wants_body:
                used = running.client_data(data)
                data = data[used:] if used < len(data) else b""
            if data:
                self._buffer = self._buffer + data if self._buffer else data
                self._adjust_reading()
            return
        if self._lingering:
            return
        self._buffer = self._buffer + data if self._buffer else data
        if self.writing_paused:
            self._adjust_reading()
            return
        if self._verifying is not None:
            self._collect()
        else:
            self._next()
            if len(self._buffer) > PIPELINE_BYTES:
                self._adjust_reading()

    def eof_received(self) -> bool | None:
        """A client that says it sends no more is gone, as for nginx and Go."""
        return None

    def pause_writing(self) -> None:
        """The client takes less than the function gives."""
        self.writing_paused = True
        self._shared.readers.watch(self)
        if self.exchange is not None:
            self.exchange.client_paused(paused=True)

    def resume_writing(self) -> None:
        """There is room again."""
        self.writing_paused = False
        self._shared.readers.forget(self)
        if self.exchange is not None:
            self.exchange.client_paused(paused=False)
        else:
            self.loop.call_soon(self._resume)

    def progress(self) -> int | None:
        """How much waits for the client."""
        return stalls.unsent(self.transport)

    def stalled(self) -> None:
        """The client takes nothing of what waits for it."""
        failure = failures.client_unread(self._shared.settings.client_write_seconds)
        running = self.exchange
        if running is not None:
            running.client_stalled(failure)
        else:
            self._shared.counts.failed(failure.component, failure.reason)
            _log.info("a client was dropped: %s", failure.message, extra={"client": self.client})
            self.transport.abort()

    # Requests

    def _next(self) -> None:
        """Begin with the request at the start of the buffer, if its head is complete."""
        buffer = self._buffer
        settings = self._shared.settings
        if self._searched:
            known = max(self._searched - 3, 0)
            if len(buffer) <= settings.max_head_bytes and buffer.find(b"\r\n\r\n", known) < 0:
                self._searched = len(buffer)
                return
        elif buffer.startswith(b"\r\n"):  # old clients put one behind a body
            self._buffer = buffer = buffer[2:]
            if not buffer:
                return
        last = self._last
        head = last.again(buffer) if last is not None else None
        if head is None or head.head_length > settings.max_head_bytes:
            try:
                head = heads.scan_request(buffer, settings.max_head_bytes)
            except heads.HeadError as error:
                self._refuse(failures.bad_request(error.reason, error.status))
                return
            if head is not None and not (head.expect_continue or head.upgrade):
                self._last = head
        if head is None:
            if not self._searched:
                self.expect_within(settings.client_head_seconds)
            self._buffer, self._searched = buffer, len(buffer)
            return
        self._searched = 0
        self._served = True
        self._buffer = buffer[head.head_length :] if len(buffer) > head.head_length else b""
        self._deadline = math.inf
        self._keep_alive = head.keep_alive and not self._shared.closing
        if head.upgrade is not None and (
            head.upgrade != b"websocket"
            or head.version_minor == 0
            or head.chunked
            or head.content_length
        ):
            head.upgrade = None
        self._begin(head)

    def _begin(self, head: heads.RequestHead) -> None:
        routes, login = self._shared.routes, self._shared.login
        limit = routes.max_body_bytes
        if login is not None and login.takes(head):
            limit = logins.MAX_BODY_BYTES
        elif routes.verify is None and (head.content_length or 0) <= limit:
            self._serve(head, None)
            return
        if (head.content_length or 0) > limit:
            self._refuse(failures.body_too_large(limit), head)
            return
        self._verifying = collecting.Collecting(head, limit)
        if head.expect_continue:
            self.transport.write(exchange.CONTINUE)
        self.expect_within(self._shared.settings.client_idle_seconds)
        self._collect()

    def _collect(self) -> None:
        """Gather a body, then check it."""
        pending = cast("collecting.Collecting", self._verifying)
        data, self._buffer = self._buffer, b""
        try:
            end = pending.feed(data)
        except bodies.BodyError as error:
            self._refuse(failures.bad_request(str(error)), pending.head)
            return
        self._buffer = data[end:]
        if pending.size > pending.limit:
            self._refuse(failures.body_too_large(pending.limit), pending.head)
        elif pending.done:
            self._verifying = None
            self._deadline = math.inf
            self._check(pending)

    def _check(self, pending: collecting.Collecting) -> None:
        head, payload = pending.head, b"".join(pending.payload)
        verify = self._shared.routes.verify
        if verify is None:
            cast("logins.Login", self._shared.login).log_in(self, head, payload)
            return
        try:
            verify(
                head.method.decode("ascii"),
                head.target.decode("ascii"),
                payload,
                header_lists.Headers.of(head),
            )
        except errors.Error as error:
            _log.info("a request was refused: %s", error)
            self.answer(head, gateway.Own(401), body_read=True)
            return
        self._serve(head, pending.raw)

    def _serve(self, head: heads.RequestHead, body: list[bytes] | None) -> None:
        """Route and start; `body` when it was read already."""
        shared = self._shared
        plan = shared.routes.plan(head)
        if isinstance(plan, gateway.Own):
            self.answer(head, plan, body_read=body is not None)
            return
        running = exchange.Exchange(self, shared, head, plan, body)
        self.exchange = running
        if body is None and self._buffer and running.wants_body:
            data, self._buffer = self._buffer, b""
            used = running.client_data(data)
            if self.exchange is running:
                self._buffer = data[used:]
        if self.exchange is running:
            running.start()
            if running.wants_body and self.exchange is running:
                running.watch_client()

    def become(self, tunnel: Running) -> None:
        """The exchange is a tunnel from now on; what came early goes through it."""
        self.exchange = tunnel
        early, self._buffer = self._buffer, b""
        self._block, self._last, self._edited = None, None, b""
        if early:
            tunnel.client_data(early)
        self._adjust_reading()

    def edited_block(self, head: heads.RequestHead) -> bytes:
        """The header lines for the function; clients repeat theirs, so the last is remembered."""
        if head.block != self._block:
            self._edited = headedit.edit_request_block(head, self.client)
            self._block = head.block
        return self._edited

    def exchange_done(self, *, keep_alive: bool) -> None:
        """An exchange is over and its answer written."""
        self.exchange = None
        self._deadline = math.inf
        if self.transport.is_closing():
            return
        if not keep_alive:
            self._end()
            return
        if not self.keeps_alive:
            if self._keep_alive and not self.told_close:
                # shutdown began after the answer's head was written: one more may come, or has
                self.expect_within(ending.LAST_SECONDS)
                self.loop.call_soon(self._resume)
            else:
                self.transport.close()
            return
        self.expect_within(self._shared.settings.client_idle_seconds)
        if self._buffer:
            self.loop.call_soon(self._resume)
        elif self.reading_paused:
            self._adjust_reading()

    def _resume(self) -> None:
        """Go on with what was pipelined; by way of the loop, so that answers do not nest."""
        if self.exchange is None and not self._lingering and not self.transport.is_closing():
            if self._buffer and not self.writing_paused:
                self._next()
            self._adjust_reading()

    @property
    def keeps_alive(self) -> bool:
        """Whether the connection goes on after this request."""
        return self._keep_alive and not self._shared.closing

    def answer(self, head: heads.RequestHead, own: gateway.Own, *, body_read: bool = False) -> None:
        """Answer without a function."""
        bodiless = body_read or not (head.chunked or head.content_length)
        keep = self.keeps_alive and bodiless
        request_id = self._shared.ids.accept(head.get(b"x-fission-request-id"))
        self.transport.write(
            answers.format_answer(
                own.status,
                [*own.headers, (invocation.REQUEST_ID, request_id.decode("ascii"))],
                own.body,
                keep_alive=keep,
                minor=head.version_minor,
                silent=head.method == b"HEAD",
            )
        )
        if self._shared.log is not None:
            self._shared.log.add(self.client, head, request_id, own.status, 0.0)
        self.exchange_done(keep_alive=keep)

    def answer_failure(
        self,
        head: heads.RequestHead | None,
        failure: failures.Failure,
        request_id: bytes,
        *,
        keep_alive: bool,
    ) -> None:
        """Tell the client what went wrong."""
        self.told_close = not (keep_alive and self.keeps_alive)
        self.transport.write(
            answers.format_failure(
                failure,
                request_id,
                head,
                structured=self._shared.settings.structured_errors,
                detailed=self._may_see_details(head),
                keep_alive=not self.told_close,
            )
        )
        self.exchange_done(keep_alive=keep_alive)

    def _may_see_details(self, head: heads.RequestHead | None) -> bool:
        # Who signs its calls owns the functions, and gets the reason: `fn test` shows it.
        if self._shared.routes.verify is not None:
            return True
        asked = head is not None and (head.get(b"x-fission-debug") or b"").lower() == b"true"
        return self._shared.settings.debug and asked

    # Ends

    def close_when_idle(self) -> None:
        """Close when the request that is under way, or may be on its way, was answered."""
        if self.exchange is not None:
            self.exchange.going_away()
        begun = self.exchange is not None or self._verifying is not None or bool(self._buffer)
        if not (begun or self._lingering):
            self.expect_within(ending.LAST_SECONDS if self._served else ending.FIRST_SECONDS)

    def abort(self) -> None:
        """Cut the connection."""
        self.transport.abort()

    def _refuse(self, failure: failures.Failure, head: heads.RequestHead | None = None) -> None:
        """Answer what is no good request, and close."""
        self._keep_alive = False
        self._verifying = None
        wanted = head.get(b"x-fission-request-id") if head is not None else None
        request_id = self._shared.ids.accept(wanted)
        self._shared.counts.failed(failure.component, failure.reason)
        if self._shared.log is not None:
            log = self._shared.log
            log.add(self.client, head, request_id, failure.status, 0.0, None, failure)
        self.answer_failure(head, failure, request_id, keep_alive=False)

    def _end(self) -> None:
        """Close, but let the client read the answer although it may still be sending."""
        self._lingering = True
        self._buffer = b""
        if self.transport.can_write_eof():
            self.transport.write_eof()
        self.expect_within(LINGER_SECONDS)
        self._adjust_reading()

    # Reading and deadlines

    def pause_reading(self, *, paused: bool) -> None:
        """The function takes less (or more again) than the client sends."""
        if paused is not self.reading_paused and not self.transport.is_closing():
            self.reading_paused = paused
            if paused:
                self.transport.pause_reading()
            else:
                self.transport.resume_reading()

    def _adjust_reading(self) -> None:
        running = self.exchange
        full = len(self._buffer) > PIPELINE_BYTES
        if running is not None:
            full = full or running.upstream_full
        elif self._lingering:
            full = False
        self.pause_reading(paused=full or (running is None and self._is_unread))

    @property
    def _is_unread(self) -> bool:
        return self.writing_paused and not self._lingering

    def expect_within(self, seconds: float) -> None:
        """Something must happen until then. Cheap: the timer is re-armed late."""
        self._deadline = deadline = self.loop.time() + seconds
        timer = self._timer
        if timer is None:
            self._timer = self.loop.call_at(deadline, self._check_deadline)
        elif timer.when() > deadline:
            timer.cancel()
            self._timer = self.loop.call_at(deadline, self._check_deadline)

    def expect_nothing(self) -> None:
        """No deadline holds."""
        self._deadline = math.inf

    def _check_deadline(self) -> None:
        self._timer = None
        if self._deadline == math.inf:
            return
        if self.loop.time() < self._deadline:
            self._timer = self.loop.call_at(self._deadline, self._check_deadline)
            return
        self._deadline = math.inf
        if self.exchange is not None:
            self.exchange.expired()
        elif self._lingering or self.transport.is_closing():
            self._end_when_read(LINGER_SECONDS)
        elif self.writing_paused:
            self.expect_within(self._shared.settings.client_idle_seconds)
        elif self._buffer or self._verifying is not None:
            failure = failures.bad_request("the request did not arrive in time", 408)
            self._refuse(failure, self._verifying.head if self._verifying is not None else None)
        elif ending.is_unread(self.transport):
            self.expect_within(ending.LOOK_AGAIN_SECONDS)
        else:
            self._end_when_read(LINGER_SECONDS)

    def _end_when_read(self, seconds: float) -> None:
        """Cut the connection once the client has taken its answer, or does not get on with it."""
        if stalls.unsent(self.transport):
            self._shared.readers.watch(self)
            self.expect_within(seconds)
        elif self._lingering:
            self.transport.abort()
        else:
            self.transport.close()
