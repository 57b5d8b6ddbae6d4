"""Statestore's HTTP: a signed POST per operation, JSON both ways, errors with a code.

A body is read only when it is announced short enough and there is room for it among those that
are being worked on.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import Any, Final

import msgspec

from fission.base import clock as clocks
from fission.contracts import gojson, signing
from fission.contracts import statestore as wire
from fission.statestore import errors, metrics
from fission.statestore import store as stores
from fission.web import failures, health, service
from fission_http import body as bodies
from fission_http import errors as http_errors

_log = logging.getLogger(__name__)

Operation = Callable[[Any], Awaitable[msgspec.Struct]]
RETRY: Final = [*failures.JSON, ("Retry-After", "1")]
_UNSIGNED: Final = "unsigned"


def operations(store: stores.Store) -> dict[str, tuple[type[msgspec.Struct], Operation]]:
    """Route → the message it takes, and what does it."""
    return {
        wire.KV_GET: (wire.GetRequest, store.get),
        wire.KV_SET: (wire.SetRequest, store.set),
        wire.KV_DELETE: (wire.DeleteRequest, store.delete),
        wire.KV_LIST: (wire.ListRequest, store.keys),
        wire.APPEND: (wire.AppendRequest, store.append),
        wire.READ: (wire.ReadRequest, store.read),
        wire.TRIM: (wire.TrimRequest, store.trim),
        wire.HEAD: (wire.StreamRequest, store.head),
        wire.ENQUEUE: (wire.EnqueueRequest, store.enqueue),
        wire.LEASE: (wire.LeaseRequest, store.lease),
        wire.ACK: (wire.AckRequest, store.ack),
        wire.NACK: (wire.NackRequest, store.nack),
        wire.KILL: (wire.KillRequest, store.kill),
        wire.DEAD_LETTERS: (wire.DeadLettersRequest, store.dead_letters),
        wire.REDRIVE: (wire.RedriveRequest, store.redrive),
        wire.PURGE: (wire.QueueRequest, store.purge),
        wire.STATS: (wire.QueueRequest, store.stats),
    }


class Authenticator:
    """Checks signatures with the key of this service."""

    def __init__(self, masters: signing.Masters, clock: clocks.Clock) -> None:
        self._keys = masters.keys(signing.STATESTORE)
        self._clock = clock

    def expect(self, request: service.Request) -> None:
        """Raise SignatureError before anything is read when there is no signature at all."""
        if self._keys.enabled and not request.headers.get(signing.SIGNATURE_HEADER):
            raise signing.SignatureError("the request is not signed")

    def verify(self, request: service.Request, body: bytes) -> None:
        """Raise SignatureError unless the request is signed with this platform's secret."""
        if not self._keys.enabled:
            return
        signing.verify(
            self._keys,
            request.method,
            request.target,
            signing.body_hash(body),
            request.headers.get(signing.TIMESTAMP_HEADER),
            request.headers.get(signing.SIGNATURE_HEADER),
            self._clock.now().timestamp(),
        )


def make_service(
    store: stores.Store,
    authenticator: Authenticator,
    counts: metrics.Metrics,
    *,
    max_inflight_bytes: int,
) -> service.Service:
    """The routes."""
    made = service.Service("statestore", checks={"store": lambda: store.is_open})
    gate = _Gate(authenticator, counts, max_inflight_bytes)
    for path, (kind, operation) in operations(store).items():
        made.route("POST", path, gate.handler(path, kind, operation), signed=False)

    async def show_metrics(request: service.Request) -> service.Response:
        counts.totals = await store.totals()
        return health.metrics()

    made.route("GET", "/metrics", show_metrics, signed=False)
    return made


class _Gate:
    """What every call passes through."""

    def __init__(
        self, authenticator: Authenticator, counts: metrics.Metrics, max_inflight_bytes: int
    ) -> None:
        self._auth = authenticator
        self._counts = counts
        self._room = max_inflight_bytes
        self._all = max_inflight_bytes

    def handler(
        self, path: str, kind: type[msgspec.Struct], operation: Operation
    ) -> Callable[[service.Request], Awaitable[service.Response]]:
        """What serves one route."""
        route = path.removeprefix("/v1/")
        calls = self._counts.calls

        async def handle(request: service.Request) -> service.Response:
            try:
                message = await self._message(request, kind)
                answer = await operation(message)
            except signing.SignatureError:
                calls[route, _UNSIGNED] += 1
                return service.Response(401)
            except Exception as error:
                response, code = refusal(error)
                calls[route, code] += 1
                return response
            calls[route, metrics.DONE] += 1
            self._count(message, answer)
            return service.Response(200, failures.JSON, wire.encode(answer))

        return handle

    async def _message(
        self, request: service.Request, kind: type[msgspec.Struct]
    ) -> msgspec.Struct:
        self._auth.expect(request)
        announced = request.body_length
        if announced is not None and announced > wire.MAX_REQUEST_BYTES:
            raise http_errors.BodyTooLarge(wire.MAX_REQUEST_BYTES)
        taken = wire.MAX_REQUEST_BYTES if announced is None else announced
        if taken > self._room:
            raise errors.QuotaExceeded(
                f"requests of {self._all >> 20} MiB are being received"
                " (STATESTORE_MAX_INFLIGHT_MIB); try again in a moment"
            )
        self._room -= taken
        try:
            body = await request.read(wire.MAX_REQUEST_BYTES)
            self._auth.verify(request, body)
            return wire.decode(body, kind)
        finally:
            self._room += taken

    def _count(self, message: msgspec.Struct, answer: msgspec.Struct) -> None:
        if isinstance(message, wire.AppendRequest):
            self._counts.appended += len(message.events)
        elif isinstance(answer, wire.ReadResponse):
            self._counts.read += len(answer.events)
        elif isinstance(answer, wire.EnqueueResponse):
            self._counts.enqueued += 1
        elif isinstance(answer, wire.LeaseResponse):
            self._counts.leased += len(answer.messages)


def refusal(error: Exception) -> tuple[service.Response, str]:
    """The answer that tells of an error, and its code."""
    if isinstance(error, errors.StateError):
        head = error.head if isinstance(error, errors.VersionConflict) else 0
        return _answer(wire.STATUS_CODES[error.code], error.code, error.message, head)
    if isinstance(error, http_errors.BodyTooLarge):
        text = (
            f"the request is longer than {wire.MAX_REQUEST_BYTES} bytes: send fewer events at"
            " once, or keep large contents elsewhere and send where they are"
        )
        return _answer(413, wire.BAD_REQUEST, text)
    if isinstance(error, gojson.MessageError):
        return _answer(400, wire.BAD_REQUEST, f"the body is not the message it should be: {error}")
    if isinstance(error, http_errors.HttpError | bodies.BodyError):
        return _answer(failures.code_of(error), wire.BAD_REQUEST, str(error))
    _log.error("a call failed unexpectedly", exc_info=error)
    return _answer(500, wire.INTERNAL, "internal error")


def _answer(status: int, code: str, text: str, head: int = 0) -> tuple[service.Response, str]:
    body = wire.encode(wire.ErrorBody(code=code, message=text, head=head))
    headers = RETRY if status in (429, 503) else failures.JSON
    return service.Response(status, headers, body), code
