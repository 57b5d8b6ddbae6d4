"""``multipart/form-data`` (RFC 7578) as a stream: bytes in, events out, nothing kept. No I/O.

Only what an upload needs: parts in order, their names, their bytes as they come. The parser holds
back at most a delimiter's length of data, so a file of any size passes through in constant memory.
A body that breaks the grammar or ends early is refused.
"""

from __future__ import annotations

import email.message
import re
from dataclasses import dataclass

from fission.base import errors

MAX_HEADER_BYTES = 16 * 1024
"""Part headers together; browsers and Go's mime/multipart stay below 1 KiB."""
_BOUNDARY = re.compile(r"[0-9A-Za-z'()+_,\-./:=? ]{0,69}[0-9A-Za-z'()+_,\-./:=?]")


class MalformedBody(errors.InvalidInput):
    """The body is not the multipart form that its Content-Type announces."""

    reason = "BadRequest"


@dataclass(frozen=True, slots=True)
class PartBegin:
    """A part begins; ``name`` is its form field."""

    name: str
    filename: str | None


@dataclass(frozen=True, slots=True)
class PartData:
    """Bytes of the part that began last."""

    data: bytes


@dataclass(frozen=True, slots=True)
class PartEnd:
    """The part is complete."""


Event = PartBegin | PartData | PartEnd


def boundary_of(content_type: str) -> bytes:
    """The boundary that a Content-Type header names; raises MalformedBody."""
    message = email.message.Message()
    message["content-type"] = content_type
    boundary = message.get_param("boundary")
    if message.get_content_type() != "multipart/form-data" or not isinstance(boundary, str):
        raise MalformedBody(
            f"Content-Type must be multipart/form-data with a boundary, not {content_type[:200]!r}"
        )
    if not _BOUNDARY.fullmatch(boundary):
        raise MalformedBody(f"the boundary {boundary[:80]!r} is not valid (RFC 2046)")
    return boundary.encode("ascii")


class Parser:
    """Feed chunks, get events; ``close`` checks that the closing delimiter was there."""

    def __init__(self, boundary: bytes) -> None:
        self._delimiter = b"\r\n--" + boundary
        self._buffer = bytearray(b"\r\n")
        self._state = self._preamble

    @property
    def is_complete(self) -> bool:
        """Whether the closing delimiter has been seen."""
        return self._state == self._epilogue

    def feed(self, chunk: bytes) -> list[Event]:
        """Return what the chunk completes."""
        self._buffer += chunk
        events: list[Event] = []
        while self._state(events):
            pass
        return events

    def close(self) -> None:
        """The body has ended; raises MalformedBody when it is cut off."""
        if not self.is_complete:
            raise MalformedBody("the body ends before its closing boundary")

    def _preamble(self, events: list[Event]) -> bool:
        at = self._buffer.find(self._delimiter)
        if at < 0:
            if len(self._buffer) > MAX_HEADER_BYTES:
                raise MalformedBody("the body does not begin with its boundary")
            return False
        del self._buffer[: at + len(self._delimiter)]
        self._state = self._after_delimiter
        return True

    def _after_delimiter(self, events: list[Event]) -> bool:
        end = self._buffer.find(b"\r\n")
        if self._buffer[:2] == b"--":
            self._state = self._epilogue
            return True
        if end < 0:
            if len(self._buffer) > 256:
                raise MalformedBody("a boundary is followed by something that is not a line end")
            return False
        if self._buffer[:end].strip(b" \t"):
            raise MalformedBody("a boundary is followed by something that is not a line end")
        del self._buffer[:end]
        self._state = self._headers
        return True

    def _headers(self, events: list[Event]) -> bool:
        end = self._buffer.find(b"\r\n\r\n")
        if end > MAX_HEADER_BYTES or (end < 0 and len(self._buffer) > MAX_HEADER_BYTES):
            raise MalformedBody(f"the headers of a part exceed {MAX_HEADER_BYTES} bytes")
        if end < 0:
            return False
        events.append(_begin(bytes(self._buffer[:end])))
        del self._buffer[: end + 2]
        self._state = self._first_data
        return True

    def _first_data(self, events: list[Event]) -> bool:
        """The CRLF after the headers may belong to the delimiter of an empty part."""
        if len(self._buffer) < len(self._delimiter):
            return False
        if not self._buffer.startswith(self._delimiter):
            del self._buffer[:2]
        self._state = self._data
        return True

    def _data(self, events: list[Event]) -> bool:
        at = self._buffer.find(self._delimiter)
        safe = at if at >= 0 else len(self._buffer) - len(self._delimiter) + 1
        if safe > 0:
            events.append(PartData(bytes(self._buffer[:safe])))
            del self._buffer[:safe]
        if at < 0:
            return False
        del self._buffer[: len(self._delimiter)]
        events.append(PartEnd())
        self._state = self._after_delimiter
        return True

    def _epilogue(self, events: list[Event]) -> bool:
        self._buffer.clear()
        return False


def _begin(block: bytes) -> PartBegin:
    for line in block.split(b"\r\n"):
        name, colon, value = line.partition(b":")
        if not colon and line:
            raise MalformedBody(f"{line[:80]!r} is not a header line")
        if name.strip().lower() == b"content-disposition":
            message = email.message.Message()
            message["content-disposition"] = value.decode("utf-8", "replace").strip()
            field = message.get_param("name", header="content-disposition")
            if not isinstance(field, str):
                break
            return PartBegin(field, message.get_filename())
    raise MalformedBody("a part has no Content-Disposition with a name")
