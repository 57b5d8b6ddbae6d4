"""The fetcher's HTTP: decode by ``contracts.fetcher``, call the pod, encode. Errors are text."""

from __future__ import annotations

import json
import logging
from collections.abc import Awaitable, Callable
from typing import Final

import fission
from fission.base import clock as clocks
from fission.base import errors as base_errors
from fission.contracts import fetcher as wire
from fission.contracts import gojson, signing
from fission.fetcher import errors, pod
from fission.meta import status
from fission_http import errors as http_errors
from fission_http import server

logger = logging.getLogger(__name__)

MAX_BODY_BYTES: Final = 4 << 20
"""A literal of 256 KiB in base64 and generous metadata."""
CLAIM: Final = "/claim"
"""Our own: which functions this pod belongs to, for an executor that adopts it."""
CLAIM_HEADER: Final = "X-Fission-Claimed-By"
_OPEN_PATHS: Final = signing.BYPASS_PATHS | {
    wire.WEBSOCKET_START,
    wire.WEBSOCKET_END,
    wire.VERSION,
}
"""Called by probes and by runtimes, which hold no key."""
_WEBSOCKET_REASONS: Final = {
    wire.WEBSOCKET_START: "WsConnectionStarted",
    wire.WEBSOCKET_END: "NoActiveConnections",
}

Answer = server.Response
_Act = Callable[[bytes], Awaitable[Answer]]


class Handlers:
    """The routes of one pod's fetcher."""

    def __init__(self, served: pod.Pod, clock: clocks.Clock) -> None:
        self._pod = served
        self._clock = clock
        self._routes: dict[str, tuple[str, _Act]] = {
            wire.FETCH: ("POST", self._fetch),
            wire.SPECIALIZE: ("POST", self._specialize),
            wire.UPLOAD: ("POST", self._upload),
            wire.VERSION: ("GET", self._version),
            wire.HEALTHZ: ("GET", self._healthz),
            wire.READINESS: ("GET", self._readiness),
            CLAIM: ("GET", self._claim),
        }

    async def __call__(self, request: server.Request) -> Answer:
        """Answer one request."""
        if request.path in _WEBSOCKET_REASONS and request.method == "GET":
            return await self._answer(request, lambda _: self._websocket(request.path))
        method, act = self._routes.get(request.path, ("", None))
        if act is None:
            return text(404, f"{request.path} is not served here")
        if request.method != method:
            return text(405, f"{request.path} takes {method} only", [("Allow", method)])
        return await self._answer(request, act)

    async def _answer(self, request: server.Request, act: _Act) -> Answer:
        try:
            body = await request.read(MAX_BODY_BYTES)
            self._verify(request, body)
            return await act(body)
        except signing.SignatureError:
            return server.Response(401)
        except http_errors.BodyTooLarge as error:
            return text(413, str(error))
        except errors.RuntimeRefused as error:
            return text(error.status, error.message)
        except errors.Claimed as error:
            held = ",".join(record.uid for record in self._pod.claims.records())
            return text(error.code, error.message, [(CLAIM_HEADER, held)])
        except errors.FetcherError as error:
            return text(error.code, error.message)
        except gojson.MessageError as error:
            return text(400, f"the body is not the message that is expected: {error.message}")
        except status.StatusError as error:
            return text(500, f"the Kubernetes API answered: {error.message}")
        except (base_errors.Error, OSError) as error:
            logger.exception("request failed", extra={"path": request.path})
            return text(500, str(error))

    def _verify(self, request: server.Request, body: bytes) -> None:
        if request.path in _OPEN_PATHS or not self._pod.keys.enabled:
            return
        signing.verify(
            self._pod.keys,
            request.method,
            request.target,
            signing.body_hash(body),
            request.headers.get(signing.TIMESTAMP_HEADER),
            request.headers.get(signing.SIGNATURE_HEADER),
            self._clock.now().timestamp(),
        )

    async def _fetch(self, body: bytes) -> Answer:
        await self._pod.fetch(wire.decode_fetch(body))
        return server.Response(200)

    async def _specialize(self, body: bytes) -> Answer:
        await self._pod.specialize(wire.decode_specialize(body))
        return server.Response(200)

    async def _upload(self, body: bytes) -> Answer:
        response = await self._pod.upload(wire.decode_upload(body))
        return server.Response(200, [("Content-Type", "application/json")], wire.encode(response))

    async def _websocket(self, path: str) -> Answer:
        await self._pod.report_websocket(_WEBSOCKET_REASONS[path])
        return server.Response(200)

    async def _version(self, body: bytes) -> Answer:
        return as_json(pod.server_info(fission.__version__))

    async def _healthz(self, body: bytes) -> Answer:
        return server.Response(200)

    async def _readiness(self, body: bytes) -> Answer:
        if self._pod.is_ready:
            return server.Response(200)
        return text(503, "the function is not loaded yet")

    async def _claim(self, body: bytes) -> Answer:
        return as_json(
            [
                {
                    "uid": record.uid,
                    "generation": record.generation,
                    "namespace": record.namespace,
                    "name": record.name,
                    "state": str(record.state),
                }
                for record in self._pod.claims.records()
            ]
        )


def text(status_code: int, message: str, headers: list[tuple[str, str]] | None = None) -> Answer:
    """A plain-text answer."""
    return server.Response(
        status_code,
        [("Content-Type", "text/plain; charset=utf-8"), *(headers or ())],
        message.encode(),
    )


def as_json(value: object) -> Answer:
    """A JSON answer."""
    return server.Response(200, [("Content-Type", "application/json")], json.dumps(value).encode())
