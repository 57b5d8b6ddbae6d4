"""A router process of its own between one pod, which streams or echoes, and the clients here.

Not a scenario: shared by `websocket` and `sse`. Run as a program it is the pod.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import re
import resource
import sys
import time
from pathlib import Path

import warm_path

WEBSOCKET = (
    b"GET /hello HTTP/1.1\r\nHost: bench\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)
ACCEPT = (
    b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n"
)
EVENTS = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
EVENT_SECONDS = 1.0


@contextlib.contextmanager
def between(kind: str):
    """The router's port and pid, with a pod of a kind behind it."""
    allow_many_files()
    here, pod = warm_path.free_ports(2)
    command = [sys.executable, __file__, kind, str(pod)]
    with warm_path.process(command):
        warm_path.wait_for(pod)
        with warm_path.process([sys.executable, warm_path.__file__, str(here), str(pod)]) as pid:
            warm_path.wait_for(here)
            yield here, pid


def allow_many_files() -> None:
    """As many open files as the system lets us have; children inherit it."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def resident_mib(pid: int) -> float:
    """Memory of a process that nobody shares with it and that it shares."""
    text = Path(f"/proc/{pid}/status").read_text()
    return int(re.search(r"VmRSS:\s+(\d+)", text)[1]) / 1024


def percentile(values: list[float], share: float) -> float:
    """One of the values, in milliseconds."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))] * 1000


async def open_all(port: int, count: int, head: bytes):
    """Connections that were answered; a few at a time."""
    gate = asyncio.Semaphore(50)

    async def one():
        async with gate:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(head)
            answer = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 30)
            if not answer.startswith((b"HTTP/1.1 101 ", b"HTTP/1.1 200 ")):
                raise RuntimeError(f"not accepted: {answer!r}")
            return reader, writer

    return await asyncio.gather(*(one() for _ in range(count)))


class Pod(asyncio.Protocol):
    """Accepts whatever comes; then echoes, or sends events at times of its own."""

    def __init__(self, kind: str) -> None:
        self._kind = kind
        self._open = False

    def connection_made(self, transport) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        if self._open:
            self._transport.write(data)
        elif data.endswith(b"\r\n\r\n"):
            self._open = True
            self._transport.write(ACCEPT if self._kind == "websocket" else EVENTS)
            if self._kind == "sse":
                self._wait(random.random() * EVENT_SECONDS)

    def _wait(self, seconds: float) -> None:
        asyncio.get_running_loop().call_later(seconds, self._send)

    def _send(self) -> None:
        if not self._transport.is_closing():
            event = b"data: %.6f\n\n" % time.monotonic()
            self._transport.write(b"%x\r\n%b\r\n" % (len(event), event))
            self._wait(EVENT_SECONDS)


async def serve(kind: str, port: int) -> None:
    """The pod, until it is ended; events carry the time at which they were written."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Pod(kind), "127.0.0.1", port, backlog=4096)
    await server.serve_forever()


if __name__ == "__main__":
    import uvloop

    with contextlib.suppress(KeyboardInterrupt):
        uvloop.run(serve(sys.argv[1], int(sys.argv[2])))
