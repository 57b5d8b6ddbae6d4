"""Text that may grow without end, kept to its beginning and its end."""

from __future__ import annotations


class HeadTail:
    """The first and the last bytes of what was added, and how much lies between.

    While nothing had to be left out the text only ever grows at its end, so a reader who knows a
    part of it finds the rest behind.
    """

    def __init__(self, max_bytes: int, head_share: float = 0.25) -> None:
        """Bound the text, without the line that says what is missing, to ``max_bytes``."""
        self._head_room = int(max_bytes * head_share)
        self._tail_room = max_bytes - self._head_room
        self._head = b""
        self._tail = b""
        self._left_out = 0

    def add(self, text: str) -> None:
        """Append."""
        data = text.encode("utf-8", "replace")
        room = self._head_room - len(self._head)
        if room > 0:
            self._head += data[:room]
            data = data[room:]
        self._tail += data
        if len(self._tail) > 2 * self._tail_room:
            self._trim()

    def text(self) -> str:
        """What is kept; a line in the middle counts what is not."""
        if len(self._tail) > self._tail_room:
            self._trim()
        if not self._left_out:
            return (self._head + self._tail).decode("utf-8", "replace")
        head, tail = self._head, self._tail
        line_end = head.rfind(b"\n") + 1 or len(head)
        line_start = tail.find(b"\n") + 1
        missing = self._left_out + len(head) - line_end + line_start
        return (
            head[:line_end].decode("utf-8", "replace")
            + f"... {missing} bytes left out ...\n"
            + tail[line_start:].decode("utf-8", "replace")
        )

    def _trim(self) -> None:
        excess = len(self._tail) - self._tail_room
        self._left_out += excess
        self._tail = self._tail[excess:]
