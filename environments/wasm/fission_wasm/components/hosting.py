"""Python functions in a component linker, and calls of exported functions.

A function gets the store's context and lifted arguments, and returns a value to lower, or None.
Which call it belongs to is known by the thread. An exception becomes an error of that call alone:
the binding's own way goes by a variable that all threads share.
"""

from __future__ import annotations

import ctypes
import traceback
from collections.abc import Callable, Sequence
from typing import Any

import wasmtime
from wasmtime import _ffi as ffi
from wasmtime import component

from fission_wasm.components import values

Function = Callable[..., Any]

_functions: list[Function] = []
"""Functions in linkers, by the number that native code hands back. They are of modules: few."""


def define(instance: component.LinkerInstance, name: str, function: Function) -> None:
    """Put a function into an instance of a linker."""
    if function not in _functions:
        _functions.append(function)
    encoded = name.encode()
    error = ffi.wasmtime_component_linker_instance_add_func(
        instance.ptr(),
        ctypes.create_string_buffer(encoded),
        len(encoded),
        _call,
        _functions.index(function),
        _NO_FINALIZER,
    )
    if error:
        raise wasmtime.WasmtimeError._from_ptr(error)


def call(
    context: values.Context, function: component.Func, arguments: Sequence[Any], results: int
) -> list[Any]:
    """Call an export, also from within a function that an export has called.

    Raises WasmtimeError.
    """
    given = (ffi.wasmtime_component_val_t * len(arguments))()
    for value, into in zip(arguments, given, strict=True):
        values.lower(context, value, into)
    returned = (ffi.wasmtime_component_val_t * results)()
    error = ffi.wasmtime_component_func_call(
        ctypes.byref(function._func), context, given, len(arguments), returned, results
    )
    for value in given:
        ffi.wasmtime_component_val_delete(ctypes.byref(value))
    if error:
        raise wasmtime.WasmtimeError._from_ptr(error)
    return [values.take(value) for value in returned]


_CALLBACK = ffi.wasmtime_component_func_callback_t
_NO_FINALIZER = ctypes.CFUNCTYPE(None, ctypes.c_void_p)()


@_CALLBACK  # type: ignore[untyped-decorator]
def _call(
    number: int | None,
    context: Any,
    _type: Any,
    arguments: Any,
    count: int,
    results: Any,
    result_count: int,
) -> int:
    try:
        given = [values.lift(arguments[index]) for index in range(count)]
        answer = _functions[number or 0](context, *given)
        for value in given:
            values.give_back(context, value)
        if result_count:
            values.lower(context, answer, results[0])
        return 0
    except Exception:
        error = ffi.wasmtime_error_new(traceback.format_exc(limit=-3).encode())
        return ctypes.cast(error, ctypes.c_void_p).value or 0
