"""Time as a module sees it: clocks, and waiting that ends when its call does.

wasmtime's own ``poll_oneoff`` sleeps in native code, where nothing can end it: a module that slept
an hour would keep its thread for an hour. So the two functions of WASI preview 1 that belong
together, ``poll_oneoff`` and ``clock_time_get``, are ours. Everything else is wasmtime's.

Neither ever raises: an exception would cross wasmtime's only slot for all threads. A wait that is
cut short returns EINTR, and the next check of the epoch ends the call.
"""

from __future__ import annotations

import contextlib
import struct
import threading
import time
from collections.abc import Callable
from typing import Any, Protocol

import wasmtime

from fission_wasm import modules

OK, EFAULT, EINTR, EINVAL = 0, 21, 27, 28
REALTIME, MONOTONIC, PROCESS_CPU, THREAD_CPU = 0, 1, 2, 3
MAX_SUBSCRIPTIONS = 1024

_NANOSECONDS = 1_000_000_000
_CLOCK_EVENT, _READ_EVENT, _WRITE_EVENT = 0, 1, 2
_ABSOLUTE = 1
_SUBSCRIPTION_BYTES = 48
_EVENT_BYTES = 32


class Waiter(Protocol):
    """The call that is running in this thread."""

    def wait(self, seconds: float) -> bool:
        """Wait as long as this, or until the call is over; True when it is not over."""


current = threading.local()
"""``current.call`` is the Waiter of the thread."""


def define(linker: wasmtime.Linker) -> None:
    """Put both functions into a linker, over wasmtime's."""
    i32, i64 = wasmtime.ValType.i32(), wasmtime.ValType.i64()
    linker.allow_shadowing = True
    linker.define_func(
        modules.WASI,
        "clock_time_get",
        wasmtime.FuncType([i32, i64, i32], [i32]),
        clock_time_get,
        access_caller=True,
    )
    linker.define_func(
        modules.WASI,
        "poll_oneoff",
        wasmtime.FuncType([i32, i32, i32, i32], [i32]),
        poll_oneoff,
        access_caller=True,
    )


_CLOCKS: dict[int, Callable[[], int]] = {
    REALTIME: time.time_ns,
    MONOTONIC: time.monotonic_ns,
    PROCESS_CPU: time.thread_time_ns,
    THREAD_CPU: time.thread_time_ns,
}


def clock_time_get(caller: Any, clock: int, _precision: int, result: int) -> int:
    """Write the nanoseconds of a clock."""
    now = _CLOCKS.get(clock)
    if now is None:
        return EINVAL
    return _write(caller, result, struct.pack("<Q", now()))


def poll_oneoff(caller: Any, subscriptions: int, events: int, count: int, result: int) -> int:
    """Wait for the first of some clocks; streams and files are always ready."""
    count &= 0xFFFFFFFF
    if not 0 < count <= MAX_SUBSCRIPTIONS:
        return EINVAL
    raw = _read(caller, subscriptions, count * _SUBSCRIPTION_BYTES)
    if raw is None:
        return EFAULT
    ready: list[bytes] = []
    clocks: list[tuple[float, int]] = []
    for offset in range(0, len(raw), _SUBSCRIPTION_BYTES):
        userdata, kind = struct.unpack_from("<QB", raw, offset)
        if kind == _CLOCK_EVENT:
            seconds = _remaining(raw, offset)
            if seconds is None:
                ready.append(_event(userdata, kind, EINVAL))
            else:
                clocks.append((seconds, userdata))
        elif kind in (_READ_EVENT, _WRITE_EVENT):
            ready.append(_event(userdata, kind, OK))
        else:
            return EINVAL
    shortest = 0.0 if ready or not clocks else max(0.0, min(clocks)[0])
    if not current.call.wait(shortest):
        return EINTR
    ready += [_event(user, _CLOCK_EVENT, OK) for seconds, user in clocks if seconds <= shortest]
    return _write(caller, events, b"".join(ready)) or _write(
        caller, result, struct.pack("<I", len(ready))
    )


def _remaining(raw: bytes, offset: int) -> float | None:
    clock, timeout = struct.unpack_from("<I4xQ", raw, offset + 16)
    (flags,) = struct.unpack_from("<H", raw, offset + 40)
    now = _CLOCKS.get(clock)
    if now is None:
        return None
    if flags & _ABSOLUTE:
        timeout -= now()
    return float(timeout) / _NANOSECONDS


def _event(userdata: int, kind: int, errno: int) -> bytes:
    return struct.pack("<QHB5xQH6x", userdata, errno, kind, 0, 0)


def _read(caller: Any, address: int, size: int) -> bytes | None:
    memory = caller.get("memory")
    with contextlib.suppress(IndexError, AttributeError):
        content = memory.read(caller, address & 0xFFFFFFFF, (address & 0xFFFFFFFF) + size)
        if len(content) == size:
            return bytes(content)
    return None


def _write(caller: Any, address: int, content: bytes) -> int:
    memory = caller.get("memory")
    with contextlib.suppress(IndexError, AttributeError):
        memory.write(caller, content, address & 0xFFFFFFFF)
        return OK
    return EFAULT
