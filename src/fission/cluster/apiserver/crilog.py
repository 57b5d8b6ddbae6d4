"""Reading a CRI log file: ``<time> <stream> <F|P> <text>``, one record a line.

``P`` is a part of a longer line: the next record continues it. ``Reader`` is blocking and sans
policy: it turns what the file has gained since the last read into the bytes that a client gets.
"""

from __future__ import annotations

import pathlib

BLOCK_BYTES = 64 * 1024
MAX_RECORD_BYTES = 1024 * 1024
"""A record without a line end beyond this is given out as it is."""


class Reader:
    """One pass over a file that may still grow."""

    def __init__(self, path: pathlib.Path, since: str = "", timestamps: bool = False) -> None:
        self._file = path.open("rb")
        self._since = since.encode()
        self._timestamps = timestamps
        self._pending = b""
        self._continues = False

    def seek_tail(self, lines: int) -> None:
        """Move so that the next reads give the last ``lines`` full lines and what follows."""
        end = self._file.seek(0, 2)
        if lines == 0:
            self._file.seek(end)
            return
        position, tail = end, b""
        while position > 0:
            step = min(BLOCK_BYTES, position)
            position -= step
            self._file.seek(position)
            tail = self._file.read(step) + tail
            start = _start_of_last(tail, lines, whole=position == 0)
            if start is not None:
                self._file.seek(position + start)
                return
        self._file.seek(0)

    def read(self) -> bytes:
        """The text of the records that are complete by now; empty when there are none."""
        out = b""
        while not out:
            block = self._file.read(BLOCK_BYTES)
            if not block:
                return b""
            records = (self._pending + block).split(b"\n")
            self._pending = records.pop()
            if len(self._pending) > MAX_RECORD_BYTES:
                records.append(self._pending)
                self._pending = b""
            out = b"".join([self._text(record) for record in records])
        return out

    def flush(self) -> bytes:
        """What is left of a record that was never finished."""
        record, self._pending = self._pending, b""
        return self._text(record) if record else b""

    def close(self) -> None:
        self._file.close()

    def _text(self, record: bytes) -> bytes:
        moment, _, rest = record.partition(b" ")
        _, _, rest = rest.partition(b" ")
        tag, _, text = rest.partition(b" ")
        if self._since and _comparable(moment) < self._since:
            return b""
        begins, self._continues = not self._continues, tag == b"P"
        prefix = moment + b" " if self._timestamps and begins else b""
        return prefix + text + (b"" if tag == b"P" else b"\n")


def _comparable(moment: bytes) -> bytes:
    """Nanoseconds are padded, so times compare as text."""
    seconds, _, fraction = moment.rstrip(b"Z").partition(b".")
    return seconds + b"." + fraction.ljust(9, b"0") + b"Z"


def _start_of_last(data: bytes, lines: int, *, whole: bool) -> int | None:
    """The offset in ``data`` where its last ``lines`` lines begin; None when it holds fewer."""
    full = 0
    end = len(data) if data.endswith(b"\n") else data.rfind(b"\n") + 1
    position = end
    while position > 0:
        start = data.rfind(b"\n", 0, position - 1) + 1
        if start == 0 and not whole:
            return None
        is_part = data[start:position].split(b" ", 3)[2:3] == [b"P"]
        full += 0 if is_part else 1
        if full > lines:
            return position
        position = start
    return 0 if whole else None
