"""Heads of HTTP/1.1 messages: one strict pass over the bytes, no I/O.

A head is accepted only when every reader must understand it alike (RFC 9112, without the
liberties that it grants): CRLF line ends, no folded lines, no blank before a colon, no control
characters, one Content-Length or one `Transfer-Encoding: chunked` but never both or twice, exactly
one Host in HTTP/1.1. Everything else is a `HeadError` that carries the status to answer with.

One regular expression with possessive repeats checks the whole head in a single scan, because the
cost of parsing in Python is the number of calls, not the number of bytes. The few headers that
frame the message are then found in a lower-cased copy; the others are split only when asked for.
The buffer is never changed: callers drop `head_length` bytes themselves.
"""

from __future__ import annotations

import re
from typing import Final

MAX_HEAD_BYTES: Final = 32 * 1024
"""Longest head. nginx allows 4 buffers of 8 KiB for it."""

MAX_HEADERS: Final = 128
"""Most header lines. Apache allows 100; each costs time in every hop behind us."""

_TOKEN: Final = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]"
_FIELDS: Final = rb"((?:\r\n" + _TOKEN + rb"++:[\t\x20-\x7e\x80-\xff]*+)*)\r\n\r\n"
"""The group itself is not possessive: Python before 3.11.5 (Debian 12 has 3.11.2) then matches
nothing. What is inside leaves one way to read each line, so giving back stays linear."""
_REQUEST: Final = re.compile(
    rb"(" + _TOKEN + rb"++) ([\x21\x22\x24-\x7e]++) HTTP/1\.([01])" + _FIELDS
)
_RESPONSE: Final = re.compile(
    rb"HTTP/1\.([01]) ([1-9][0-9]{2})(?: ([\t\x20-\x7e\x80-\xff]*+))?+" + _FIELDS
)
_REQUEST_LINE: Final = re.compile(
    rb"(" + _TOKEN + rb"++) ([\x21\x22\x24-\x7e]++) HTTP/1\.([01])(?=\r\n)"
)
_FIELD: Final = re.compile(_TOKEN + rb"++:[\t\x20-\x7e\x80-\xff]*+")
_START_OF_REQUEST: Final = re.compile(_TOKEN + rb"++ ")
_BROKEN_LINE: Final = re.compile(rb"(?<!\r)\n|\r(?!\n|\Z)|\x00")
_OTHER_VERSION: Final = re.compile(rb"\S+ \S+ HTTP/(?!1\.[01]\Z)[0-9](?:\.[0-9])?\Z")
_ABSOLUTE: Final = re.compile(
    rb"[hH][tT][tT][pP][sS]?://([A-Za-z0-9._~\-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?([/?].*)?\Z"
)
_HOST: Final = re.compile(
    rb"(?:[A-Za-z0-9._~\-!$&'()*+,;=%]*|\[[0-9A-Za-z:.]+\])(?::[0-9]{0,5})?\Z"
)
_LENGTH: Final = re.compile(rb"[0-9]{1,15}\Z")


class HeadError(Exception):
    """A head that is not accepted: the status to answer with, and what is wrong with it."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason


class Head:
    """What requests and responses have in common.

    `block` holds the header lines as received, each led by CRLF; `lower` is the same in lower case.
    """

    __slots__ = (
        "block",
        "chunked",
        "content_length",
        "head_length",
        "keep_alive",
        "lower",
        "upgrade",
        "version_minor",
    )

    def __init__(self, version_minor: int, block: bytes, head_length: int) -> None:
        self.version_minor = version_minor
        self.block = block
        self.lower = block.lower()
        self.head_length = head_length
        self.content_length: int | None = None
        self.chunked = False
        self.keep_alive = version_minor == 1
        self.upgrade: bytes | None = None
        if len(block) > 64 and block.count(b"\r\n") > MAX_HEADERS:
            raise HeadError(431, f"more than {MAX_HEADERS} header lines")
        self._frame()

    def _copy_frame(self, other: Head, head_length: int) -> None:
        """Be framed like a head with the same version and header lines."""
        self.version_minor = other.version_minor
        self.block = other.block
        self.lower = other.lower
        self.head_length = head_length
        self.content_length = other.content_length
        self.chunked = other.chunked
        self.keep_alive = other.keep_alive
        self.upgrade = other.upgrade

    @property
    def headers(self) -> list[tuple[bytes, bytes]]:
        """Names as received and values without blanks around them, in order."""
        pairs = []
        for line in self.block.split(b"\r\n")[1:]:
            name, _, value = line.partition(b":")
            pairs.append((name, value.strip(b" \t")))
        return pairs

    def get(self, name: bytes) -> bytes | None:
        """The first value of a header; `name` in lower case."""
        at = self.lower.find(b"\r\n" + name + b":")
        return None if at < 0 else self._value(at + len(name) + 3)

    def get_all(self, name: bytes) -> list[bytes]:
        """Every value of a header, in order; `name` in lower case."""
        wanted = b"\r\n" + name + b":"
        values = []
        at = self.lower.find(wanted)
        while at >= 0:
            values.append(self._value(at + len(wanted)))
            at = self.lower.find(wanted, at + len(wanted))
        return values

    def _value(self, start: int) -> bytes:
        end = self.block.find(b"\r\n", start)
        return (self.block[start:] if end < 0 else self.block[start:end]).strip(b" \t")

    def _frame(self) -> None:
        lower = self.lower
        if b"\r\ncontent-length:" in lower:
            values = self.get_all(b"content-length")
            if len(values) > 1:
                raise HeadError(400, "more than one Content-Length")
            if not _LENGTH.match(values[0]):
                raise HeadError(400, "Content-Length is not a number")
            self.content_length = int(values[0])
        if b"\r\ntransfer-encoding:" in lower:
            self._frame_by_coding()
        if b"\r\nconnection:" in lower:
            tokens = connection_tokens(self)
            if b"close" in tokens:
                self.keep_alive = False
            elif self.version_minor == 0:
                self.keep_alive = b"keep-alive" in tokens
            if b"upgrade" in tokens:
                protocol = self.get(b"upgrade")
                self.upgrade = protocol.lower() if protocol else None

    def _frame_by_coding(self) -> None:
        if self.content_length is not None:
            raise HeadError(400, "both Content-Length and Transfer-Encoding")
        if self.version_minor == 0:
            raise HeadError(400, "Transfer-Encoding in HTTP/1.0")
        values = self.get_all(b"transfer-encoding")
        if len(values) > 1:
            raise HeadError(400, "more than one Transfer-Encoding")
        codings = [coding.strip(b" \t").lower() for coding in values[0].split(b",")]
        if codings[-1] != b"chunked" or codings.count(b"chunked") > 1:
            raise HeadError(400, "Transfer-Encoding does not end in one chunked")
        if len(codings) > 1:
            raise HeadError(501, "only the transfer coding chunked is served")
        self.chunked = True


class RequestHead(Head):
    """A request's head. `target` is as received (origin form, absolute form or `*`)."""

    __slots__ = ("expect_continue", "host", "method", "target")

    def __init__(
        self, method: bytes, target: bytes, version_minor: int, block: bytes, head_length: int
    ) -> None:
        self.method = method
        self.target = target
        super().__init__(version_minor, block, head_length)
        self.host = self._host()
        self.expect_continue = False
        if b"\r\nexpect:" in self.lower:
            self._expect()
        if target[0] != 0x2F:
            self._special_target()

    def again(self, buffer: bytes) -> RequestHead | None:
        """The head at the start of `buffer`, if it differs from this one in its first line only.

        Clients repeat their header lines from request to request on a connection; comparing them
        costs less than scanning them. None means nothing but that `scan_request` has to be asked.
        """
        match = _REQUEST_LINE.match(buffer)
        if match is None:
            return None
        end = match.end()
        block = self.block
        if not buffer.startswith(block, end):
            return None
        behind = end + len(block)
        method, target, minor = match.groups()
        if (
            buffer[behind : behind + 4] != b"\r\n\r\n"
            or (minor == b"1") is not (self.version_minor == 1)
            or target[0] != 0x2F
            or self.target[0] != 0x2F
            or method == b"CONNECT"
        ):
            return None
        head = RequestHead.__new__(RequestHead)
        head.method = method
        head.target = target
        head._copy_frame(self, behind + 4)
        head.host = self.host
        head.expect_continue = self.expect_continue
        return head

    def origin_form(self) -> bytes:
        """Path and query, also when the target came in absolute form."""
        absolute = None if self.target[0] == 0x2F else _ABSOLUTE.match(self.target)
        if absolute is None:
            return self.target
        rest: bytes = absolute.group(3) or b"/"
        return rest if rest[0] == 0x2F else b"/" + rest

    def _host(self) -> bytes:
        at = self.lower.find(b"\r\nhost:")
        if at < 0:
            if self.version_minor == 1:
                raise HeadError(400, "no Host")
            return b""
        if self.lower.find(b"\r\nhost:", at + 7) >= 0:
            raise HeadError(400, "more than one Host")
        host = self._value(at + 7)
        if not _HOST.match(host):
            raise HeadError(400, "bad Host")
        return host

    def _expect(self) -> None:
        values = self.get_all(b"expect")
        if len(values) != 1 or values[0].lower() != b"100-continue":
            raise HeadError(417, "only `Expect: 100-continue` is understood")
        self.expect_continue = self.version_minor == 1

    def _special_target(self) -> None:
        if self.method == b"CONNECT":
            raise HeadError(501, "CONNECT is not served")
        if self.target == b"*":
            if self.method != b"OPTIONS":
                raise HeadError(400, "the target * is for OPTIONS only")
            return
        absolute = _ABSOLUTE.match(self.target)
        if absolute is None:
            raise HeadError(400, "bad request target")
        self.host = absolute.group(1) + (absolute.group(2) or b"")


class ResponseHead(Head):
    """A response's head."""

    __slots__ = ("note", "reason", "status")

    def __init__(
        self, status: int, reason: bytes, version_minor: int, block: bytes, head_length: int
    ) -> None:
        self.status = status
        self.reason = reason
        self.note: object = None
        """For whoever keeps a head and what was made of it."""
        super().__init__(version_minor, block, head_length)


def connection_tokens(head: Head) -> set[bytes]:
    """What the Connection headers list, in lower case."""
    tokens = b",".join(head.get_all(b"connection")).lower().split(b",")
    return {token.strip(b" \t") for token in tokens}


def scan_request(buffer: bytes | bytearray, max_bytes: int = MAX_HEAD_BYTES) -> RequestHead | None:
    """The request head at the start of `buffer`; None when more bytes are needed."""
    match = _REQUEST.match(buffer)
    if match is None:
        _explain(buffer, max_bytes, request=True)
        return None
    length = match.end()
    if length > max_bytes:
        raise HeadError(431, f"head longer than {max_bytes} bytes")
    method, target, minor, block = match.groups()
    if method == b"CONNECT":
        raise HeadError(501, "CONNECT is not served")
    return RequestHead(method, target, 1 if minor == b"1" else 0, block, length)


def scan_response(
    buffer: bytes | bytearray, max_bytes: int = MAX_HEAD_BYTES
) -> ResponseHead | None:
    """The response head at the start of `buffer`; None when more bytes are needed."""
    match = _RESPONSE.match(buffer)
    if match is None:
        _explain(buffer, max_bytes, request=False)
        return None
    length = match.end()
    if length > max_bytes:
        raise HeadError(431, f"head longer than {max_bytes} bytes")
    minor, status, reason, block = match.groups()
    return ResponseHead(int(status), reason or b"", 1 if minor == b"1" else 0, block, length)


def _explain(buffer: bytes | bytearray, max_bytes: int, *, request: bool) -> None:
    """Return when more bytes can make a good head of `buffer`; otherwise say what is wrong."""
    data = bytes(buffer[: max_bytes + 1])
    end = data.find(b"\r\n\r\n")
    complete = end >= 0
    seen = data[: end + 4] if complete else data
    if _BROKEN_LINE.search(seen):
        raise HeadError(400, "bare line feed, bare carriage return or NUL in the head")
    if not complete and len(data) > max_bytes:
        if b"\r\n" not in data and request:
            raise HeadError(414, f"request line longer than {max_bytes} bytes")
        raise HeadError(431, f"head longer than {max_bytes} bytes")
    lines = (data[:end] if complete else data).split(b"\r\n")
    finished = lines if complete else lines[:-1]
    _explain_start(finished, lines[0], request=request)
    for line in finished[1:]:
        if not _FIELD.fullmatch(line):
            raise HeadError(400, "bad header line: " + _name_fault(line))
    if complete:
        raise HeadError(400, "bad start line")


def _explain_start(finished: list[bytes], first: bytes, *, request: bool) -> None:
    if finished:
        pattern = _REQUEST if request else _RESPONSE
        if not pattern.fullmatch(finished[0] + b"\r\n\r\n"):
            if request and _OTHER_VERSION.match(finished[0]):
                raise HeadError(505, "only HTTP/1.0 and HTTP/1.1 are served")
            raise HeadError(400, "bad request line" if request else "bad status line")
    elif request:
        if first and b" " in first and not _START_OF_REQUEST.match(first):
            raise HeadError(400, "bad request line")
    elif not (b"HTTP/1.".startswith(first) or first.startswith(b"HTTP/1.")):
        raise HeadError(400, "bad status line")


def _name_fault(line: bytes) -> str:
    if line[:1] in (b" ", b"\t"):
        return "folded"
    name, colon, _ = line.partition(b":")
    if not colon:
        return "no colon"
    if name.endswith((b" ", b"\t")):
        return "blank before the colon"
    if not name or not _FIELD.fullmatch(name + b":"):
        return "bad name"
    return "control character in the value"
