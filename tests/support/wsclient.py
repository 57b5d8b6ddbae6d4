"""A WebSocket client for tests: it sends what it is told, right or wrong, and reads frames."""

from __future__ import annotations

import os
import socket
import struct

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10
SECONDS = 20.0
KEY = "dGhlIHNhbXBsZSBub25jZQ=="
ACCEPT = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
"""The example of RFC 6455 and its answer."""


class Client:
    """One connection, after a handshake that must succeed."""

    def __init__(self, address: tuple[str, int], path: str = "/", **headers: str) -> None:
        self.socket = socket.create_connection(address, SECONDS)
        self.buffer = b""
        self.socket.sendall(handshake(path, **headers))
        head = self.read_head()
        assert head.startswith("HTTP/1.1 101 "), head
        assert f"Sec-WebSocket-Accept: {ACCEPT}" in head
        self.head = head

    def read_head(self) -> str:
        while b"\r\n\r\n" not in self.buffer:
            piece = self.socket.recv(65536)
            assert piece, f"closed after {self.buffer!r}"
            self.buffer += piece
        head, _, self.buffer = self.buffer.partition(b"\r\n\r\n")
        return head.decode()

    def send(self, opcode: int, payload: bytes, *, final: bool = True) -> None:
        self.socket.sendall(frame(opcode, payload, final=final))

    def receive(self) -> tuple[int, bytes]:
        """Opcode and payload of the next frame, which must be whole and unmasked."""
        first, second = self._take(2)
        assert first & 0xF0 == 0x80
        assert second < 0x80
        length = second
        if second == 126:
            (length,) = struct.unpack(">H", self._take(2))
        elif second == 127:
            (length,) = struct.unpack(">Q", self._take(8))
        return first & 0x0F, self._take(length)

    def receive_end(self) -> None:
        assert self.buffer == b""
        assert self.socket.recv(1) == b""

    def close(self) -> None:
        self.socket.close()

    def _take(self, count: int) -> bytes:
        while len(self.buffer) < count:
            piece = self.socket.recv(65536)
            assert piece, "closed in the middle of a frame"
            self.buffer += piece
        taken, self.buffer = self.buffer[:count], self.buffer[count:]
        return taken


def handshake(path: str = "/", **headers: str) -> bytes:
    lines = {
        "Host": "pod",
        "Connection": "keep-alive, Upgrade",
        "Upgrade": "WebSocket",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": KEY,
        **{name.replace("_", "-"): value for name, value in headers.items()},
    }
    text = "".join(f"{name}: {value}\r\n" for name, value in lines.items() if value)
    return f"GET {path} HTTP/1.1\r\n{text}\r\n".encode()


def frame(opcode: int, payload: bytes, *, final: bool = True) -> bytes:
    mask = os.urandom(4)
    length = len(payload)
    if length < 126:
        size = bytes([0x80 | length])
    elif length < 65536:
        size = b"\xfe" + struct.pack(">H", length)
    else:
        size = b"\xff" + struct.pack(">Q", length)
    masked = bytes(byte ^ mask[index % 4] for index, byte in enumerate(payload))
    return bytes([(0x80 if final else 0) | opcode]) + size + mask + masked
