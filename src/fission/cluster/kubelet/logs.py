"""A container's output pipes → its log file, in the format that every Kubernetes log reader knows.

    2026-01-01T00:00:00.000000000Z stdout F a whole line
    2026-01-01T00:00:00.000000000Z stdout P the beginning of a line that is longer, or not ended yet

Each pipe is read when it has something, and what was read is written at once with one call. The
spawner keeps copies of the pipes, so what nobody has read survives this process. A file that grows
over its limit is renamed to `N.log.1` and begun anew: at most two limits of disk for each attempt.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

MAX_FILE_BYTES = 10 * 1024 * 1024
"""The kubelet's containerLogMaxSize."""
MAX_LINE_BYTES = 16 * 1024
"""Longer lines become partial records; containerd's value."""
READ_BYTES = 64 * 1024
PARTIAL_DELAY_SECONDS = 0.2
"""How long output without a line end waits for one before it is shown."""
MAX_DRAIN_BYTES = 64 * 1024 * 1024
LAST_WORDS_BYTES = 2048
LAST_WORDS_LINES = 80
"""Kubernetes' limits of a termination message that is taken from the log."""


@dataclass
class LineSplitter:
    """Chunks of one stream → records. Pure."""

    stream: str
    pending: bytearray = field(default_factory=bytearray)

    def feed(self, data: bytes, stamp: str) -> bytes:
        self.pending += data
        out = bytearray()
        start = 0
        while True:
            end = self.pending.find(b"\n", start, start + MAX_LINE_BYTES)
            if end >= 0:
                out += self._record(self.pending[start:end], stamp, whole=True)
                start = end + 1
            elif len(self.pending) - start >= MAX_LINE_BYTES:
                piece = self.pending[start : start + MAX_LINE_BYTES]
                out += self._record(piece, stamp, whole=False)
                start += MAX_LINE_BYTES
            else:
                break
        del self.pending[:start]
        return bytes(out)

    def flush(self, stamp: str, *, whole: bool) -> bytes:
        """What is pending, as a record."""
        if not self.pending:
            return b""
        out = self._record(self.pending, stamp, whole=whole)
        self.pending.clear()
        return out

    def _record(self, line: bytes | bytearray, stamp: str, *, whole: bool) -> bytes:
        return f"{stamp} {self.stream} {'F' if whole else 'P'} ".encode() + bytes(line) + b"\n"


def timestamp(nanoseconds: int) -> str:
    seconds, rest = divmod(nanoseconds, 1_000_000_000)
    return time.strftime("%Y-%m-%dT%H:%M:%S.", time.gmtime(seconds)) + f"{rest:09d}Z"


class LogFile:
    """An append-only file with a limit."""

    def __init__(self, path: Path, max_bytes: int = MAX_FILE_BYTES) -> None:
        self._path = path
        self._max_bytes = max_bytes
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._fd = self._open()
        self._size = os.fstat(self._fd).st_size

    def write(self, data: bytes) -> None:
        if self._size and self._size + len(data) > self._max_bytes:
            os.close(self._fd)
            self._path.replace(self._path.with_name(self._path.name + ".1"))
            self._fd = self._open()
            self._size = 0
        view = memoryview(data)
        while view:
            view = view[os.write(self._fd, view) :]
        self._size += len(data)

    def close(self) -> None:
        os.close(self._fd)

    def _open(self) -> int:
        return os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)


class Pump:
    """Moves one run's output into its file until the pipes end or `finish` is called."""

    def __init__(
        self,
        path: Path,
        stdout: int,
        stderr: int,
        now_ns: Callable[[], int],
        max_file_bytes: int = MAX_FILE_BYTES,
    ) -> None:
        """Own the descriptors. The event loop watches them from here on."""
        self._file = LogFile(path, max_file_bytes)
        self._now_ns = now_ns
        self._loop = asyncio.get_running_loop()
        self._streams: dict[int, LineSplitter] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._closed = False
        for fd, name in ((stdout, "stdout"), (stderr, "stderr")):
            os.set_blocking(fd, False)
            self._streams[fd] = LineSplitter(name)
            self._loop.add_reader(fd, self._readable, fd)

    def note(self, text: str) -> None:
        """Add a line of the kubelet's own to the container's stderr."""
        if not self._closed:
            stamp = timestamp(self._now_ns())
            self._file.write(f"{stamp} stderr F {text}\n".encode())

    def _readable(self, fd: int) -> None:
        self._read_once(fd)

    def _read_once(self, fd: int) -> int:
        """Read and write one chunk; the number of bytes, 0 at the end, -1 when there is nothing."""
        try:
            data = os.read(fd, READ_BYTES)
        except BlockingIOError:
            return -1
        except OSError:
            data = b""
        splitter = self._streams[fd]
        stamp = timestamp(self._now_ns())
        if data:
            self._write(splitter.feed(data, stamp))
            if splitter.pending and self._timer is None:
                self._timer = self._loop.call_later(PARTIAL_DELAY_SECONDS, self._show_partial)
        else:
            self._write(splitter.flush(stamp, whole=True))
            self._stop_reading(fd)
        return len(data)

    def _show_partial(self) -> None:
        self._timer = None
        stamp = timestamp(self._now_ns())
        for splitter in self._streams.values():
            self._write(splitter.flush(stamp, whole=False))

    def _write(self, data: bytes) -> None:
        if not data:
            return
        try:
            self._file.write(data)
        except OSError as error:
            if error.errno not in (errno.ENOSPC, errno.EDQUOT):
                raise
            # A full disk must not stop the container: its lines are lost until there is room.

    def _stop_reading(self, fd: int) -> None:
        self._loop.remove_reader(fd)
        del self._streams[fd]
        os.close(fd)

    def finish(self) -> None:
        """Take what is still in the pipes, then let go: a grandchild may hold them open."""
        if self._closed:
            return
        budget = MAX_DRAIN_BYTES
        for fd in list(self._streams):
            while fd in self._streams and budget > 0:
                count = self._read_once(fd)
                if count <= 0:
                    break
                budget -= count
        self.close()

    def close(self) -> None:
        """Let go without reading on: the spawner has copies."""
        if self._closed:
            return
        self._closed = True
        if self._timer is not None:
            self._timer.cancel()
        stamp = timestamp(self._now_ns())
        for fd, splitter in list(self._streams.items()):
            with contextlib.suppress(OSError):
                self._write(splitter.flush(stamp, whole=True))
            self._stop_reading(fd)
        self._file.close()


def last_words(path: Path) -> str:
    """The last lines of a log file, without stamps; empty when there is none."""
    try:
        with path.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - 2 * LAST_WORDS_BYTES - LAST_WORDS_LINES * 64))
            records = file.read().split(b"\n")[:-1]
    except OSError:
        return ""
    text = b""
    for record in records[-LAST_WORDS_LINES:]:
        _, _, rest = record.partition(b" ")
        _, _, rest = rest.partition(b" ")
        tag, _, line = rest.partition(b" ")
        text += line + (b"\n" if tag == b"F" else b"")
    return text[-LAST_WORDS_BYTES:].decode("utf-8", "replace").strip()
