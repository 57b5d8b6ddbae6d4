"""A connection on which both sides agreed to speak something else: bytes pass as they are.

An exchange becomes a tunnel when its pod answers 101 and takes its place between the two
connections. Its pod stays in use as long as it is open. What ends it: either side; silence of both
for too long; the longest duration of a stream; the router's own end. In the last three both sides
are told so in a Close frame, as WebSocket is the only protocol that is let through. A frame that
one side had begun is broken off by that; nothing would have come behind it.

Peers that vanished without a word are found by the kernel (see `listener`), and peers that stopped
reading by `stalls`: whoever does not read is not written to, so nothing collects here.
"""

from __future__ import annotations

import math
import struct
from typing import TYPE_CHECKING, Final

from fission.contracts import invocation
from fission.router import failures

if TYPE_CHECKING:
    from collections.abc import Callable

    from fission.router import proxy, upstream

    Finish = Callable[[int, int, failures.Failure | None], None]

FLUSH_SECONDS: Final = 2.0
"""How long the last bytes may take to reach a pod."""

GOING_AWAY: Final = 1001
"""RFC 6455, section 7.4.1: an endpoint goes away; clients connect again."""

_UNMASKED: Final = 0x00
_MASKED: Final = 0x80


class Tunnel:
    """Two connections, joined."""

    __slots__ = (
        "_ended",
        "_finish",
        "_front",
        "_idle_seconds",
        "_until",
        "_upstream",
        "client_bytes",
        "pod_bytes",
        "upstream_full",
    )

    wants_body = True

    def __init__(
        self,
        front: proxy.Front,
        pod: upstream.Upstream,
        finish: Finish,
        idle_seconds: float,
        until: float,
    ) -> None:
        """`finish` is called once at the end with the bytes of client and pod; `until` is a moment
        of the loop's clock."""
        self._front = front
        self._upstream = pod
        self._finish = finish
        self._idle_seconds = idle_seconds
        self._until = until
        self._ended = False
        self.upstream_full = False
        self.client_bytes = 0
        self.pod_bytes = 0
        self._touch()

    def client_data(self, data: bytes) -> int:
        """Bytes from the client; all are used."""
        self._upstream.transport.write(data)
        self.client_bytes += len(data)
        self._touch()
        return len(data)

    def upstream_data(self, data: bytes) -> None:
        """Bytes from the pod."""
        self._front.transport.write(data)
        self.pod_bytes += len(data)
        self._touch()

    def client_paused(self, *, paused: bool) -> None:
        """The client takes less (or more again) than the pod gives."""
        self._upstream.pause(paused=paused)

    def upstream_paused(self, *, paused: bool) -> None:
        """The pod takes less (or more again) than the client gives."""
        self.upstream_full = paused
        self._front.pause_reading(paused=paused)

    def upstream_lost(self, error: Exception | None) -> None:
        """The pod's end."""
        if self._ended:
            return
        self._end(
            failures.function_error(f"the pod's connection broke: {error}") if error else None
        )
        self._front.exchange_done(keep_alive=False)

    def client_gone(self, error: Exception | None) -> None:
        """The client's end."""
        if self._ended:
            return
        self._end(failures.client_disconnect(str(error)) if error else None)
        self._close_upstream()

    def client_stalled(self, failure: failures.Failure) -> None:
        """The client does not read."""
        self._end(failure)
        self._upstream.drop()
        self._front.abort()

    def expired(self) -> None:
        """A deadline passed."""
        if self._front.loop.time() >= self._until:
            self.close(invocation.STREAM_MAX_DURATION, "the connection lasted as long as it may")
        else:
            text = f"nothing was said for {self._idle_seconds:g} s"
            self.close(invocation.STREAM_IDLE, text)

    def going_away(self) -> None:
        """The router ends: clients connect again, to the next one."""
        self.close(invocation.GOING_AWAY, "the router ends")

    def close(self, reason: str, text: str) -> None:
        """End it, and say why to both sides."""
        if self._ended:
            return
        component = "router" if reason == invocation.GOING_AWAY else "timeout"
        self._end(failures.Failure(101, component, reason, text))
        if not self._front.transport.is_closing():
            self._front.transport.write(close_frame(reason, masked=False))
        if not self._upstream.transport.is_closing():
            self._upstream.transport.write(close_frame(reason, masked=True))
        self._close_upstream()
        self._front.exchange_done(keep_alive=False)

    def _close_upstream(self) -> None:
        transport = self._upstream.transport
        self._upstream.user = None
        self._upstream.pause(paused=False)
        transport.close()
        if transport.get_write_buffer_size():
            self._front.loop.call_later(FLUSH_SECONDS, transport.abort)

    def _end(self, failure: failures.Failure | None) -> None:
        self._ended = True
        self._finish(self.client_bytes, self.pod_bytes, failure)

    def _touch(self) -> None:
        left = self._until - self._front.loop.time() if self._until != math.inf else math.inf
        within = min(self._idle_seconds, left)
        if within != math.inf:
            self._front.expect_within(max(within, 0.0))
        else:
            self._front.expect_nothing()


def close_frame(reason: str, *, masked: bool) -> bytes:
    """A WebSocket's last frame; what a client would say is masked (here with zeros)."""
    payload = struct.pack(">H", GOING_AWAY) + reason.encode()
    mask = bytes(4) if masked else b""
    return bytes((0x88, (_MASKED if masked else _UNMASKED) | len(payload))) + mask + payload
