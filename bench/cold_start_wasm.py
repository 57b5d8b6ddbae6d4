"""First call of a WebAssembly function that nobody has called yet, on a warm pool.

Through the router: what is timed and what it is compared with is in `libcold`. The function is a C
program of 22 kB that uses `printf`. A row of its own is what wasmtime takes alone: a fresh process
that compiles the same module and runs it once, without any server.
"""

from __future__ import annotations

import importlib.util
import pathlib
import subprocess
import sys
import time
from typing import Any

import libcold
from tests.support import wasmbuilds

SOURCE = '#include <stdio.h>\nint main(void) { printf("%s", "cold"); return 0; }\n'
ALONE = """
import sys, wasmtime
engine = wasmtime.Engine()
linker = wasmtime.Linker(engine)
linker.define_wasi()
store = wasmtime.Store(engine)
store.set_wasi(wasmtime.WasiConfig())
module = wasmtime.Module.from_file(engine, sys.argv[1])
linker.instantiate(store, module).exports(store)["_start"](store)
"""
ROUNDS_ALONE = 15


def run() -> dict[str, Any]:
    """Measure; returns rows of milliseconds and their ratio to the baseline."""
    alone: list[float] = []

    def make(folder: pathlib.Path) -> pathlib.Path:
        code = build(folder)
        alone.extend(_time_alone(code) for _ in range(ROUNDS_ALONE))
        return code

    case = libcold.Case(
        "wasm", "fission/wasm-env", "wasm", "cold", b"cold", make=make, missing=_missing
    )
    result = libcold.run(case)
    if alone:
        baseline = result["rows"][-1]["p50"]
        result["rows"].append(libcold.row("wasmtime alone, a fresh process", alone, baseline))
    return result


def build(folder: pathlib.Path) -> pathlib.Path:
    """The program, compiled by the builder's own command."""
    source = folder / "main.c"
    source.write_text(SOURCE)
    built = wasmbuilds.build(source, folder / "built")
    if built.code:
        raise RuntimeError(built.log)
    return built.target / "main.wasm"


def _time_alone(code: pathlib.Path) -> float:
    started = time.perf_counter()
    subprocess.run([sys.executable, "-c", ALONE, str(code)], check=True)
    return (time.perf_counter() - started) * 1000


def _missing() -> str | None:
    for module in ("wasmtime", "ziglang"):
        if importlib.util.find_spec(module) is None:
            return f"{module} is not installed: pip install 'fission[wasm,wasm-builder]'"
    return None
