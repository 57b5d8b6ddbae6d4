"""One request and its answer, between a client's connection and a pod's.

Order of things: slot → connection → head and body out → head and body back → both connections
free. The first two usually succeed at once; only otherwise a task waits for them (`_open`).

What may be repeated: an attempt that sent nothing (the connection was refused or took too long); a
request that the pod refused unseen (`X-Fission-Busy`); and, once, a request without a body and
effect (GET and its like) on a kept connection that ended before a byte of the answer, because pods
close idle connections too. Anything else may have been processed, so it fails. Bodies up to
`replay.KEPT_BYTES` (while memory allows, `LARGE_BYTES`) are kept until the answer begins, so that
the first two are not limited to requests without a body. What a pod refused after more of its body
went there fails with 503 and `Retry-After`.
"""

from __future__ import annotations

import asyncio
import logging
import math
import random
import time
from typing import TYPE_CHECKING, Final

from fission.router import accesslog, answerbody, dialing, failures, headedit, replay
from fission.router import tunnel as tunnels
from fission_http import body as bodies
from fission_http import head as heads

if TYPE_CHECKING:
    from fission.router import gateway, listener, proxy, slots
    from fission.router import upstream as upstreams

_log = logging.getLogger(__name__)

CONTINUE: Final = b"HTTP/1.1 100 Continue\r\n\r\n"
JITTER: Final = 0.2
SAFE: Final = frozenset((b"GET", b"HEAD", b"OPTIONS", b"TRACE"))


class Exchange:
    """A request on its way."""

    # What every request begins with. Defaults of the class, not set one by one on each object:
    # this is made for every request.
    _task: asyncio.Task[None] | None = None
    _endpoint: slots.Endpoint | None = None
    _upstream: upstreams.Upstream | None = None
    _attempts = 0
    _attempted = False
    _fresh_only = False
    _ended = False
    _left = 0
    _chunks: bodies.ChunkedScanner | None = None
    wants_body = False
    """The request's body has not arrived in full."""
    _body: replay.Body | None = None
    """The request's body so far, for another attempt; None where there is none."""
    _received = 0
    upstream_full = False
    """The pod takes less than the client sends."""
    _buffer = b""
    _response: heads.ResponseHead | None = None
    _answer: answerbody.AnswerBody | None = None
    _client_full = False
    _stream_until = math.inf
    _watched = False  # among those whose clients have to send on
    _sent = 0
    """Bytes of the answer's body that went to the client, as they are framed there."""

    def __init__(
        self,
        front: proxy.Front,
        shared: listener.Shared,
        head: heads.RequestHead,
        plan: gateway.Plan,
        body: list[bytes] | None,
    ) -> None:
        """`body` holds the raw body when it was read before."""
        self._front = front
        self._shared = shared
        self._head = head
        self._plan = plan
        self._request_id = shared.ids.accept(head.get(b"x-fission-request-id"))
        self._started = self._attached_at = time.monotonic()  # uvloop counts milliseconds
        if body is not None:
            self._body = replay.Body(shared.replays, body)
        elif head.chunked or head.content_length:
            self._body = replay.Body(shared.replays)
            self.wants_body = True
            if head.chunked:
                self._chunks = bodies.ChunkedScanner()
            else:
                self._left = head.content_length or 0
        if front.writing_paused:
            self._client_full = True

    # Way there

    def start(self) -> None:
        """Go at once where a slot and a kept connection are at hand."""
        endpoint = self._shared.slots.try_acquire(self._plan.target, self._started)
        if endpoint is not None:
            upstream = self._shared.pool.take(endpoint.address)
            if upstream is not None:
                self._endpoint = endpoint
                self._attach(upstream)
                return
        self._open_later(endpoint)

    def _open_later(self, endpoint: slots.Endpoint | None) -> None:
        task = self._shared.loop.create_task(self._open(endpoint))
        self._task = task
        self._shared.tasks.add(task)
        task.add_done_callback(self._shared.tasks.discard)

    async def _open(self, endpoint: slots.Endpoint | None) -> None:
        """Find a slot and a connection, however many attempts that takes."""
        self._endpoint = endpoint
        try:
            upstream = await self._find()
        except failures.Failure as failure:
            self._task = None
            self._fail(failure)
            return
        except Exception:
            _log.exception("a request failed unexpectedly", extra=self._fields())
            self._task = None
            self._fail(failures.dial_error("internal error"))
            return
        self._task = None
        if self._ended:
            self._shared.pool.give_back(upstream, self._shared.loop.time())
            return
        self._attach(upstream)

    async def _find(self) -> upstreams.Upstream:
        settings = self._shared.settings
        pause = settings.dial_timeout_seconds
        while True:
            if self._endpoint is None:
                self._endpoint = await self._shared.slots.acquire(
                    self._plan.target, self._started, again=self._attempted or self._attempts > 0
                )
            endpoint = self._endpoint
            upstream = None if self._fresh_only else self._shared.pool.take(endpoint.address)
            if upstream is not None:
                return upstream
            self._attempts += 1
            try:
                return await dialing.connect(self._shared, endpoint, self._attempts, self._fields())
            except failures.Failure as error:
                failure = error
                self._let_go(None)
                if self._attempts >= settings.max_retries:
                    raise
            if self._shared.loop.time() - self._started > self._plan.target.timeout_seconds:
                raise failure
            if self._attempts > 1:
                await asyncio.sleep(pause * (1 + JITTER * random.random()))
                pause *= settings.backoff_factor

    def _attach(self, upstream: upstreams.Upstream) -> None:
        """Send the head, and as much of the body as there is."""
        front, head, plan, target = self._front, self._head, self._plan, self._plan.target
        self._upstream = upstream
        self._attached_at = time.monotonic()
        upstream.user = self
        host, port = upstream.address
        data = headedit.format_request(
            head,
            plan.path,
            b"%b:%d" % (host.encode("idna" if not host.isascii() else "ascii"), port),
            front.edited_block(head),
            target.identity_lines,
            plan.variables,
            self._request_id,
        )
        if self._body is not None:
            data = data + self._body.joined()
            self._body.trim()
        upstream.transport.write(data)
        self._attempted = True
        if target.stream_idle_seconds is None:
            front.expect_within(target.timeout_seconds)
        else:
            self._stream_until = self._shared.loop.time() + target.stream_max_seconds
            self._watch_stream(target.stream_idle_seconds)
        if head.expect_continue and self.wants_body:
            head.expect_continue = False
            front.transport.write(CONTINUE)
        if self._client_full:
            upstream.pause(paused=True)
        self._adjust_client()

    # The request's body

    def client_data(self, data: bytes) -> int:
        """Bytes from the client; returns how many belong to this request."""
        try:
            if self._chunks is not None:
                end = self._chunks.scan(data)
                self._received = self._chunks.payload_bytes
                self.wants_body = not self._chunks.done
            else:
                end = min(self._left, len(data))
                self._left -= end
                self._received += end
                self.wants_body = self._left > 0
        except bodies.BodyError as error:
            self._fail(failures.bad_request(str(error)))
            return len(data)
        if self._received > self._shared.routes.max_body_bytes:
            self._fail(failures.body_too_large(self._shared.routes.max_body_bytes))
            return len(data)
        piece = data if end == len(data) else data[:end]
        if self._body is not None:
            self._body.add(piece)
        if self._upstream is not None:
            if self._body is not None:
                self._body.trim()
            self._upstream.transport.write(piece)
            if self._plan.target.stream_idle_seconds is not None:
                self._watch_stream(self._plan.target.stream_idle_seconds)
        self._adjust_client()
        return end

    def watch_client(self) -> None:
        """Have the client send on; where both sides may be silent, the stream's own limit holds."""
        if self._plan.target.stream_idle_seconds is None:
            self._watched = True
            self._shared.senders.watch(self)

    def progress(self) -> int | None:
        """How much of the body came; None while the client has no part in the waiting."""
        if not self.wants_body or self._front.reading_paused:
            return None
        return self._received

    def stalled(self) -> None:
        """The client sends no more of the body that it announced."""
        self._watched = False
        self._fail(failures.client_slow(self._shared.settings.client_body_seconds))

    def _adjust_client(self) -> None:
        if not self.wants_body and not self.upstream_full:
            return
        waiting = (
            self._upstream is None
            and self._body is not None
            and self._body.size > replay.KEPT_BYTES
        )
        self._front.pause_reading(paused=waiting or self.upstream_full)

    def upstream_paused(self, *, paused: bool) -> None:
        """The pod takes less (or more again) than the client sends."""
        self.upstream_full = paused
        self._front.pause_reading(paused=paused)

    # Way back

    def upstream_data(self, data: bytes) -> None:
        """Bytes from the pod."""
        try:
            if self._response is None:
                self._buffer = self._buffer + data if self._buffer else data
                self._receive_head()
            else:
                self._receive_body(data, b"")
        except heads.HeadError as error:
            self._fail(failures.function_error(f"bad response head: {error.reason}"))
        except bodies.BodyError as error:
            self._fail(failures.function_error(f"bad response body: {error}"))

    def _receive_head(self) -> None:
        upstream, limit = self._upstream, self._shared.settings.max_head_bytes
        assert upstream is not None, "bytes came from it"
        while True:
            head = upstream.scan_head(self._buffer, limit)
            if head is None:
                return
            rest = self._buffer[head.head_length :]
            if head.status >= 200 or head.status == 101:
                break
            self._buffer = rest
        self._buffer = b""
        if head.status >= 400 and b"\r\nx-fission-busy:" in head.lower:
            self._try_elsewhere()
            return
        if head.status == 101:
            self._open_tunnel(head, rest)
            return
        self._response = head
        if self._body is not None:
            self._body.drop()
        framing = bodies.response_framing(self._head.method, head)
        self._receive_body(rest, self._client_head(head, framing))

    def _client_head(self, head: heads.ResponseHead, framing: bodies.Framing) -> bytes:
        """The head that the client gets; its body is expected from then on."""
        plan = self._plan
        minor = self._head.version_minor
        shape = head.note
        if not isinstance(shape, headedit.ResponsePlan) or not shape.fits(
            framing, minor, plan.cors_lines
        ):
            shape = headedit.plan_response(head, framing, minor, plan.cors_lines)
            head.note = shape
        self._answer = answer = answerbody.AnswerBody(framing, head.content_length or 0, shape)
        connection = b""
        if minor == 0:
            keep = self._front.keeps_alive and not answer.is_unframed and not self.wants_body
            connection = b"\r\nConnection: keep-alive" if keep else b"\r\nConnection: close"
            self._front.told_close = not keep
        elif head.status != 101 and (not self._front.keeps_alive or self.wants_body):
            connection = b"\r\nConnection: close"
            self._front.told_close = True
        return b"%b%b%b\r\nX-Fission-Request-ID: %b\r\n\r\n" % (
            shape.block,
            plan.cors_lines or b"",
            connection,
            self._request_id,
        )

    def _receive_body(self, data: bytes, head: bytes) -> None:
        """Pass on what belongs to the answer, behind `head`."""
        answer = self._answer
        assert answer is not None, "its head came first"
        data, done, surplus = answer.feed(data)
        self._sent += len(data)
        if head or data:
            self._front.transport.write(head + data if head else data)
        if done:
            self._complete(reusable=not surplus)
        elif self._plan.target.stream_idle_seconds is not None:
            self._watch_stream(self._plan.target.stream_idle_seconds)

    def client_paused(self, *, paused: bool) -> None:
        """The client takes less (or more again) than the pod gives."""
        self._client_full = paused
        if self._upstream is not None:
            self._upstream.pause(paused=paused)

    # Tunnels

    def _open_tunnel(self, head: heads.ResponseHead, rest: bytes) -> None:
        upstream = self._upstream
        if self._head.upgrade is None or upstream is None:
            self._fail(failures.function_error("101 without a request for it"))
            return
        self._response = head
        self._upstream = None
        self._sent += len(rest)
        self._front.transport.write(self._client_head(head, bodies.Framing.NONE) + rest)
        idle = self._plan.target.tunnel_idle_seconds or self._shared.settings.tunnel_idle_seconds
        tunnel = tunnels.Tunnel(
            self._front, upstream, self._tunnel_ended, idle or math.inf, self._stream_until
        )
        upstream.user = tunnel
        upstream.last_head = None
        self._front.become(tunnel)

    def _tunnel_ended(
        self, client_bytes: int, pod_bytes: int, failure: failures.Failure | None
    ) -> None:
        self._received += client_bytes
        self._sent += pod_bytes
        self._finish(101, failure)
        if failure is not None:
            self._shared.counts.failed(failure.component, failure.reason)
            _log.info(
                "a tunnel was closed: %s",
                failure.message,
                extra={**self._fields(), "reason": failure.reason},
            )

    # Ends

    def _complete(self, *, reusable: bool) -> None:
        """The answer is passed on in full."""
        upstream, response, answer = self._upstream, self._response, self._answer
        assert upstream and response and answer, "an answer came from somewhere"  # noqa: PT018
        self._upstream = None
        sent = not self.wants_body
        if reusable and sent and response.keep_alive:
            self._shared.pool.give_back(upstream, self._shared.loop.time())
        else:
            upstream.drop()
        self._finish(response.status)
        keep = sent and not (self._head.version_minor == 0 and answer.is_unframed)
        self._front.exchange_done(keep_alive=keep)

    def upstream_lost(self, error: Exception | None) -> None:
        """The pod's connection ended."""
        upstream, self._upstream = self._upstream, None
        if self._response is None:
            if upstream is not None and self._can_repeat(upstream, error):
                self._fresh_only = True
                upstream.reused = False
                self._front.expect_nothing()
                self._open_later(self._endpoint)
                return
            why = f": {error}" if error is not None else ""
            text = f"the function's pod closed the connection before it answered{why}"
            self._fail(failures.function_error(text))
            return
        end = self._answer.end() if self._answer is not None and error is None else None
        if end is None:
            self._fail(failures.function_error("the function's pod broke off its answer"))
            return
        if end:
            self._front.transport.write(end)
        self._finish(self._response.status)
        self._front.exchange_done(keep_alive=bool(end) and not self.wants_body)

    def _can_repeat(self, upstream: upstreams.Upstream, error: Exception | None) -> bool:
        """Whether nobody can have seen a request that changes nothing.

        A kept connection may have been closed as idle before the request came. A reset on a new
        one is the kernel's: it threw away a request that the pod's process, which ended, had not
        read. Whoever had read it would have closed in good order. While a process ends, its
        address takes connections for a moment longer, so this may happen more than once.
        """
        if self._head.method not in SAFE or self._head.chunked or self._received or self._buffer:
            return False
        more = self._attempts < self._shared.settings.max_retries
        return upstream.reused or (more and isinstance(error, ConnectionResetError))

    def client_gone(self, error: Exception | None = None) -> None:
        """Nobody waits for the answer."""
        if not self._ended:
            self._cancel()
            failure = failures.client_disconnect(str(error) if error else "")
            self._finish(failure.status, failure)
            self._shared.counts.failed(failure.component, failure.reason)

    def client_stalled(self, failure: failures.Failure) -> None:
        """The client does not read."""
        self._fail(failure, cut=True)

    def going_away(self) -> None:
        """The router ends soon; what runs may end in order."""

    def expired(self) -> None:
        """A deadline passed."""
        target = self._plan.target
        if self._client_full:
            failure = failures.client_unread(target.timeout_seconds)
        elif self.wants_body and not self._response and not self._front.reading_paused:
            failure = failures.client_slow(target.timeout_seconds)
        elif target.stream_idle_seconds is None:
            failure = failures.function_timeout(target.timeout_seconds)
        elif self._shared.loop.time() >= self._stream_until:
            failure = failures.stream_max_duration(target.stream_max_seconds)
        else:
            failure = failures.stream_idle(target.stream_idle_seconds)
        self._fail(failure)

    def _fail(self, failure: failures.Failure, *, cut: bool = False) -> None:
        """Tell the client, or cut it off (also when its answer has begun)."""
        if self._ended:
            return
        began = cut or self._response is not None
        self._cancel()
        self._finish(failure.status, failure)
        self._shared.counts.failed(failure.component, failure.reason)
        _log.info(
            "a request failed: %s",
            failure.message,
            extra={**self._fields(), "reason": failure.reason, "status": failure.status},
        )
        if began:
            self._front.abort()
        else:
            keep = not self.wants_body
            self._front.answer_failure(self._head, failure, self._request_id, keep_alive=keep)

    def _cancel(self) -> None:
        task, self._task = self._task, None
        if task is not None and task is not asyncio.current_task(self._shared.loop):
            task.cancel()
        upstream, self._upstream = self._upstream, None
        if upstream is not None:
            upstream.drop()

    def _finish(self, status: int, failure: failures.Failure | None = None) -> None:
        self._ended, now = True, time.monotonic()
        if self._body is not None:
            self._body.drop()
        if self._watched:
            self._shared.senders.forget(self)
        self._let_go(now - self._attached_at if self._attempted else None)
        target = self._plan.target
        method = self._head.method.decode("ascii")
        overhead, took = self._attached_at - self._started, now - self._started
        self._shared.counts.called(target, self._plan.label, method, status, overhead, took)
        if self._shared.on_end is not None and self._plan.route is not None:
            self._shared.on_end(self._plan.route, status, failure)
        if (log := self._shared.log) is not None:
            held = now - self._attached_at if self._attempted else None
            served = accesslog.Served(target, self._plan.label, self._received, self._sent, held)
            client = self._front.client
            log.add(client, self._head, self._request_id, status, took, served, failure)

    def _let_go(self, held_seconds: float | None) -> None:
        endpoint, self._endpoint = self._endpoint, None
        if endpoint is not None:
            now = self._shared.loop.time()
            self._shared.slots.release(self._plan.target, endpoint, held_seconds, now)

    def _try_elsewhere(self) -> None:
        """The pod is full and did not look at the request: find another, if it can be repeated."""
        now = self._shared.loop.time()
        if self._endpoint is not None:
            self._shared.slots.busy(self._plan.target, self._endpoint, now)
        self._let_go(None)
        if self._body is not None and self._body.is_lost:
            self._fail(failures.pod_busy())
            return
        upstream, self._upstream = self._upstream, None
        if upstream is not None:
            upstream.drop()
        self._buffer = b""
        self.upstream_full = False
        self._front.expect_nothing()
        self._open_later(None)
        self._adjust_client()

    def _watch_stream(self, idle_seconds: float) -> None:
        left = self._stream_until - self._shared.loop.time()
        self._front.expect_within(min(idle_seconds, left))

    def _fields(self) -> dict[str, str]:
        target = self._plan.target
        return {
            "namespace": target.namespace,
            "function": target.name,
            "request_id": self._request_id.decode("ascii"),
        }
