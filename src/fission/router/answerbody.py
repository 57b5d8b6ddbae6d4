"""The body of a function's answer on its way to the client. Pure.

Mostly bytes pass as they are, and only their end has to be found. Chunked coding is taken off for
clients that do not know it, and put on where a pod tells the end by closing its connection.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from fission_http import body as bodies

if TYPE_CHECKING:
    from fission.router import headedit


class AnswerBody:
    """What is yet to come of a body."""

    __slots__ = ("_chunks", "_decode", "_encode", "_framing", "_left")

    def __init__(self, framing: bodies.Framing, length: int, shape: headedit.ResponsePlan) -> None:
        """`length` is that of a body whose length was told."""
        self._framing = framing
        self._left = length
        self._chunks = bodies.ChunkedScanner() if framing is bodies.Framing.CHUNKED else None
        self._decode = shape.decode
        self._encode = shape.encode

    @property
    def is_unframed(self) -> bool:
        """A client of HTTP/1.0 finds its end by the connection's."""
        return self._decode or self._framing is bodies.Framing.CLOSE

    def feed(self, data: bytes) -> tuple[bytes, bool, bool]:
        """What the client gets of these bytes; whether that was all; whether there were too many.

        Raises BodyError.
        """
        framing = self._framing
        if framing is bodies.Framing.LENGTH:
            left = self._left = self._left - len(data)
            if left > 0:
                return data, False, False
            return data[:left] if left else data, True, left < 0
        if self._chunks is not None:
            return self._scan(data, self._chunks)
        if framing is bodies.Framing.CLOSE:
            return bodies.format_chunk(data) if self._encode else data, False, False
        return b"", True, bool(data)

    def _scan(self, data: bytes, chunks: bodies.ChunkedScanner) -> tuple[bytes, bool, bool]:
        decoded: list[bytes] | None = [] if self._decode else None
        end = chunks.scan(data, 0, decoded)
        surplus = end < len(data)
        passed = b"".join(decoded) if decoded is not None else data[:end] if surplus else data
        return passed, chunks.done, surplus

    def end(self) -> bytes | None:
        """What the client gets when the pod closes: None where that breaks the answer off, nothing
        where the client's connection has to close as well."""
        if self._framing is not bodies.Framing.CLOSE:
            return None
        return bodies.LAST_CHUNK if self._encode else b""
