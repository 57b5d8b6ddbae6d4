"""The component model's values ↔ Python's, straight on wasmtime's structures.

Lifting goes by what a value says of itself; lowering by Python's types and the classes below. The
binding's own conversions keep state in module variables, which calls in parallel threads would mix,
and take a byte of a list at a time.
"""

from __future__ import annotations

import ctypes
import dataclasses
from typing import Any

from wasmtime import _ffi as ffi

_Value = ffi.wasmtime_component_val_t
_SIZE = ctypes.sizeof(_Value)
_PAYLOAD = _Value.of.offset

Context = Any
"""wasmtime's pointer to the store, as callbacks get it."""


@dataclasses.dataclass(frozen=True)
class U16:
    """An unsigned integer of 16 bits; Python's ``int`` alone has no width."""

    value: int


@dataclasses.dataclass(frozen=True)
class U64:
    """An unsigned integer of 64 bits."""

    value: int


@dataclasses.dataclass(frozen=True)
class Case:
    """A case of a variant, with its payload if it has one."""

    name: str
    payload: Any = None


@dataclasses.dataclass(frozen=True)
class Ok:
    """The good end of a result."""

    payload: Any = None


@dataclasses.dataclass(frozen=True)
class Err:
    """The bad end of a result."""

    payload: Any = None


@dataclasses.dataclass(frozen=True)
class Some:
    """An option that is there."""

    payload: Any


class Nothing:
    """An option that is not there."""


@dataclasses.dataclass(frozen=True)
class Own:
    """A resource of ours, handed over: which sort it is, and which of them."""

    sort: int
    rep: int


@dataclasses.dataclass(frozen=True)
class Borrowed:
    """A resource of anybody's, as wasmtime knows it."""

    pointer: Any

    def rep(self, context: Context) -> int:
        """Which of ours it is."""
        host = ctypes.POINTER(ffi.wasmtime_component_resource_host_t)()
        error = ffi.wasmtime_component_resource_any_to_host(
            context, self.pointer, ctypes.byref(host)
        )
        if error:
            ffi.wasmtime_error_delete(error)
            raise ValueError("not a resource of the host")
        rep = ffi.wasmtime_component_resource_host_rep(host)
        ffi.wasmtime_component_resource_host_delete(host)
        return int(rep)


@dataclasses.dataclass(frozen=True)
class Taken:
    """A resource that a component has handed over; whoever lowers it hands it on, once."""

    pointer: Any


def take(value: Any) -> Any:
    """A value that was returned to us, and is ours to free."""
    if value.kind == ffi.WASMTIME_COMPONENT_RESOURCE.value:
        return Taken(value.of.resource)
    lifted = lift(value)
    ffi.wasmtime_component_val_delete(ctypes.byref(value))
    return lifted


def give_back(context: Context, value: Any) -> None:
    """End what a call of ours was lent, or was given and has no further use for."""
    if isinstance(value, (Ok, Err)):
        value = value.payload
    if isinstance(value, Borrowed):
        error = ffi.wasmtime_component_resource_any_drop(context, value.pointer)
        if error:
            ffi.wasmtime_error_delete(error)


def lift(value: Any) -> Any:
    """A value as Python has it. Resources stay wasmtime's."""
    kind, of = value.kind, value.of
    name = _SCALARS.get(kind)
    if name is not None:
        return getattr(of, name)
    if kind == ffi.WASMTIME_COMPONENT_STRING.value:
        return _text(of.string)
    if kind == ffi.WASMTIME_COMPONENT_LIST.value:
        return _lift_list(of.list)
    if kind == ffi.WASMTIME_COMPONENT_TUPLE.value:
        return tuple(lift(of.tuple.data[index]) for index in range(of.tuple.size))
    if kind == ffi.WASMTIME_COMPONENT_OPTION.value:
        return lift(of.option.contents) if of.option else None
    if kind == ffi.WASMTIME_COMPONENT_RESULT.value:
        payload = lift(of.result.val.contents) if of.result.val else None
        return Ok(payload) if of.result.is_ok else Err(payload)
    if kind == ffi.WASMTIME_COMPONENT_VARIANT.value:
        payload = lift(of.variant.val.contents) if of.variant.val else None
        return Case(_text(of.variant.discriminant), payload)
    if kind == ffi.WASMTIME_COMPONENT_RECORD.value:
        entries = [of.record.data[index] for index in range(of.record.size)]
        return {_text(entry.name): lift(entry.val) for entry in entries}
    if kind == ffi.WASMTIME_COMPONENT_ENUM.value:
        return _text(of.enumeration)
    if kind == ffi.WASMTIME_COMPONENT_RESOURCE.value:
        return Borrowed(of.resource)
    raise ValueError(f"values of kind {kind} do not occur")


def lower(context: Context, value: Any, into: Any) -> None:
    """Write a Python value into wasmtime's structure, which owns it then."""
    of = into.of
    if isinstance(value, bool):
        into.kind, of.boolean = ffi.WASMTIME_COMPONENT_BOOL, value
    elif isinstance(value, U16):
        into.kind, of.u16 = ffi.WASMTIME_COMPONENT_U16, value.value
    elif isinstance(value, U64):
        into.kind, of.u64 = ffi.WASMTIME_COMPONENT_U64, value.value
    elif isinstance(value, str):
        into.kind, of.string = ffi.WASMTIME_COMPONENT_STRING, ffi.str_to_capi(value)
    elif isinstance(value, bytes):
        into.kind = ffi.WASMTIME_COMPONENT_LIST
        _lower_bytes(value, of.list)
    elif isinstance(value, (list, tuple)):
        _lower_many(context, value, into)
    elif isinstance(value, (Ok, Err)):
        into.kind = ffi.WASMTIME_COMPONENT_RESULT
        of.result.is_ok = isinstance(value, Ok)
        of.result.val = _box(context, value.payload)
    elif isinstance(value, Some):
        into.kind, of.option = ffi.WASMTIME_COMPONENT_OPTION, _box(context, value.payload)
    elif isinstance(value, Nothing):
        into.kind, of.option = ffi.WASMTIME_COMPONENT_OPTION, None
    elif isinstance(value, Case):
        into.kind = ffi.WASMTIME_COMPONENT_VARIANT
        of.variant.discriminant = ffi.str_to_capi(value.name)
        of.variant.val = _box(context, value.payload)
    elif isinstance(value, Own):
        into.kind, of.resource = ffi.WASMTIME_COMPONENT_RESOURCE, _make_own(context, value)
    elif isinstance(value, Taken):
        into.kind, of.resource = ffi.WASMTIME_COMPONENT_RESOURCE, value.pointer
    else:
        raise ValueError(f"values of {type(value).__name__} do not occur")


_SCALARS = {
    ffi.WASMTIME_COMPONENT_BOOL.value: "boolean",
    ffi.WASMTIME_COMPONENT_U8.value: "u8",
    ffi.WASMTIME_COMPONENT_U16.value: "u16",
    ffi.WASMTIME_COMPONENT_U32.value: "u32",
    ffi.WASMTIME_COMPONENT_U64.value: "u64",
    ffi.WASMTIME_COMPONENT_S32.value: "s32",
    ffi.WASMTIME_COMPONENT_S64.value: "s64",
}


def _text(name: Any) -> str:
    return ctypes.string_at(name.data, name.size).decode() if name.size else ""


def _lift_list(values: Any) -> Any:
    count = values.size
    if count and values.data[0].kind == ffi.WASMTIME_COMPONENT_U8.value:
        return ctypes.string_at(values.data, count * _SIZE)[_PAYLOAD::_SIZE]
    return [lift(values.data[index]) for index in range(count)]


def _lower_bytes(content: bytes, into: Any) -> None:
    count = len(content)
    ffi.wasmtime_component_vallist_new_uninit(ctypes.byref(into), count)
    if not count:
        return
    packed = bytearray(count * _SIZE)
    packed[::_SIZE] = bytes([ffi.WASMTIME_COMPONENT_U8.value]) * count
    packed[_PAYLOAD::_SIZE] = content
    ctypes.memmove(into.data, bytes(packed), len(packed))


def _lower_many(context: Context, values: Any, into: Any) -> None:
    if isinstance(values, list):
        into.kind, target = ffi.WASMTIME_COMPONENT_LIST, into.of.list
        ffi.wasmtime_component_vallist_new_uninit(ctypes.byref(target), len(values))
    else:
        into.kind, target = ffi.WASMTIME_COMPONENT_TUPLE, into.of.tuple
        ffi.wasmtime_component_valtuple_new_uninit(ctypes.byref(target), len(values))
    for index, value in enumerate(values):
        lower(context, value, target.data[index])


def _box(context: Context, payload: Any) -> Any:
    if payload is None:
        return None
    value = _Value()
    lower(context, payload, value)
    return ffi.wasmtime_component_val_new(ctypes.byref(value))


def _make_own(context: Context, own: Own) -> Any:
    host = ffi.wasmtime_component_resource_host_new(True, own.rep, own.sort)
    found = ctypes.POINTER(ffi.wasmtime_component_resource_any_t)()
    error = ffi.wasmtime_component_resource_host_to_any(context, host, ctypes.byref(found))
    ffi.wasmtime_component_resource_host_delete(host)
    if error:
        ffi.wasmtime_error_delete(error)
        raise ValueError("a resource could not be handed over")
    return found
