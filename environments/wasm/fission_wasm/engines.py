"""How modules are compiled, and the clock that ends calls.

Two engines: one compiles fast (8 to 12 ms for a small C program, so that a cold start is short),
the other well (2 to 3 times as long, 2 to 4 times as fast code). A loaded module gets the first
at once and the second a little later, in the background.

Native code that somebody else has made is never loaded: it would run outside of WebAssembly's
sandbox. So a package holds modules only, and every pod compiles them itself.

Engines may start threads: they are made after the fork.
"""

from __future__ import annotations

import threading

import wasmtime

TICK_SECONDS = 0.01
"""How exact a deadline is. A tick costs every running call one check."""


def make_config(*, optimized: bool) -> wasmtime.Config:
    """The features that modules may use, and how they are compiled."""
    config = wasmtime.Config()
    config.epoch_interruption = True
    # Memory that instances share has no limit per instance, and a module has no threads here.
    config.wasm_threads = False
    config.native_unwind_info = False
    if optimized:
        config.parallel_compilation = False  # one patient thread beside the calls
    else:
        config.cranelift_opt_level = "none"
        config.cranelift_flag_set("regalloc_algorithm", "single_pass")
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
        self.fast = wasmtime.Engine(make_config(optimized=False))
        self.good = wasmtime.Engine(make_config(optimized=True))
        self.clock = Clock([self.fast, self.good])
