"""Passes requests on to the components that own archives, invocations and logs.

A signature covers a digest of the body. A caller that names it has its body passed on as it comes:
the receiver hashes what arrives, so a wrong digest is a wrong signature. Any other body is spooled
once (to disk when it is large) before it is sent. Answers stream. Archives are signed for the
namespace they belong to.
"""

from __future__ import annotations

import asyncio
import hashlib
import tempfile
from collections.abc import AsyncIterator, Iterable
from typing import IO, Protocol

from fission.base import clock as clocks
from fission.contracts import controller as contract
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
        body = await _body_of(request, max_body_bytes)
        try:
            answer = await self._send(request, target, uri, body, auth_namespace)
        except BaseException:
            body.close()
            raise
        return service.Response(answer.status, _end_to_end(answer), _relayed(answer, body))

    async def _send(
        self,
        request: service.Request,
        target: Target,
        uri: str,
        body: Body,
        auth_namespace: str,
    ) -> http_client.ClientResponse:
        """Sign and send; the next pod is tried when one refuses the connection."""
        headers = [pair for pair in request.headers if pair[0].lower() not in _NOT_FORWARDED]
        headers.append(("Content-Length", str(body.length)))
        headers.append((requestids.HEADER, request.request_id))
        if target.keys.current is not None:
            now = self._clock.now().timestamp()
            headers.extend(
                signing.headers(
                    target.keys.current, request.method, uri, body.digest, now, auth_namespace
                )
            )
        for base in await self._peers.urls(self._namespace, target.name, target.port):
            try:
                return await self._http.request(
                    request.method,
                    base + uri,
                    headers,
                    body.pieces(),
                    timeout_seconds=self._timeout_seconds,
                )
            except http_errors.ConnectError:
                self._peers.forget(self._namespace, target.name)
                continue
            except http_errors.HttpError as error:
                raise status.ServiceUnavailable(f"{target.name}: {error}") from error
        raise status.ServiceUnavailable(f"{target.name} has no ready pod in {self._namespace}")


class Body(Protocol):
    """What is sent on. ``pieces`` may be asked for again when nothing of it was taken."""

    length: int
    digest: str

    def pieces(self) -> AsyncIterator[bytes]: ...

    def close(self) -> None: ...


class _Streamed:
    """A body that passes through as it comes; its digest is what the caller says."""

    def __init__(self, request: service.Request, length: int, digest: str) -> None:
        self.length = length
        self.digest = digest
        self._request = request

    def pieces(self) -> AsyncIterator[bytes]:
        return self._request.iter_bytes()

    def close(self) -> None:
        """Nothing is kept."""


class _Spooled:
    """A body that was read to its end first."""

    def __init__(self, file: IO[bytes], length: int, digest: str) -> None:
        self.length = length
        self.digest = digest
        self._file = file

    async def pieces(self) -> AsyncIterator[bytes]:
        self._file.seek(0)
        while piece := await asyncio.to_thread(self._file.read, _CHUNK_BYTES):
            yield piece

    def close(self) -> None:
        self._file.close()


async def _body_of(request: service.Request, max_bytes: int) -> Body:
    length = request.body_length
    if length is not None and length > max_bytes:
        raise _too_large(max_bytes)
    digest = contract.parse_digest(request.headers.get(contract.DIGEST_HEADER) or "")
    if digest and length is not None:
        return _Streamed(request, length, digest)
    return await _spool(request, max_bytes)


async def _spool(request: service.Request, max_bytes: int) -> _Spooled:
    digest = hashlib.sha256()
    length = 0
    spool = tempfile.SpooledTemporaryFile(max_size=SPOOL_BYTES)  # noqa: SIM115 - read by the sender
    try:
        async for piece in request.iter_bytes():
            length += len(piece)
            if length > max_bytes:
                raise _too_large(max_bytes)
            digest.update(piece)
            if length > SPOOL_BYTES:
                await asyncio.to_thread(spool.write, piece)
            else:
                spool.write(piece)
    except BaseException:
        spool.close()
        raise
    return _Spooled(spool, length, digest.hexdigest())


def _too_large(max_bytes: int) -> status.RequestEntityTooLarge:
    return status.RequestEntityTooLarge(f"the body is larger than {max_bytes} bytes")


async def _relayed(answer: http_client.ClientResponse, body: Body) -> AsyncIterator[bytes]:
    """The answer's bytes; the body is needed until they end, as it may still be sent."""
    try:
        async for piece in answer.iter_bytes():
            yield piece
    finally:
        body.close()


def _end_to_end(answer: http_client.ClientResponse) -> Iterable[tuple[str, str]]:
    return [pair for pair in answer.headers if pair[0].lower() not in _NOT_RETURNED]
