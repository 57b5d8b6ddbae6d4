"""Calls between components: a deadline each, the request id passed on, signed where asked."""

from __future__ import annotations

import json
import urllib.parse
from typing import TYPE_CHECKING, Any, Final

from fission.web import requestids
from fission_http import client as http_client

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncIterator, Callable, Iterable

    Sign = Callable[[str, str, bytes], Iterable[tuple[str, str]]]

ClientResponse = http_client.ClientResponse

DEFAULT_TIMEOUT_SECONDS: Final = 30.0
"""Deadline of a call whose caller names none; Go clients of the same wires use it."""

MAX_BODY_BYTES: Final = 16 * 1024 * 1024
"""Longest answer that `call` reads."""


class Answer:
    """An answer that was read to its end."""

    __slots__ = ("body", "headers", "status")

    def __init__(self, response: ClientResponse, body: bytes) -> None:
        self.status = response.status
        self.headers = response.headers
        self.body = body

    @property
    def ok(self) -> bool:
        """The call succeeded."""
        return 200 <= self.status < 300

    def text(self) -> str:
        """The body as text without blanks around it."""
        return self.body.decode("utf-8", "replace").strip()

    def json(self) -> Any:
        """The body as JSON; ValueError when it is none."""
        return json.loads(self.body)


class HttpClient:
    """A client for one purpose: who signs its calls is fixed when it is made."""

    def __init__(
        self,
        *,
        sign: Sign | None = None,
        http: http_client.Client | None = None,
        timeout_seconds: float = DEFAULT_TIMEOUT_SECONDS,
    ) -> None:
        """`sign(method, uri, body)` returns headers; a shared `http` stays its owner's."""
        self._sign = sign
        self._http = http or http_client.Client()
        self._owned = http is None
        self._timeout_seconds = timeout_seconds

    async def request(
        self,
        method: str,
        url: str,
        headers: Iterable[tuple[str, str]] = (),
        body: bytes | AsyncIterator[bytes] = b"",
        *,
        timeout_seconds: float | None = None,
        connect_timeout_seconds: float = 5.0,
        ssl_context: ssl.SSLContext | None = None,
        unix_socket: str | None = None,
        replay: bool | None = None,
    ) -> ClientResponse:
        """Send; the answer is read by the caller. A signed body must be bytes."""
        pairs = list(headers)
        current = requestids.current()
        if current and not any(name.lower() == "x-fission-request-id" for name, _ in pairs):
            pairs.append((requestids.HEADER, current))
        if self._sign is not None:
            if not isinstance(body, bytes):
                raise TypeError("only a body of bytes can be signed")
            pairs.extend(self._sign(method, request_uri(url), body))
        return await self._http.request(
            method,
            url,
            pairs,
            body,
            timeout_seconds=self._timeout_seconds if timeout_seconds is None else timeout_seconds,
            connect_timeout_seconds=connect_timeout_seconds,
            ssl_context=ssl_context,
            unix_socket=unix_socket,
            replay=replay,
        )

    async def call(
        self,
        method: str,
        url: str,
        headers: Iterable[tuple[str, str]] = (),
        body: bytes = b"",
        *,
        timeout_seconds: float | None = None,
        max_bytes: int = MAX_BODY_BYTES,
        replay: bool | None = None,
    ) -> Answer:
        """Send, and read the answer to its end."""
        response = await self.request(
            method, url, headers, body, timeout_seconds=timeout_seconds, replay=replay
        )
        return Answer(response, await response.read(max_bytes))

    async def aclose(self) -> None:
        """Close kept connections, unless they are somebody else's."""
        if self._owned:
            await self._http.aclose()

    async def __aenter__(self) -> HttpClient:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()


def request_uri(url: str) -> str:
    """The part of a URL that a request line shows and a signature covers."""
    parts = urllib.parse.urlsplit(url)
    path = parts.path or "/"
    return f"{path}?{parts.query}" if parts.query or url.endswith("?") else path
