"""Framing of HTTP/1.1 bodies, without I/O: where a body ends, and what is in it.

`ChunkedScanner` walks chunked coding in whatever pieces it arrives. It can collect the payload
(server, client) or only check the framing and leave the bytes to be passed on (relay). It is as
strict as `head`: plain hexadecimal sizes, well-formed extensions, CRLF, well-formed trailers.
"""

from __future__ import annotations

import enum
import re
from typing import Final

from fission_http import head as heads

MAX_LINE_BYTES: Final = 1024
"""Longest line of a chunk size with its extensions: nobody needs more, attackers do."""

MAX_TRAILER_BYTES: Final = 8 * 1024
"""Longest trailer section; one nginx header buffer."""

_TOKEN: Final = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]++"
_SIZE_LINE: Final = re.compile(
    rb"([0-9A-Fa-f]{1,15}+)(?:;"
    + _TOKEN
    + rb"(?:=(?:"
    + _TOKEN
    + rb'|"(?:[\t\x20\x21\x23-\x5b\x5d-\x7e]|\\[\x20-\x7e])*"))?)*'
)
"""Groups are not possessive, for Python before 3.11.5 (see `head`); each has one way to match."""
_TRAILER: Final = re.compile(rb"(" + _TOKEN + rb"):[\t\x20-\x7e\x80-\xff]*+")
_FRAMING: Final = frozenset(
    (b"content-length", b"transfer-encoding", b"host", b"connection", b"trailer", b"upgrade")
)


class Framing(enum.Enum):
    """How the end of a body is known."""

    NONE = "none"
    LENGTH = "length"
    CHUNKED = "chunked"
    CLOSE = "close"


def request_framing(head: heads.RequestHead) -> Framing:
    """A request without a length header has no body."""
    if head.chunked:
        return Framing.CHUNKED
    return Framing.LENGTH if head.content_length else Framing.NONE


def response_framing(method: bytes, head: heads.ResponseHead) -> Framing:
    """How the answer to `method` is framed (RFC 9112, section 6.3)."""
    if method == b"HEAD" or head.status < 200 or head.status in (204, 304):
        return Framing.NONE
    if head.chunked:
        return Framing.CHUNKED
    if head.content_length is None:
        return Framing.CLOSE
    return Framing.LENGTH if head.content_length else Framing.NONE


class BodyError(Exception):
    """A body whose framing is broken; the message cannot be read on."""


class _Expect(enum.Enum):
    SIZE = enum.auto()
    DATA = enum.auto()
    DATA_END = enum.auto()
    TRAILER = enum.auto()
    DONE = enum.auto()


class ChunkedScanner:
    """Reads chunked coding piece by piece; `payload_bytes` counts what was inside."""

    __slots__ = ("_expect", "_left", "_line", "_trailer_bytes", "payload_bytes")

    def __init__(self) -> None:
        self._expect = _Expect.SIZE
        self._left = 0
        self._line = b""
        self._trailer_bytes = 0
        self.payload_bytes = 0

    @property
    def done(self) -> bool:
        """The last chunk and the trailers have been read."""
        return self._expect is _Expect.DONE

    def scan(self, data: bytes, start: int = 0, payload: list[bytes] | None = None) -> int:
        """Read on; returns the offset behind the last byte that belongs to this body.

        Payload pieces are appended to `payload` when it is given.
        """
        at, end = start, len(data)
        while at < end and self._expect is not _Expect.DONE:
            if self._expect is _Expect.DATA:
                take = min(self._left, end - at)
                if payload is not None:
                    payload.append(data[at : at + take])
                self.payload_bytes += take
                self._left -= take
                at += take
                if not self._left:
                    self._expect = _Expect.DATA_END
            else:
                at = self._scan_line(data, at)
        return at

    def _scan_line(self, data: bytes, at: int) -> int:
        newline = data.find(b"\n", at)
        behind = len(data) if newline < 0 else newline + 1
        limit = 2 if self._expect is _Expect.DATA_END else MAX_LINE_BYTES
        if self._expect is _Expect.TRAILER:
            limit = MAX_TRAILER_BYTES
        if len(self._line) + behind - at > limit:
            raise BodyError("a line of the chunked coding is too long")
        self._line += data[at:behind]
        if newline >= 0:
            line, self._line = self._line, b""
            if not line.endswith(b"\r\n"):
                raise BodyError("a line of the chunked coding does not end in CRLF")
            self._read_line(line[:-2])
        return behind

    def _read_line(self, line: bytes) -> None:
        if self._expect is _Expect.SIZE:
            match = _SIZE_LINE.fullmatch(line)
            if match is None:
                raise BodyError("bad chunk size")
            self._left = int(match.group(1), 16)
            self._expect = _Expect.DATA if self._left else _Expect.TRAILER
        elif self._expect is _Expect.DATA_END:
            if line:
                raise BodyError("a chunk is longer than its size")
            self._expect = _Expect.SIZE
        elif not line:
            self._expect = _Expect.DONE
        else:
            self._trailer_bytes += len(line) + 2
            match = _TRAILER.fullmatch(line)
            if match is None:
                raise BodyError("bad trailer")
            if match.group(1).lower() in _FRAMING:
                raise BodyError(f"{match.group(1).decode()} may not be a trailer")
            if self._trailer_bytes > MAX_TRAILER_BYTES:
                raise BodyError("the trailers are too long")


def format_chunk(data: bytes) -> bytes:
    """One chunk; empty data makes nothing, because an empty chunk would end the body."""
    return b"%x\r\n%b\r\n" % (len(data), data) if data else b""


LAST_CHUNK: Final = b"0\r\n\r\n"
