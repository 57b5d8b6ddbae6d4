"""One line for each request, as JSON, on the process's standard output.

Made cheaply: a line is bytes in a list, and the list is written a few times a second by a thread,
so that whoever reads the output slowly does not stop requests. What does not fit in the bounded
list is counted and told, not waited for.
"""

from __future__ import annotations

import asyncio
import dataclasses
import logging
import sys
import time
from typing import TYPE_CHECKING, Final

import orjson

if TYPE_CHECKING:
    from collections.abc import Callable

    from fission.base import clock as clocks
    from fission.router import failures, targets
    from fission_http import head as heads

_log = logging.getLogger(__name__)

FLUSH_SECONDS: Final = 0.2
MAX_BYTES: Final = 4 * 1024 * 1024
"""Lines that wait for a slow reader; some 10,000 requests."""

PLACES: Final = 1024
"""Routes whose part of a line is kept in mind."""


@dataclasses.dataclass(slots=True)
class Served:
    """The part of a line that only requests to functions have."""

    target: targets.Target
    route: str
    bytes_in: int
    """Of the body, without framing."""
    bytes_out: int
    """Of the body, as the client got it."""
    pod_seconds: float | None
    """From when a pod had it; None when none did."""


class AccessLog:
    """Collects lines and writes them."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        clock: clocks.Clock,
        write: Callable[[bytes], None] | None = None,
        max_bytes: int = MAX_BYTES,
    ) -> None:
        self._loop = loop
        self._clock = clock
        self._write = write or _to_output
        self._max_bytes = max_bytes
        self._lines: list[bytes] = []
        self._bytes = 0
        self._dropped = 0
        self._second = -1
        self._prefix = b""
        self._places: dict[str, tuple[targets.Target, bytes]] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._writing: asyncio.Future[None] | None = None

    def add(
        self,
        client: bytes,
        head: heads.RequestHead | None,
        request_id: bytes,
        status: int,
        seconds: float,
        served: Served | None = None,
        failure: failures.Failure | None = None,
    ) -> None:
        """A request ended; the router answered itself where nothing `served` it."""
        line = b'{"time":"%b","message":"function access","request_id":%b,"remote":"%b"' % (
            self._stamp(),
            _quote(request_id),
            client,
        )
        line += b',"status":%d,"latency_seconds":%.6f' % (status, seconds)
        if head is not None:
            words = head.method, _quote(head.host), _quote(head.target)
            line += b',"method":"%b","host":%b,"url":%b' % words
        if served is not None:
            line += b'%b,"bytes_in":%d,"bytes_out":%d' % (
                self._place(served.target, served.route),
                served.bytes_in,
                served.bytes_out,
            )
            if served.pod_seconds is not None:
                line += b',"pod_seconds":%.6f' % served.pod_seconds
        if failure is not None:
            blame = failure.component.encode(), failure.reason.encode()
            line += b',"component":"%b","reason":"%b"' % blame
        line += b"}\n"
        if self._bytes + len(line) > self._max_bytes:
            self._dropped += 1
            return
        self._lines.append(line)
        self._bytes += len(line)
        if self._timer is None and self._writing is None:
            self._timer = self._loop.call_later(FLUSH_SECONDS, self._flush)

    def _stamp(self) -> bytes:
        """Now, in UTC with milliseconds; all but those changes once in a second."""
        now = self._clock.now().timestamp()
        second = int(now)
        if second != self._second:
            self._second = second
            self._prefix = time.strftime("%Y-%m-%dT%H:%M:%S.", time.gmtime(second)).encode()
        return b"%b%03dZ" % (self._prefix, int((now - second) * 1000))

    def _place(self, target: targets.Target, route: str) -> bytes:
        known = self._places.get(route)
        if known is None or known[0] is not target:
            words = {"namespace": target.namespace, "function": target.name, "route": route}
            if len(self._places) >= PLACES:
                self._places.clear()
            known = self._places[route] = target, b"," + orjson.dumps(words)[1:-1]
        return known[1]

    def _flush(self) -> None:
        self._timer = None
        data = b"".join(self._lines)
        self._lines.clear()
        self._bytes = 0
        if self._dropped:
            note = {"message": "lines of the access log were dropped", "count": self._dropped}
            data += orjson.dumps(note, option=orjson.OPT_APPEND_NEWLINE)
            self._dropped = 0
        self._writing = self._loop.run_in_executor(None, self._write, data)
        self._writing.add_done_callback(self._written)

    def _written(self, done: asyncio.Future[None]) -> None:
        self._writing = None
        if not done.cancelled() and done.exception() is not None:
            _log.warning("the access log was not written: %s", done.exception())
        if self._lines and self._timer is None:
            self._timer = self._loop.call_later(FLUSH_SECONDS, self._flush)

    async def close(self, seconds: float) -> None:
        """Write what is there, within a time."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._writing is not None:
            await asyncio.wait([self._writing], timeout=seconds)
        if self._lines and self._writing is None:
            self._flush()
            if self._writing is not None:
                await asyncio.wait([self._writing], timeout=seconds)
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


def _to_output(data: bytes) -> None:
    sys.stdout.buffer.write(data)
    sys.stdout.buffer.flush()


def _quote(word: bytes) -> bytes:
    return orjson.dumps(word.decode("latin-1"))
