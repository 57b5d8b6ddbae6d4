"""The builder's HTTP: decode by ``contracts.builder``, run, encode; in one piece or as a stream."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import fission
from fission.base import clock as clocks
from fission.base import errors, headtail
from fission.builder import build, folders
from fission.contracts import builder as wire
from fission.contracts import gojson, signing
from fission.web import failures, service

if TYPE_CHECKING:
    from fission_http import headers as header_lists

logger = logging.getLogger(__name__)

MAX_BODY_BYTES: Final = 64 * 1024
"""A file name and a command."""
BUFFER_BYTES: Final = 256 * 1024
"""How much of a log waits for a slow reader before the build does."""
CODES: Final = {gojson.MessageError: 400, wire.CommandError: 400, errors.InvalidInput: 400}


class Busy(errors.Error):
    """As many builds run as may."""

    reason = "ServiceUnavailable"
    retryable = True


@dataclass(frozen=True)
class Limits:
    """Bounds of the service."""

    max_builds: int
    max_log_bytes: int


def make_service(
    builds: build.Builds,
    places: folders.Folders,
    keys: signing.Keys,
    limits: Limits,
    clock: clocks.Clock,
) -> service.Service:
    """The routes of a builder."""
    handlers = _Handlers(builds, places, limits, clock)

    def verify(method: str, uri: str, body: bytes, headers: header_lists.Headers) -> None:
        signing.verify(
            keys,
            method,
            uri,
            signing.body_hash(body),
            headers.get(signing.TIMESTAMP_HEADER),
            headers.get(signing.SIGNATURE_HEADER),
            clock.now().timestamp(),
        )

    made = service.Service(
        "builder",
        verify=verify if keys.enabled else None,
        shape=failures.Shape.TEXT,
        codes=CODES,
        max_body_bytes=MAX_BODY_BYTES,
    )
    made.route("POST", wire.BUILD, handlers.run)
    made.route("DELETE", wire.CLEAN, handlers.clean)
    made.route("GET", wire.VERSION, handlers.version, signed=False)
    return made


class _Handlers:
    def __init__(
        self,
        builds: build.Builds,
        places: folders.Folders,
        limits: Limits,
        clock: clocks.Clock,
    ) -> None:
        self._builds = builds
        self._places = places
        self._limits = limits
        self._clock = clock
        self._running = 0

    async def run(self, request: service.Request) -> service.Response:
        wanted = wire.decode_request(await request.read(MAX_BODY_BYTES))
        wire.parse_command(wanted.command)
        folders.checked(wanted.source_filename)
        self._expect_place(self._running)
        if wire.STREAM_TYPE in (request.headers.get("accept") or ""):
            return service.Response(200, [("Content-Type", wire.STREAM_TYPE)], self._stream(wanted))
        return await self._whole(wanted)

    async def clean(self, request: service.Request) -> service.Response:
        name = folders.checked(request.query_params.get("name", ""))
        await asyncio.to_thread(self._places.clean, name)
        return service.Response()

    async def version(self, request: service.Request) -> service.Response:
        info = {
            "build": {"gitCommit": "", "buildDate": "", "version": fission.__version__},
            "serverTime": clocks.format_rfc3339(self._clock.now()),
        }
        return service.Response(200, failures.JSON, json.dumps(info).encode())

    async def _whole(self, wanted: wire.BuildRequest) -> service.Response:
        async def ignore(text: str) -> None:
            return None

        outcome = await self._outcome(wanted, ignore)
        logs = outcome.build_logs
        if outcome.error:
            logs = f"{logs}{'' if not logs or logs.endswith(chr(10)) else chr(10)}{outcome.error}\n"
        response = wire.BuildResponse(artifact_filename=outcome.artifact_filename, build_logs=logs)
        return service.Response(outcome.code, failures.JSON, wire.encode(response))

    async def _stream(self, wanted: wire.BuildRequest) -> AsyncIterator[bytes]:
        """Lines of the answer; closing the iterator ends the build."""
        log = _Pipe()
        work = asyncio.ensure_future(self._outcome(wanted, log.write))
        work.add_done_callback(lambda _: log.close())
        try:
            while not log.ended:
                yield wire.encode_log(await log.read(wire.HEARTBEAT_SECONDS))
            yield wire.encode_outcome(await work)
        finally:
            if not work.done():
                work.cancel()
                await asyncio.gather(work, return_exceptions=True)

    def _expect_place(self, running: int) -> None:
        if running >= self._limits.max_builds:
            raise Busy(f"{running} builds run, as many as may")

    async def _outcome(self, wanted: wire.BuildRequest, emit: build.Emit) -> wire.BuildOutcome:
        log = headtail.HeadTail(self._limits.max_log_bytes)

        async def keep(text: str) -> None:
            log.add(text)
            await emit(text)

        self._running += 1
        try:
            self._expect_place(self._running - 1)  # others may have begun since it was asked for
            artifact = await self._builds.run(wanted, keep)
        except Exception as error:
            outcome = _failure(error)
        else:
            outcome = wire.BuildOutcome(artifact_filename=artifact, code=200)
        finally:
            self._running -= 1
        outcome.build_logs = log.text()
        logger.info(
            "build ended",
            extra={"source": wanted.source_filename, "code": outcome.code, "error": outcome.error},
        )
        return outcome


def _failure(error: Exception) -> wire.BuildOutcome:
    if not isinstance(error, errors.Error):
        logger.error("a build failed unexpectedly", exc_info=error)
        return wire.BuildOutcome(error="internal error", code=503, reason="InternalError")
    code = failures.code_of(error, CODES)
    if isinstance(error, folders.MissingSource):
        code = 404
    return wire.BuildOutcome(error=str(error), code=code, reason=error.reason)


class _Pipe:
    """Text from a build to a reader, with room for a little of it."""

    def __init__(self) -> None:
        self._parts: list[str] = []
        self._size = 0
        self._closed = False
        self._changed = asyncio.Event()
        self._room = asyncio.Event()
        self._room.set()

    @property
    def ended(self) -> bool:
        """Nothing is left and nothing more will come."""
        return self._closed and not self._parts

    async def write(self, text: str) -> None:
        """Add text, when there is room."""
        await self._room.wait()
        self._parts.append(text)
        self._size += len(text)
        if self._size >= BUFFER_BYTES:
            self._room.clear()
        self._changed.set()

    async def read(self, timeout_seconds: float) -> str:
        """Everything there is; empty when nothing came in time, or at the end."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout_seconds):
                await self._changed.wait()
        text = "".join(self._parts)
        self._parts.clear()
        self._size = 0
        self._room.set()
        if not self._closed:
            self._changed.clear()
        return text

    def close(self) -> None:
        """No more is written."""
        self._closed = True
        self._changed.set()
