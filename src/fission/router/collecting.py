"""Bodies that are wanted whole before anything is decided: of signed requests, of logins. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fission_http import body as bodies

if TYPE_CHECKING:
    from fission_http import head as heads


class Collecting:
    """A request whose body is collected first: it is signed, or a login."""

    __slots__ = ("chunks", "head", "left", "limit", "payload", "raw", "size")

    def __init__(self, head: heads.RequestHead, limit: int) -> None:
        self.head = head
        self.limit = limit
        self.raw: list[bytes] = []
        self.payload: list[bytes] = []
        self.size = 0
        self.left = head.content_length or 0
        self.chunks = bodies.ChunkedScanner() if head.chunked else None

    def feed(self, data: bytes) -> int:
        """Take what belongs to the body; returns its end. Raises BodyError."""
        if self.chunks is not None:
            end = self.chunks.scan(data, 0, self.payload)
            self.size = self.chunks.payload_bytes
        else:
            end = min(self.left, len(data))
            self.left -= end
            self.payload.append(data[:end])
            self.size += end
        self.raw.append(data[:end])
        return end

    @property
    def done(self) -> bool:
        """Whether all of it is here."""
        return self.chunks.done if self.chunks is not None else not self.left
