"""Requests and responses as handlers see them, and the bytes of a response's head."""

from __future__ import annotations

import http
import time
from typing import TYPE_CHECKING, Any, Final

from fission_http import headers as header_lists

if TYPE_CHECKING:
    import asyncio
    from collections.abc import AsyncIterator, Iterable

    from fission_http import head as heads
    from fission_http import incoming


class Request:
    """A request; its body is read at most once."""

    __slots__ = (
        "_body",
        "_headers",
        "client",
        "head",
        "method",
        "path",
        "query",
        "server",
        "target",
    )

    def __init__(
        self,
        head: heads.RequestHead,
        body: incoming.IncomingBody,
        client: Any = None,
        server: Any = None,
    ) -> None:
        self.head = head
        self._body = body
        self._headers: header_lists.Headers | None = None
        self.method = head.method.decode("ascii")
        self.target = head.origin_form().decode("ascii")
        self.path, _, self.query = self.target.partition("?")
        self.client = client
        """Address of the peer."""
        self.server = server
        """Address that the connection came in on."""

    @property
    def headers(self) -> header_lists.Headers:
        """The header fields, split when first asked for."""
        if self._headers is None:
            self._headers = header_lists.Headers.of(self.head)
        return self._headers

    @property
    def body_length(self) -> int | None:
        """What Content-Length says."""
        return self.head.content_length

    async def read(self, max_bytes: int) -> bytes:
        """The whole body; BodyTooLarge (answered with 413) beyond `max_bytes`."""
        return await self._body.read(max_bytes)

    def iter_bytes(self) -> AsyncIterator[bytes]:
        """The body as it arrives."""
        return self._body.iterate()


class Response:
    """What a handler answers. A stream is sent chunked unless it states its Content-Length."""

    __slots__ = ("body", "headers", "status", "tunnel")

    def __init__(
        self,
        status: int = 200,
        headers: Iterable[tuple[str, str]] = (),
        body: bytes | AsyncIterator[bytes] = b"",
    ) -> None:
        self.status = status
        self.headers = headers
        self.body = body
        self.tunnel: asyncio.Protocol | None = None
        """With status 101: who has the connection from here on. Its `connection_lost` is called
        even if the connection never became its own."""


_STATUS_LINES: Final = {s.value: f"HTTP/1.1 {s.value} {s.phrase}\r\n" for s in http.HTTPStatus}
_MANAGED: Final = frozenset(("connection", "transfer-encoding", "keep-alive", "date"))


def format_status_line(status: int) -> str:
    """`HTTP/1.1 404 Not Found` and its line end."""
    return _STATUS_LINES.get(status) or f"HTTP/1.1 {status} \r\n"


class DateHeader:
    """The Date header, made once a second."""

    __slots__ = ("_line", "_second")

    def __init__(self) -> None:
        self._second = -1
        self._line = ""

    def line(self) -> str:
        """`Date: …` and its line end."""
        second = int(time.time())
        if second != self._second:
            import email.utils  # a client sends none, and starts sooner without

            self._second = second
            self._line = f"Date: {email.utils.formatdate(second, usegmt=True)}\r\n"
        return self._line


def format_headers(pairs: list[tuple[str, str]]) -> str:
    """Header lines; a line break in a name or value is refused, it would start another header."""
    text = "".join([f"{name}: {value}\r\n" for name, value in pairs])
    if text.count("\n") != len(pairs) or text.count("\r") != len(pairs) or "\0" in text:
        raise ValueError("a header contains a line break or NUL")
    return text


def split_managed(
    pairs: Iterable[tuple[str, str]],
) -> tuple[list[tuple[str, str]], int | None]:
    """Headers without those that the server writes itself, and the Content-Length among them."""
    kept = []
    length: int | None = None
    for name, value in pairs:
        lowered = name.lower()
        if lowered == "content-length":
            length = int(value)
        elif lowered not in _MANAGED:
            kept.append((name, value))
    return kept, length
