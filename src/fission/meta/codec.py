"""Wire dicts ↔ msgspec structs with camelCase names, and the JSON of untyped objects.

Structs that travel derive from ``Wire``: fields are snake_case here and camelCase on the wire,
defaults are left out, unknown fields are ignored (the API server checks them).
"""

from __future__ import annotations

from typing import Any, TypeVar

import msgspec
import orjson

from fission.base import errors

T = TypeVar("T")

_ONLY_JSON = (
    orjson.OPT_PASSTHROUGH_DATACLASS
    | orjson.OPT_PASSTHROUGH_DATETIME
    | orjson.OPT_PASSTHROUGH_SUBCLASS
)


class Wire(msgspec.Struct, rename="camel", omit_defaults=True, kw_only=True):
    """Base of typed wire objects."""


class DecodeError(errors.InvalidInput):
    """A body is not JSON, or a field has the wrong type; the message names it."""

    reason = "DecodeError"


def decode(type_: type[T], obj: Any) -> T:
    """A dict (or list, or scalar) from the wire as ``type_``; raises DecodeError."""
    try:
        return msgspec.convert(obj, type_, strict=True)
    except msgspec.ValidationError as error:
        raise DecodeError(str(error)) from error


def encode(obj: Any) -> Any:
    """The wire dict of a struct."""
    return msgspec.to_builtins(obj, builtin_types=())


def from_json(content: bytes | bytearray | memoryview | str) -> Any:
    """Untyped JSON; raises DecodeError."""
    try:
        return orjson.loads(content)
    except orjson.JSONDecodeError as error:
        raise DecodeError(f"invalid JSON: {error}") from error


def to_json(obj: Any) -> bytes:
    """Compact JSON of an untyped object."""
    return orjson.dumps(obj)


def decode_json(type_: type[T], content: bytes) -> T:
    """JSON bytes as ``type_``; raises DecodeError."""
    try:
        return msgspec.json.decode(content, type=type_)
    except msgspec.DecodeError as error:
        raise DecodeError(str(error)) from error


def encode_json(obj: Any) -> bytes:
    """JSON bytes of a struct."""
    return msgspec.json.encode(obj)


def deep_copy(obj: Any) -> Any:
    """A copy of plain JSON data that shares no container with the original."""
    if not isinstance(obj, dict | list):
        return obj
    try:
        return orjson.loads(orjson.dumps(obj, option=_ONLY_JSON))  # ten times as fast as walking
    except (TypeError, ValueError):  # what its numbers, strings or nesting cannot take
        return _walk(obj)


def is_same(one: Any, other: Any) -> bool:
    """Whether two pieces of JSON data are certainly the same, types and order included."""
    try:
        return orjson.dumps(one, option=_ONLY_JSON) == orjson.dumps(other, option=_ONLY_JSON)
    except (TypeError, ValueError):
        return False


def _walk(obj: Any) -> Any:
    if isinstance(obj, dict):
        return {key: _walk(value) for key, value in obj.items()}
    if isinstance(obj, list):
        return [_walk(value) for value in obj]
    return obj
