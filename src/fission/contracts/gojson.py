"""JSON with the habits of Go's encoding/json, for the wires whose other end may be written in Go.

Decoding matches field names in any case, reads ``null`` as absent and ignores what it does not
know; encoding leaves nothing out that has a value, and leaves empty optional fields out.
"""

import functools
import types
import typing
from typing import Any, TypeVar

import msgspec
from msgspec import structs

from fission.api import objects, schema
from fission.base import errors

T = TypeVar("T")


class MessageError(errors.Error):
    """A body that is not the message it should be; the text names the field."""

    reason = "BadRequest"


def decode(content: bytes, kind: type[T]) -> T:
    """The message in a body; raises MessageError."""
    try:
        return from_wire(msgspec.json.decode(content), kind)
    except msgspec.DecodeError as error:
        raise MessageError(str(error)) from error


def from_wire(wire: Any, kind: type[T]) -> T:
    """The message in decoded JSON; raises MessageError."""
    try:
        return msgspec.convert(_fitted(wire, kind), kind)
    except msgspec.ValidationError as error:
        raise MessageError(str(error)) from error


def encode(message: Any) -> bytes:
    """The body of a message."""
    return msgspec.json.encode(to_wire(message))


def to_wire(message: Any) -> Any:
    """The message as plain JSON data."""
    if isinstance(message, schema.Model):
        return objects.encode_part(message)
    if isinstance(message, list | tuple):
        return [to_wire(item) for item in message]
    return message


def _fitted(value: Any, kind: Any) -> Any:
    """``value`` with the field names that ``kind`` has and without nulls."""
    kind = _plain(kind)
    if isinstance(value, dict):
        if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
            return _fitted_struct(value, kind)
        inner = _argument(kind, dict, 1)
        return {key: _fitted(item, inner) for key, item in value.items() if item is not None}
    if isinstance(value, list):
        inner = _argument(kind, list, 0)
        return [_fitted(item, inner) for item in value]
    return value


def _fitted_struct(value: dict[str, Any], kind: type[msgspec.Struct]) -> dict[str, Any]:
    exact, folded = _fields(kind)
    result: dict[str, Any] = {}
    for key, item in value.items():
        name = key if key in exact else folded.get(key.lower())
        if name is not None and item is not None:
            result[name] = _fitted(item, exact[name])
    return result


@functools.cache
def _fields(kind: type[msgspec.Struct]) -> tuple[dict[str, Any], dict[str, str]]:
    """Type by wire name, and wire name by lower-case name."""
    exact = {each.encode_name: each.type for each in structs.fields(kind)}
    return exact, {name.lower(): name for name in exact}


@functools.cache
def _plain(kind: Any) -> Any:
    """``kind`` without ``Annotated`` and without ``| None``."""
    if typing.get_origin(kind) is typing.Annotated:
        kind = typing.get_args(kind)[0]
    if typing.get_origin(kind) in (types.UnionType, typing.Union):
        members = [each for each in typing.get_args(kind) if each is not type(None)]
        return _plain(members[0]) if len(members) == 1 else Any
    return kind


@functools.cache
def _argument(kind: Any, container: type, index: int) -> Any:
    return typing.get_args(kind)[index] if typing.get_origin(kind) is container else Any
