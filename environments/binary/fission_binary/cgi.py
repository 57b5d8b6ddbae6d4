"""What crosses between a request and a program: variables in, and header lines out. Pure.

Names are those of RFC 3875. A request header becomes ``HTTP_<NAME>``, dashes as underscores;
repeated ones are joined. Two sorts are left out: ``Proxy``, as ``HTTP_PROXY`` makes many programs
send their own requests through whoever a stranger names, and names that hold an underscore, which
could pass for those that the platform sets.
"""

from __future__ import annotations

import re
import urllib.parse
from collections.abc import Iterable, Mapping

MAX_HEAD_BYTES = 64 * 1024
"""Longest header block of a program's answer; what the platform's own servers take."""

_HEADER_NAME = re.compile(r"[A-Za-z0-9-]+")
_ANSWER_NAME = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_OWN = frozenset(
    ("LISTEN_FDS", "LISTEN_FDNAMES", "LISTEN_PID", "BINARY_MODE", "BINARY_OUTPUT",
     "BINARY_TIMEOUT", "BINARY_START_TIMEOUT")
)  # fmt: skip
"""Variables that are meant for the runtime and not for programs."""


class BadAnswer(Exception):
    """A program's output does not begin as it was said to."""


def inherited(env: Mapping[str, str], own_folder: str) -> dict[bytes, bytes]:
    """The container's variables as programs get them, without what concerns the runtime alone."""
    kept = {name: value for name, value in env.items() if name not in _OWN}
    if kept.get("PYTHONPATH", "").split(":")[0] == own_folder:
        del kept["PYTHONPATH"]  # a Python program is not to find the runtime's modules
    return {_encode(name): _encode(value) for name, value in kept.items()}


def variables(
    method: str,
    target: str,
    headers: Iterable[tuple[str, str]],
    content_length: int | None,
) -> dict[bytes, bytes]:
    """The variables of one request; ValueError when the path holds a NUL.

    ``CONTENT_LENGTH`` is absent when the length is not known beforehand.
    """
    path, _, query = target.partition("?")
    decoded = urllib.parse.unquote_to_bytes(path)
    if b"\0" in decoded:
        raise ValueError("the path holds a NUL character")
    found = {
        b"REQUEST_METHOD": method.encode("latin-1"),
        b"REQUEST_URI": target.encode("latin-1"),
        b"PATH_INFO": decoded,
        b"QUERY_STRING": query.encode("latin-1"),
        b"SERVER_PROTOCOL": b"HTTP/1.1",
        b"GATEWAY_INTERFACE": b"CGI/1.1",
    }
    if content_length is not None:
        found[b"CONTENT_LENGTH"] = b"%d" % content_length
    for name, value in headers:
        if not _HEADER_NAME.fullmatch(name) or name.lower() == "proxy":
            continue
        key = b"HTTP_" + name.upper().replace("-", "_").encode("ascii")
        text = value.encode("latin-1").replace(b"\0", b"")
        if key in found:
            text = found[key] + (b"; " if key == b"HTTP_COOKIE" else b", ") + text
        found[key] = text
    if b"HTTP_CONTENT_TYPE" in found:
        found[b"CONTENT_TYPE"] = found[b"HTTP_CONTENT_TYPE"]
    return found


def content_type(body: bytes) -> str:
    """What an answer without a type of its own is called: text if it is text."""
    try:
        body.decode()
    except UnicodeDecodeError as error:
        # A piece may end within a character.
        if error.end < len(body) or len(body) - error.start > 3:
            return "application/octet-stream"
    return "application/octet-stream" if b"\0" in body else "text/plain; charset=utf-8"


def split_answer(output: bytes) -> tuple[int, list[tuple[str, str]], bytes] | None:
    """Status, headers and the beginning of the body; None while the blank line is to come.

    A program writes ``Status: 404 Not Found`` among its headers; without it 200, or 302 where it
    writes ``Location``.
    """
    for end in (b"\n", b"\r\n"):
        if output.startswith(end):
            return 200, [], output[len(end) :]
    ends = [(at, len(end)) for end in (b"\n\n", b"\r\n\r\n") if (at := output.find(end)) >= 0]
    if not ends:
        if len(output) > MAX_HEAD_BYTES:
            raise BadAnswer(f"no blank line ends its headers within {MAX_HEAD_BYTES} bytes")
        return None
    at, length = min(ends)
    status, headers = 0, []
    for line in output[:at].decode("latin-1").splitlines():
        name, colon, value = line.partition(":")
        if not colon or not _ANSWER_NAME.fullmatch(name):
            raise BadAnswer(f"a header line has no name and colon: {line[:100]!r}")
        if name.lower() == "status":
            status = _status(value)
        else:
            headers.append((name, value.strip()))
    if not status:
        status = 302 if any(name.lower() == "location" for name, _ in headers) else 200
    return status, headers, output[at + length :]


def _status(value: str) -> int:
    words = value.split()
    if not words or not words[0].isdigit() or not 200 <= int(words[0]) <= 599:
        raise BadAnswer(f"Status: found {value.strip()[:100]!r}, needs a number from 200 to 599")
    return int(words[0])


def _encode(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")
