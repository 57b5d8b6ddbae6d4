"""One line for each request, as JSON, on the process's standard output.

Made cheaply: a line is bytes in a list, and the list is written a few times a second by a thread,
so that whoever reads the output slowly does not stop requests. What does not fit in the bounded
list is counted and told, not waited for.
"""

from __future__ import annotations

import asyncio
import dataclasses
import datetime
import logging
import sys
from typing import TYPE_CHECKING, Any, Final

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

MESSAGE: Final = "function access"


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
        record: dict[str, Any] = {
            "time": self._clock.now().astimezone(datetime.UTC).isoformat(timespec="milliseconds"),
            "message": MESSAGE,
            "request_id": request_id.decode("ascii"),
            "remote": client.decode("latin-1"),
            "status": status,
            "latency_seconds": round(seconds, 6),
        }
        if head is not None:
            record["method"] = head.method.decode("latin-1")
            record["host"] = head.host.decode("latin-1")
            record["url"] = head.target.decode("latin-1")
        if served is not None:
            record["namespace"] = served.target.namespace
            record["function"] = served.target.name
            record["route"] = served.route
            record["bytes_in"] = served.bytes_in
            record["bytes_out"] = served.bytes_out
            if served.pod_seconds is not None:
                record["pod_seconds"] = round(served.pod_seconds, 6)
        if failure is not None:
            record["component"] = failure.component
            record["reason"] = failure.reason
        line = orjson.dumps(record, option=orjson.OPT_APPEND_NEWLINE)
        if self._bytes + len(line) > self._max_bytes:
            self._dropped += 1
            return
        self._lines.append(line)
        self._bytes += len(line)
        if self._timer is None and self._writing is None:
            self._timer = self._loop.call_later(FLUSH_SECONDS, self._flush)

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
