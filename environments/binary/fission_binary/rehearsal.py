"""A rehearsal: a program that does nothing is loaded and called once, before anybody waits.

Whatever happens for the first time in a forked process is slow: pages are copied, caches are
filled. So a generic process goes the whole way of a first call, from bytes to bytes.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
import socket
from collections.abc import Awaitable, Callable

from fission_http import connection, messages

DEADLINE_SECONDS = 5.0

Handler = Callable[[messages.Request], Awaitable[messages.Response]]


async def run(handler: Handler) -> None:
    """Specialize and call by way of the handler; without it the first call is only slower."""
    program = shutil.which("true", path=os.defpath)
    folder = os.getcwd()
    try:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            if program is not None:
                async with asyncio.timeout(DEADLINE_SECONDS):
                    await _perform(handler, program)
    finally:
        os.chdir(folder)


async def _perform(handler: Handler, path: str) -> None:
    ours, theirs = socket.socketpair()
    loop = asyncio.get_running_loop()
    shared = connection.Shared(handler, connection.Limits(), loop)
    await loop.connect_accepted_socket(lambda: connection.Connection(shared), theirs)
    reader, writer = await asyncio.open_connection(sock=ours)
    try:
        load = json.dumps({"filepath": path, "functionName": ""})
        head = f"POST /v2/specialize HTTP/1.1\r\nHost: rehearsal\r\nContent-Length: {len(load)}"
        writer.write(f"{head}\r\n\r\n{load}".encode())
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"POST / HTTP/1.1\r\nHost: rehearsal\r\nContent-Length: 1\r\n\r\nx")
        await reader.readuntil(b"\r\n\r\n")
    finally:
        writer.close()
