"""Wire dicts ↔ our kinds.

Decoding ignores fields that no type of ours knows and reads ``null`` as absent, as Go does.
Encoding leaves out defaults, but always writes what peers expect to find (``relativeurl``, a
reference's ``type`` and ``name``). Writers therefore never send a whole decoded object back: they
send a patch, or lay their change over the raw object with ``overlay``.
"""

import base64
import functools
from typing import Any, Protocol, TypeVar

import msgspec
from msgspec import structs

from fission.api import resources, schema
from fission.meta import codec, objectmeta

K = TypeVar("K")

_STATIC = (str, int, float, bool, type(None))


def decode(kind: type[K], wire: Any) -> K:
    """A wire dict as ``kind``; raises ``meta.codec.DecodeError`` naming the field."""
    try:
        return msgspec.convert(wire, kind)
    except msgspec.ValidationError:
        return codec.decode(kind, without_nulls(wire))


def decode_any(wire: dict[str, Any]) -> schema.Model:
    """A wire dict of one of our kinds, as the type that its ``kind`` names."""
    kind = resources.TYPES.get(str(wire.get("kind")))
    if kind is None:
        raise codec.DecodeError(
            f"kind: Unsupported value: {wire.get('kind')!r}: supported values: "
            + ", ".join(sorted(resources.TYPES))
        )
    return decode(kind, wire)


def encode(obj: schema.Model) -> dict[str, Any]:
    """The wire dict of an object; an empty status is left out."""
    wire: dict[str, Any] = _to_wire(obj)
    return wire


def encode_part(part: schema.Model) -> dict[str, Any]:
    """The wire dict of a spec, a status or a part of one."""
    wire: dict[str, Any] = _to_wire(part)
    return wire


class Object(Protocol):
    """What every kind of ours has."""

    api_version: str
    kind: str
    metadata: objectmeta.ObjectMeta


def reference_to(obj: Object) -> dict[str, Any]:
    """What an Event has to know of an object: its beginning, in wire form."""
    metadata = obj.metadata
    return {
        "apiVersion": obj.api_version,
        "kind": obj.kind,
        "metadata": {
            "name": metadata.name,
            "namespace": metadata.namespace,
            "uid": metadata.uid,
            "resourceVersion": metadata.resource_version,
        },
    }


def without_nulls(value: Any) -> Any:
    """A copy of JSON data in which no object has a null field."""
    if isinstance(value, dict):
        return {key: without_nulls(item) for key, item in value.items() if item is not None}
    if isinstance(value, list):
        return [without_nulls(item) for item in value]
    return value


def merge_patch(before: Any, after: Any) -> dict[str, Any]:
    """The JSON merge patch (RFC 7386) that turns one JSON object into another."""
    patch: dict[str, Any] = {key: None for key in before if key not in after}
    for key, value in after.items():
        old = before.get(key)
        if isinstance(value, dict) and isinstance(old, dict):
            inner = merge_patch(old, value)
            if inner:
                patch[key] = inner
        elif key not in before or old != value:
            patch[key] = value
    return patch


def overlay(raw: dict[str, Any], before: schema.Model, after: schema.Model) -> dict[str, Any]:
    """``raw`` with what changed between two decoded states; fields that we do not know stay."""
    return _apply(raw, merge_patch(encode(before), encode(after)))


def _apply(target: Any, patch: dict[str, Any]) -> dict[str, Any]:
    result = dict(target) if isinstance(target, dict) else {}
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        elif isinstance(value, dict):
            result[key] = _apply(result.get(key), value)
        else:
            result[key] = value
    return result


def _to_wire(value: Any) -> Any:
    if isinstance(value, _STATIC):
        return value
    if isinstance(value, schema.Model):
        return _struct_to_wire(value)
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, dict):
        return {key: _to_wire(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_to_wire(item) for item in value]
    return codec.encode(value)


def _struct_to_wire(struct: schema.Model) -> dict[str, Any]:
    wire: dict[str, Any] = {}
    for name, wire_name, default, always in _plan(type(struct)):
        value = getattr(struct, name)
        if always:
            wire[wire_name] = _to_wire(value)
        elif isinstance(value, schema.Model):
            inner = _struct_to_wire(value)
            if inner or default is None:
                wire[wire_name] = inner
        elif value is not None and value != default:
            encoded = _to_wire(value)
            if encoded not in ({}, []):
                wire[wire_name] = encoded
    return wire


@functools.cache
def _plan(kind: type[schema.Model]) -> tuple[tuple[str, str, Any, bool], ...]:
    """Attribute, wire name, default (None: presence says something) and whether always written."""
    always = {*kind.written, "api_version", "kind", "metadata"}
    return tuple(
        (each.name, each.encode_name, each.default, each.name in always)
        for each in structs.fields(kind)
    )
