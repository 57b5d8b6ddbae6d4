"""How modules are compiled, and the clock that ends calls.

Two engines. The *fast* one is Winch, wasmtime's one-pass compiler: 4 ms for a small C program, so
that a cold start is short. The *good* one is Cranelift with optimization: 30 ms, in code that runs
2 to 5 times as fast. A loaded module is compiled fast at once, and well a little later in the
background. What Winch does not know (garbage collection, exceptions, tail calls) is compiled well
at once, and so is everything on processors for which Winch is no first-class compiler.

Native code that somebody else has made is never loaded: it would run outside of WebAssembly's
sandbox. So a package holds modules only, and every pod compiles them itself.

Engines may start threads: they are made after the fork.
"""

from __future__ import annotations

import platform
import threading

import wasmtime
from wasmtime import _bindings as bindings

TICK_SECONDS = 0.01
"""How exact a deadline is. A tick costs every running call one check."""

WINCH_MACHINES = ("x86_64", "AMD64")
"""Where wasmtime supports Winch as it supports Cranelift."""

_WINCH = 2
"""WASMTIME_STRATEGY_WINCH of wasmtime's config.h; the binding's own enumeration counts from 1."""


def make_fast_config() -> wasmtime.Config:
    """For code at once. What Winch cannot compile is off, or it refuses everything."""
    config = _make_config()
    # The binding's setter knows Cranelift only.
    bindings.wasmtime_config_strategy_set(config.ptr(), _WINCH)
    config.gc_support = False
    config.wasm_gc = False
    config.wasm_function_references = False
    config.wasm_exceptions = False
    config.wasm_relaxed_simd = False
    config.wasm_tail_call = False
    return config


def make_good_config() -> wasmtime.Config:
    """For code that lasts, by one patient thread beside the calls."""
    config = _make_config()
    config.parallel_compilation = False
    return config


def _make_config() -> wasmtime.Config:
    config = wasmtime.Config()
    config.epoch_interruption = True
    # Memory that instances share has no limit per instance, and a module has no threads here.
    config.wasm_threads = False
    config.native_unwind_info = False
    return config


class Clock:
    """Counts the epochs of engines while calls are running, and sleeps while none is."""

    def __init__(self, engines: list[wasmtime.Engine]) -> None:
        self._engines = engines
        self._running = 0
        self._change = threading.Condition()
        self._thread: threading.Thread | None = None

    def __enter__(self) -> None:
        with self._change:
            self._running += 1
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="epochs", daemon=True)
                self._thread.start()
            if self._running == 1:
                self._change.notify()

    def __exit__(self, *_: object) -> None:
        with self._change:
            self._running -= 1

    def _run(self) -> None:
        pause = threading.Event()
        while True:
            with self._change:
                while not self._running:
                    self._change.wait()
            pause.wait(TICK_SECONDS)
            for engine in self._engines:
                engine.increment_epoch()


class Engines:
    """The two engines and their clock."""

    def __init__(self) -> None:
        self.good = wasmtime.Engine(make_good_config())
        is_known = platform.machine() in WINCH_MACHINES
        self.fast = wasmtime.Engine(make_fast_config()) if is_known else self.good
        self.clock = Clock([self.good, self.fast] if is_known else [self.good])
