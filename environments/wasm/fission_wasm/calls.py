"""One call: its deadline, its bounded output, and how it ended.

A call is ended from outside in one way: `stop` says why, sleeping ends, and at the next epoch the
instance's code is trapped. It runs in one thread; `stop` may come from any other.
"""

from __future__ import annotations

import contextlib
import ctypes
import dataclasses
import errno
import re
import sys
import threading
import time
from collections.abc import Iterator

import wasmtime
from wasmtime import _bindings as bindings
from wasmtime import _ffi as ffi

from fission_wasm import cgi, waiting
from fission_wasm import settings as all_settings

MAX_LOG_LINE_BYTES = 64 * 1024
MAX_TABLE_ELEMENTS = 1_000_000
"""8 MB. The tables of large programs have some ten thousand."""
MAX_TABLES = 16

_CAUSE = re.compile(r"^\s*(?:\d+: )?")
"""Before each of the causes that wasmtime lists; the last is the first cause."""


@dataclasses.dataclass(frozen=True)
class Failure(Exception):
    """A call that has no answer of its own."""

    status: int
    text: str
    """For the caller: what happened, and nothing of the program's inside."""
    detail: str = ""
    """For the log."""


class Call:
    """What one run of an instance is given, and what it leaves."""

    def __init__(
        self,
        settings: all_settings.Settings,
        method: str,
        target: str,
        headers: list[tuple[str, str]],
        body: bytes,
        remote_address: str = "",
    ) -> None:
        """Raises ValueError for a request that variables cannot hold."""
        self.settings = settings
        self.method = method
        self.target = target
        self.headers = headers
        self.body = body
        self.variables = cgi.make_variables(method, target, headers, len(body), remote_address)
        self.deadline = time.monotonic() + settings.timeout_seconds
        self.log = LogLines()
        self._stopped: Failure | None = None
        self._over = threading.Event()
        self._pieces: list[bytes] = []
        self._size = 0

    @property
    def output(self) -> bytes:
        return b"".join(self._pieces)

    def read_answer(self) -> cgi.Answer:
        """Standard output as an answer; raises Failure for one that cannot be."""
        try:
            return cgi.parse_answer(self.output)
        except cgi.BadAnswer as error:
            raise Failure(500, f"the function's answer is malformed: {error}") from None

    def take_output(self, piece: bytes) -> int | None:
        """Keep a piece of standard output; beyond the limit the call is over."""
        self._size += len(piece)
        if self._size > self.settings.max_answer_bytes:
            limit = f"{self.settings.max_answer_mib} MiB"
            self.stop(Failure(500, f"the function's answer is larger than {limit}"))
            return -errno.EFBIG
        self._pieces.append(piece)
        return None

    def stop(self, failure: Failure) -> None:
        """End the call; the first reason counts."""
        if self._stopped is None:
            self._stopped = failure
        self._over.set()

    def wait(self, seconds: float) -> bool:
        """Wait as long as this; False as soon as the call is over."""
        left = self.deadline - time.monotonic()
        if self._over.wait(max(0.0, min(seconds, left))):
            return False
        return self.is_going_on()

    def is_going_on(self) -> bool:
        """Whether nobody has stopped the call and its time is not up."""
        if self._stopped is None and time.monotonic() >= self.deadline:
            limit = f"{self.settings.timeout_seconds:g} s"
            self.stop(Failure(504, f"the function ran longer than {limit} and was ended"))
        return self._stopped is None

    def failure(self, error: wasmtime.WasmtimeError | wasmtime.Trap | None) -> Failure | None:
        """How the call ended, given what wasmtime raised; None when it ended well."""
        if self._stopped is not None:
            return self._stopped
        if error is None:
            return None
        if isinstance(error, wasmtime.ExitTrap):
            if error.code == 0:
                return None
            return Failure(500, f"the function ended with exit code {error.code}")
        text = str(error)
        reason = _CAUSE.sub("", text.strip().splitlines()[-1])
        return Failure(500, f"the function failed: {reason}", text)


class LogLines:
    """Standard error of a call: whole lines to the log, as soon as they are whole."""

    def __init__(self) -> None:
        self._rest = b""

    def take(self, piece: bytes) -> None:
        *lines, self._rest = (self._rest + piece).split(b"\n")
        if len(self._rest) > MAX_LOG_LINE_BYTES:
            lines.append(self._rest)
            self._rest = b""
        for line in lines:
            _log(line)

    def close(self) -> None:
        if self._rest:
            _log(self._rest)
            self._rest = b""


def _log(line: bytes) -> None:
    sys.stderr.write(line.decode(errors="replace") + "\n")


@contextlib.contextmanager
def store(
    engine: wasmtime.Engine, call: Call, *, memories: int, instances: int
) -> Iterator[wasmtime.Store]:
    """A store with the call's limits, for this thread; at every epoch the call is asked."""
    made = wasmtime.Store(engine)
    made.set_limits(
        memory_size=call.settings.memory_bytes,
        table_elements=MAX_TABLE_ELEMENTS,
        tables=MAX_TABLES,
        memories=memories,
        instances=instances,
    )
    made.set_epoch_deadline(1)
    number = id(call)
    ffi.wasmtime_store_epoch_deadline_callback(made.ptr(), _at_epoch, number, _NO_FINALIZER)
    _calls[number] = waiting.current.call = call
    try:
        yield made
    finally:
        made.close()
        del _calls[number]
        waiting.current.call = None
        call.log.close()


_calls: dict[int, Call] = {}
"""Calls that run, by the number that native code hands back."""

_CONTINUE = 0
_CALLBACK = bindings._wasmtime_store_epoch_deadline_callback.argtypes
_NO_FINALIZER = _CALLBACK[3]()


@_CALLBACK[1]  # type: ignore[untyped-decorator]
def _at_epoch(_context: object, number: int | None, delta: object, kind: object) -> int:
    call = _calls.get(number or 0)
    if call is not None and call.is_going_on():
        delta[0] = 1  # type: ignore[index]
        kind[0] = _CONTINUE  # type: ignore[index]
        return 0
    error = ffi.wasmtime_error_new(b"ended by its runtime")
    return ctypes.cast(error, ctypes.c_void_p).value or 0
