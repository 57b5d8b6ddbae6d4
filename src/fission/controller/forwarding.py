"""Passes requests on to the components that own archives, invocations and logs.

A signature covers a digest of the body, so a body is spooled once (to disk when it is large) before
it is sent; answers stream. Archives are signed for the namespace they belong to.
"""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import AsyncIterator, Iterable
from typing import IO

from fission.base import clock as clocks
from fission.contracts import signing
from fission.kube import peers as kube_peers
from fission.meta import status
from fission.web import requestids, service
from fission_http import client as http_client
from fission_http import errors as http_errors

SPOOL_BYTES = 1 << 20
_CHUNK_BYTES = 256 << 10
_HOP_BY_HOP = frozenset(
    (
        "connection",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    )
)
"""RFC 9110, section 7.6.1: headers that concern one connection only."""

_NOT_FORWARDED = (
    _HOP_BY_HOP
    | {"host", "authorization", "content-length", requestids.HEADER.lower()}
    | {
        name.lower()
        for name in (
            signing.TIMESTAMP_HEADER,
            signing.SIGNATURE_HEADER,
            signing.NAMESPACE_HEADER,
        )
    }
)
"""Of the caller's headers; signatures and the request id are the controller's own."""

_NOT_RETURNED = _HOP_BY_HOP | {requestids.HEADER.lower()}
"""Of the answer's headers; the service gives every answer its request id."""


class Target:
    """A Service of the platform and the key that calls to it are signed with."""

    def __init__(self, name: str, port: str, keys: signing.Keys) -> None:
        self.name = name
        self.port = port
        self.keys = keys


class Forwarder:
    """Sends requests to Services of the platform's namespace."""

    def __init__(
        self,
        peers: kube_peers.Peers,
        http: http_client.Client,
        clock: clocks.Clock,
        namespace: str,
        timeout_seconds: float,
    ) -> None:
        self._peers = peers
        self._http = http
        self._clock = clock
        self._namespace = namespace
        self._timeout_seconds = timeout_seconds

    async def forward(
        self,
        request: service.Request,
        target: Target,
        uri: str,
        max_body_bytes: int,
        auth_namespace: str = "",
    ) -> service.Response:
        """Send the request to ``uri`` of the target and return its answer as it streams.

        Raises ServiceUnavailable when nobody serves the target.
        """
        body, digest, length = await _spool(request, max_body_bytes)
        try:
            answer = await self._send(request, target, uri, body, digest, length, auth_namespace)
        except BaseException:
            body.close()
            raise
        return service.Response(answer.status, _end_to_end(answer), _relayed(answer, body))

    async def _send(
        self,
        request: service.Request,
        target: Target,
        uri: str,
        body: IO[bytes],
        digest: str,
        length: int,
        auth_namespace: str,
    ) -> http_client.ClientResponse:
        """Sign and send; the next pod is tried when one refuses the connection."""
        headers = [pair for pair in request.headers if pair[0].lower() not in _NOT_FORWARDED]
        headers.append(("Content-Length", str(length)))
        headers.append((requestids.HEADER, request.request_id))
        if target.keys.current is not None:
            now = self._clock.now().timestamp()
            headers.extend(
                signing.headers(
                    target.keys.current, request.method, uri, digest, now, auth_namespace
                )
            )
        for base in await self._peers.urls(self._namespace, target.name, target.port):
            try:
                return await self._http.request(
                    request.method,
                    base + uri,
                    headers,
                    _pieces(body),
                    timeout_seconds=self._timeout_seconds,
                )
            except http_errors.ConnectError:
                self._peers.forget(self._namespace, target.name)
                body.seek(0)
                continue
            except http_errors.HttpError as error:
                raise status.ServiceUnavailable(f"{target.name}: {error}") from error
        raise status.ServiceUnavailable(f"{target.name} has no ready pod in {self._namespace}")


async def _spool(request: service.Request, max_bytes: int) -> tuple[IO[bytes], str, int]:
    digest = hashlib.sha256()
    length = 0
    spool = tempfile.SpooledTemporaryFile(max_size=SPOOL_BYTES)  # noqa: SIM115 - read by the sender
    async for piece in request.iter_bytes():
        length += len(piece)
        if length > max_bytes:
            spool.close()
            raise status.RequestEntityTooLarge(f"the body is larger than {max_bytes} bytes")
        digest.update(piece)
        spool.write(piece)
    spool.seek(0)
    return spool, digest.hexdigest(), length


async def _relayed(answer: http_client.ClientResponse, body: IO[bytes]) -> AsyncIterator[bytes]:
    """The answer's bytes; the spool is needed until they end, as it may still be sent."""
    try:
        async for piece in answer.iter_bytes():
            yield piece
    finally:
        body.close()


async def _pieces(body: IO[bytes]) -> AsyncIterator[bytes]:
    while piece := body.read(_CHUNK_BYTES):
        yield piece


def _end_to_end(answer: http_client.ClientResponse) -> Iterable[tuple[str, str]]:
    return [pair for pair in answer.headers if pair[0].lower() not in _NOT_RETURNED]
