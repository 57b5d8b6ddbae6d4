"""The executor's HTTP: decode by ``contracts.executor``, call the function's executor, encode.

Addresses and errors are plain text; errors' text is for the function's owner.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from fission.base import clock as clocks
from fission.contracts import executor as wire
from fission.contracts import gojson, signing
from fission.executor import dispatch, errors
from fission.web import failures, service

if TYPE_CHECKING:
    from fission_http import headers as header_lists

MAX_BODY_BYTES: Final = 8 << 20
"""A Function object, or some thousands of taps."""
START_SECONDS: Final = 10.0
"""How long a call waits for a process that has just started to know the cluster."""
CODES: Final = {
    gojson.MessageError: 400,
    errors.UnsupportedExecutorType: 400,
    errors.ForeignReference: 400,
    errors.MissingObject: 404,
    errors.ConcurrencyExceeded: 429,
    errors.NotLeader: 503,
    errors.ExecutorError: 500,
}


def make_service(
    executors: dispatch.Dispatch,
    ready: asyncio.Event,
    snapshot: Callable[[], dict[str, Any]],
    keys: signing.Keys,
    clock: clocks.Clock,
    fence: Callable[[], None],
) -> service.Service:
    """The routes of the executor; ``fence`` raises NotLeader when this one may not act."""

    def verify(method: str, uri: str, body: bytes, headers: header_lists.Headers) -> None:
        if keys.enabled:
            signing.verify(
                keys,
                method,
                uri,
                signing.body_hash(body),
                headers.get(signing.TIMESTAMP_HEADER),
                headers.get(signing.SIGNATURE_HEADER),
                clock.now().timestamp(),
            )

    handlers = _Handlers(executors, ready, snapshot, fence)
    made = service.Service(
        "executor",
        checks={"cluster known": ready.is_set},
        verify=verify,
        shape=failures.Shape.TEXT,
        codes=CODES,
        max_body_bytes=MAX_BODY_BYTES,
    )
    made.route("POST", wire.GET_SERVICE_FOR_FUNCTION, handlers.get_service)
    made.route("POST", wire.ENSURE_CAPACITY, handlers.ensure_capacity)
    made.route("POST", wire.TAP_SERVICES, handlers.tap)
    made.route("POST", wire.UNTAP_SERVICE, handlers.untap)
    made.route("POST", wire.TAP_SERVICE_LEGACY, handlers.tap_legacy)
    made.route("GET", wire.DEBUG_INFO, handlers.debug_info)
    return made


class _Handlers:
    def __init__(
        self,
        executors: dispatch.Dispatch,
        ready: asyncio.Event,
        snapshot: Callable[[], dict[str, Any]],
        fence: Callable[[], None],
    ) -> None:
        self._executors = executors
        self._ready = ready
        self._snapshot = snapshot
        self._fence = fence

    async def get_service(self, request: service.Request) -> service.Response:
        function = wire.decode_function(await request.read(MAX_BODY_BYTES))
        executor = self._executors.executor(function)
        await self._started()
        return _text(await executor.get_service(function))

    async def ensure_capacity(self, request: service.Request) -> service.Response:
        asked = wire.decode_ensure_capacity(await request.read(MAX_BODY_BYTES))
        executor = self._executors.executor(asked.function)
        await self._started()
        return _text(await executor.ensure_capacity(asked.function, asked.observed_busy_endpoints))

    async def tap(self, request: service.Request) -> service.Response:
        self._fence()
        unknown = failed = 0
        for one in wire.decode_taps(await request.read(MAX_BODY_BYTES)):
            executor = self._executors.by_type(one.executor_type)
            if executor is None:
                failed += 1
            elif not executor.tap(one.metadata, _address(one.service_url)):
                unknown += 1
        if failed:
            return service.Response(500, failures.TEXT, f"{failed} taps failed\n".encode())
        if unknown:
            return service.Response(404, failures.TEXT, f"{wire.NOT_FOUND}\n".encode())
        return service.Response()

    async def untap(self, request: service.Request) -> service.Response:
        one = wire.decode_untap(await request.read(MAX_BODY_BYTES))
        executor = self._executors.by_type(one.executor_type)
        if executor is None:
            raise errors.UnsupportedExecutorType(
                f"executor type {one.executor_type!r} has nothing to untap"
            )
        executor.untap(one.metadata, _address(one.service_url))
        return service.Response()

    async def tap_legacy(self, request: service.Request) -> service.Response:
        return service.Response()

    async def debug_info(self, request: service.Request) -> service.Response:
        return service.Response(200, failures.JSON, json.dumps(self._snapshot()).encode())

    async def _started(self) -> None:
        self._fence()
        if self._ready.is_set():
            return
        try:
            async with asyncio.timeout(START_SECONDS):
                await self._ready.wait()
        except TimeoutError as error:
            raise errors.ExecutorError("the executor has not read the cluster yet") from error


def _address(service_url: str) -> str:
    """``host:port`` of a tap, whether or not a scheme stands before it."""
    return service_url.split("://", 1)[-1].rstrip("/")


def _text(address: str) -> service.Response:
    return service.Response(200, failures.TEXT, address.encode())
