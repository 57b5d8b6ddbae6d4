"""A rehearsal: a module of our own is loaded and called once, before anybody waits.

Whatever happens for the first time in a process is slow: the compiler's threads start, tables are
filled, pages are copied. So a generic process goes the whole way of a first call, from bytes to
bytes, with a module that writes one byte. Only what that warmed stays.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import socket
from collections.abc import Awaitable, Callable, Iterator

import wasmtime

from fission_http import connection, messages

DEADLINE_SECONDS = 5.0
MODULE = """
(module
  (import "wasi_snapshot_preview1" "fd_write"
    (func $write (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 0) "\\08\\00\\00\\00\\01\\00\\00\\00.")
  (func (export "_start")
    (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 16)))))
"""

Handler = Callable[[messages.Request], Awaitable[messages.Response]]


async def run(handler: Handler) -> None:
    """Specialize and call by way of the handler; without it the first call is only slower."""
    with _file_in_memory() as path, contextlib.suppress(OSError, asyncio.IncompleteReadError):
        if path:
            async with asyncio.timeout(DEADLINE_SECONDS):
                await _perform(handler, path)


@contextlib.contextmanager
def _file_in_memory() -> Iterator[str]:
    """The module's path; empty without /proc. A pod may have no folder to write to."""
    code = os.memfd_create("rehearsal")
    try:
        os.write(code, wasmtime.wat2wasm(MODULE))
        path = f"/proc/self/fd/{code}"
        yield path if os.path.exists(path) else ""
    finally:
        os.close(code)


async def _perform(handler: Handler, path: str) -> None:
    ours, theirs = socket.socketpair()
    loop = asyncio.get_running_loop()
    shared = connection.Shared(handler, connection.Limits(), loop)
    await loop.connect_accepted_socket(lambda: connection.Connection(shared), theirs)
    reader, writer = await asyncio.open_connection(sock=ours)
    try:
        load = json.dumps({"filepath": path})
        head = f"POST /v2/specialize HTTP/1.1\r\nHost: rehearsal\r\nContent-Length: {len(load)}"
        writer.write(f"{head}\r\n\r\n{load}".encode())
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"GET / HTTP/1.1\r\nHost: rehearsal\r\n\r\n")
        await reader.readuntil(b"\r\n\r\n")
    finally:
        writer.close()
