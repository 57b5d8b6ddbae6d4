"""The protobuf wire format: bytes to (field number, value) pairs, knowing no message.

Values are ints (varint, fixed) or bytes (length-delimited); groups are refused, Kubernetes has
none. Everything is bounded by the buffer; a truncated one raises ``WireError``.
"""

from __future__ import annotations

from collections.abc import Iterator

_MAX_VARINT_BYTES = 10
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5


class WireError(ValueError):
    """The bytes are not a protobuf message."""


def read_varint(data: bytes, position: int) -> tuple[int, int]:
    """Return the unsigned value at ``position`` and the position behind it."""
    value = shift = 0
    for _ in range(_MAX_VARINT_BYTES):
        if position >= len(data):
            raise WireError("unexpected EOF")
        byte = data[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value & 0xFFFFFFFFFFFFFFFF, position
        shift += 7
    raise WireError("integer overflow")


def signed(value: int) -> int:
    """Read an unsigned varint as the int32 or int64 that was written (two's complement)."""
    return value - (1 << 64) if value >= 1 << 63 else value


def iter_fields(data: bytes) -> Iterator[tuple[int, int | bytes]]:
    """Yield each field of one message in the order of the wire."""
    position = 0
    while position < len(data):
        key, position = read_varint(data, position)
        number, wire_type = key >> 3, key & 7
        if number == 0:
            raise WireError("illegal tag 0")
        if wire_type == _VARINT:
            value, position = read_varint(data, position)
            yield number, value
            continue
        if wire_type == _BYTES:
            length, position = read_varint(data, position)
        elif wire_type in (_FIXED64, _FIXED32):
            length = 8 if wire_type == _FIXED64 else 4
        else:
            raise WireError(f"illegal wire type {wire_type}")
        end = position + length
        if end > len(data):
            raise WireError("unexpected EOF")
        chunk = data[position:end]
        yield number, chunk if wire_type == _BYTES else int.from_bytes(chunk, "little")
        position = end
