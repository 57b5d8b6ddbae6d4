"""A message as the fields of a stream's entry, and back. Pure."""

from collections.abc import Mapping
from typing import Final

import orjson

BODY, KEY, HEADER = b"body", b"key", b"header:"
JSON_TYPE: Final = "application/json"


def encode(body: bytes, headers: Mapping[str, str], key: str) -> dict[bytes, bytes]:
    """Our own shape: ``body``, ``key``, ``header:<Name>``."""
    fields = {BODY: body}
    if key:
        fields[KEY] = key.encode()
    for name, value in headers.items():
        fields[HEADER + name.encode()] = value.encode()
    return fields


def decode(fields: Mapping[bytes, bytes]) -> tuple[bytes, dict[str, str], str]:
    """Body, headers and key. Without a field ``body``, all fields become one JSON object."""
    key = fields.get(KEY, b"").decode(errors="replace")
    headers = {
        name.removeprefix(HEADER).decode(errors="replace"): value.decode(errors="replace")
        for name, value in fields.items()
        if name.startswith(HEADER)
    }
    if BODY in fields:
        return fields[BODY], headers, key
    words = {
        name.decode(errors="replace"): value.decode(errors="replace")
        for name, value in fields.items()
        if not name.startswith(HEADER)
    }
    return orjson.dumps(words), {"Content-Type": JSON_TYPE, **headers}, key
