"""The fetcher's HTTP: decode by ``contracts.fetcher``, call the pod, encode. Errors are text."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

import fission
from fission.base import clock as clocks
from fission.contracts import coldstart, gojson, signing
from fission.contracts import fetcher as wire
from fission.fetcher import errors, pod
from fission.web import failures, service

if TYPE_CHECKING:
    from fission_http import headers as header_lists

MAX_BODY_BYTES: Final = 4 << 20
"""A literal of 256 KiB in base64 and generous metadata."""
CODES: Final = {
    errors.BadRequest: 400,
    gojson.MessageError: 400,
    errors.NotFound: 404,
    errors.NoSpace: 507,
    errors.FetcherError: 500,
}


def make_service(served: pod.Pod, clock: clocks.Clock) -> service.Service:
    """The routes of one pod's fetcher."""
    handlers = _Handlers(served)

    def verify(method: str, uri: str, body: bytes, headers: header_lists.Headers) -> None:
        if served.keys.enabled:
            signing.verify(
                served.keys,
                method,
                uri,
                signing.body_hash(body),
                headers.get(signing.TIMESTAMP_HEADER),
                headers.get(signing.SIGNATURE_HEADER),
                clock.now().timestamp(),
            )

    made = service.Service(
        "fetcher",
        verify=verify,
        shape=failures.Shape.TEXT,
        codes=CODES,
        max_body_bytes=MAX_BODY_BYTES,
    )
    made.route("POST", wire.FETCH, handlers.fetch)
    made.route("POST", wire.PREFETCH, handlers.prefetch)
    made.route("POST", wire.SPECIALIZE, handlers.specialize)
    made.route("POST", wire.UPLOAD, handlers.upload)
    made.route("GET", wire.CLAIM, handlers.claim)
    # Probes hold no key, and neither do the runtimes that report their websockets.
    made.route("GET", wire.VERSION, handlers.version, signed=False)
    made.route("GET", wire.READINESS, handlers.readiness, signed=False)
    made.route("GET", wire.WEBSOCKET_START, handlers.websocket_start, signed=False)
    made.route("GET", wire.WEBSOCKET_END, handlers.websocket_end, signed=False)
    return made


class _Handlers:
    def __init__(self, served: pod.Pod) -> None:
        self._pod = served

    async def fetch(self, request: service.Request) -> service.Response:
        await self._pod.fetch(wire.decode_fetch(await request.read(MAX_BODY_BYTES)))
        return service.Response()

    async def prefetch(self, request: service.Request) -> service.Response:
        await self._pod.prefetch(wire.decode_fetch(await request.read(MAX_BODY_BYTES)))
        return service.Response()

    async def specialize(self, request: service.Request) -> service.Response:
        try:
            steps = await self._pod.specialize(
                wire.decode_specialize(await request.read(MAX_BODY_BYTES))
            )
        except errors.RuntimeRefused as error:
            headers = [*failures.TEXT, (wire.RUNTIME_HEADER, str(error.status))]
            return service.Response(error.status, headers, error.message.encode())
        except errors.Claimed as error:
            held = ",".join(record.uid for record in self._pod.claims.records())
            headers = [*failures.TEXT, (wire.CLAIM_HEADER, held)]
            return service.Response(409, headers, error.message.encode())
        timing = ", ".join(f"{step.name};dur={step.seconds * 1000:.1f}" for step in steps)
        return service.Response(headers=[(coldstart.TIMING_HEADER, timing)] if timing else [])

    async def upload(self, request: service.Request) -> service.Response:
        response = await self._pod.upload(wire.decode_upload(await request.read(MAX_BODY_BYTES)))
        return service.Response(200, failures.JSON, wire.encode(response))

    async def claim(self, request: service.Request) -> service.Response:
        return _json(
            [
                {
                    "uid": record.uid,
                    "generation": record.generation,
                    "namespace": record.namespace,
                    "name": record.name,
                    "state": str(record.state),
                    "loading": self._pod.is_loading(record.uid),
                    "websockets": self._pod.websockets.are_open,
                }
                for record in self._pod.claims.records()
            ]
        )

    async def version(self, request: service.Request) -> service.Response:
        return _json(self._pod.server_info(fission.__version__))

    async def readiness(self, request: service.Request) -> service.Response:
        if self._pod.is_ready:
            return service.Response()
        problem = f": {self._pod.problem}" if self._pod.problem else ""
        text = f"the function is not loaded yet{problem}\n"
        return service.Response(503, failures.TEXT, text.encode())

    async def websocket_start(self, request: service.Request) -> service.Response:
        await self._pod.report_websocket(is_open=True)
        return service.Response()

    async def websocket_end(self, request: service.Request) -> service.Response:
        await self._pod.report_websocket(is_open=False)
        return service.Response()


def _json(value: object) -> service.Response:
    return service.Response(200, failures.JSON, json.dumps(value).encode())
