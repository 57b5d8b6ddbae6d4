"""How a server ends connections without losing a request that is on its way.

Whoever connects has a request to send, and whoever kept a connection may be sending one just now.
So at shutdown connections without a request are not closed at once: each gets a moment, and is
closed only when the kernel holds nothing unread of it. What arrives in that moment is answered
with `Connection: close`.
"""

from __future__ import annotations

import asyncio
import fcntl
import struct
import termios
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

FIRST_SECONDS: Final = 1.0
"""For the first request of a new connection: nobody connects to say nothing."""

LAST_SECONDS: Final = 0.25
"""For one more request on a kept connection: a client that is active shows it."""

LOOK_AGAIN_SECONDS: Final = 0.01

_ACCEPT_TURNS: Final = 4
_INT: Final = struct.calcsize("i")


async def stop_accepting(listeners: Sequence[asyncio.Server]) -> None:
    """Close listeners; connections accepted so far have their protocols afterwards.

    Event loops accept first and call `connection_made` a turn or two later. asyncio's own loop
    loses a connection whose listener is closed in between, so there accepting ends first.
    """
    loop = asyncio.get_running_loop()
    if isinstance(loop, asyncio.SelectorEventLoop):
        for listener in listeners:
            for each in listener.sockets:
                loop.remove_reader(each.fileno())
        await _turns()
    for listener in listeners:
        listener.close()
    await _turns()


async def _turns() -> None:
    for _ in range(_ACCEPT_TURNS):
        await asyncio.sleep(0)


def is_unread(transport: asyncio.BaseTransport) -> bool:
    """Whether bytes have arrived that the loop has yet to read."""
    connection = transport.get_extra_info("socket")
    if connection is None or connection.fileno() < 0:
        return False
    try:
        answer = fcntl.ioctl(connection.fileno(), termios.FIONREAD, bytes(_INT))
    except OSError:
        return False
    return bool(int(struct.unpack("i", answer)[0]))
