"""What a fresh WebAssembly instance costs every request: WASI, memory, run, answer, gone.

In one process and one thread, without HTTP: the runtime's own program, with its limits, clock and
log, against the same module instantiated by wasmtime alone; both with a C program of 22 kB that
reads its body and prints it. Then the whole request through the runtime's server, one after the
other on a kept connection, against a Python function that returns the same text. All are
alternated in blocks, so that a busy machine slows all of them.
"""

from __future__ import annotations

import contextlib
import ctypes
import http.client
import json
import os
import pathlib
import shutil
import socket
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from typing import Any

REPOSITORY = pathlib.Path(__file__).parents[1]
sys.path[:0] = [str(REPOSITORY), str(REPOSITORY / "environments" / "wasm")]

from tests.support import imageprocess, wasmbuilds  # noqa: E402

SOURCE = """
#include <stdio.h>
#include <string.h>
int main(void) {
  char body[64];
  size_t length = fread(body, 1, sizeof body, stdin);
  printf("Content-Type: text/plain\\n\\n%.*s", (int)length, body);
  return 0;
}
"""
PYTHON = "def main(request):\n    return request.get_data()\n"
BODY = b"hello"
BLOCKS = 20
BLOCK = 100


def run() -> dict[str, Any]:
    """Measure; returns rows of milliseconds."""
    missing = wasmbuilds.missing()
    if missing:
        return {"title": "a WebAssembly instance", "rows": [], "skipped": missing}
    with tempfile.TemporaryDirectory() as name, contextlib.ExitStack() as stack:
        folder = pathlib.Path(name)
        code = _build(folder)
        measured: dict[str, Callable[[], bytes]] = {
            "instance by wasmtime alone": _alone(code.read_bytes()),
            "instance by the runtime": _ours(code.read_bytes()),
        }
        (folder / "main.py").write_text(PYTHON)
        for title, language, package in (
            ("request, WebAssembly", "wasm", code),
            ("request, Python, for comparison", "python", folder / "main.py"),
        ):
            pod = folder / language
            measured[title] = stack.enter_context(_server(language, package, pod))
        taken = _alternate(measured)
    baseline = statistics.median(taken["instance by wasmtime alone"])
    rows = [_row(title, values, baseline) for title, values in taken.items()]
    return {
        "title": "a fresh WebAssembly instance for every request",
        "rows": rows,
        "load": round(os.getloadavg()[0], 1),
        "summary": f"instance p50 {rows[1]['p50']:.3f} ms, {rows[1]['ratio']} of wasmtime alone",
    }


def _alternate(measured: dict[str, Callable[[], bytes]]) -> dict[str, list[float]]:
    taken: dict[str, list[float]] = {title: [] for title in measured}
    for block in range(BLOCKS + 1):
        for title, once in measured.items():
            for _ in range(BLOCK):
                started = time.perf_counter()
                answer = once()
                milliseconds = (time.perf_counter() - started) * 1000
                assert answer.endswith(BODY), answer
                if block:  # the first warms
                    taken[title].append(milliseconds)
    return taken


def _row(title: str, taken: list[float], baseline: float) -> dict[str, Any]:
    ordered = sorted(taken)
    p50 = statistics.median(ordered)
    return {
        "name": title,
        "unit": "ms",
        "count": len(ordered),
        "p50": round(p50, 3),
        "p95": round(ordered[int(len(ordered) * 0.95)], 3),
        "p99": round(ordered[int(len(ordered) * 0.99)], 3),
        "ratio": round(p50 / baseline, 2),
    }


def _build(folder: pathlib.Path) -> pathlib.Path:
    source = folder / "main.c"
    source.write_text(SOURCE)
    built = wasmbuilds.build(source, folder / "built")
    if built.code:
        raise RuntimeError(built.log)
    return built.target / "main.wasm"


def _alone(content: bytes) -> Callable[[], bytes]:
    import wasmtime
    from wasmtime import _ffi as ffi

    engine = wasmtime.Engine()
    linker = wasmtime.Linker(engine)
    linker.define_wasi()
    ready = linker.instantiate_pre(wasmtime.Module(engine, content))

    def once() -> bytes:
        pieces: list[bytes] = []
        store = wasmtime.Store(engine)
        wasi = wasmtime.WasiConfig()
        body = ffi.bytes_to_capi(BODY)
        ffi.wasi_config_set_stdin_bytes(wasi.ptr(), ctypes.byref(body))
        wasi.stdout_custom = lambda piece: pieces.append(piece)
        store.set_wasi(wasi)
        ready.instantiate(store).exports(store)["_start"](store)
        store.close()
        return b"".join(pieces)

    return once


def _ours(content: bytes) -> Callable[[], bytes]:
    from fission_wasm import calls, commands, engines, settings

    made = engines.Engines()
    program = commands.Program(made.good, content, "main.wasm")
    limits = settings.Settings()
    headers = [("Host", "localhost"), ("User-Agent", "bench"), ("Accept", "*/*")]

    def once() -> bytes:
        call = calls.Call(limits, "POST", "/", headers, BODY)
        with made.clock:
            return program.run(call, [], {"HOME": "/"}).body

    return once


@contextlib.contextmanager
def _server(
    language: str, package: pathlib.Path, pod: pathlib.Path
) -> Iterator[Callable[[], bytes]]:
    image = imageprocess.load(REPOSITORY / "environments" / language, pod)
    volume = pod / "userfunc"
    volume.mkdir(parents=True)
    shutil.copy(package, volume / "deployarchive")
    with socket.create_server(("127.0.0.1", 0)) as listener, (pod / "log").open("wb") as log:
        address = listener.getsockname()
        process = imageprocess.start(image, [listener], {"/userfunc": volume}, log)
    connection = http.client.HTTPConnection(*address, timeout=30)

    def ask(path: str, body: bytes) -> bytes:
        connection.request("POST", path, body)
        return connection.getresponse().read()

    try:
        load = {"filepath": "/userfunc/deployarchive", "functionName": "main.main"}
        ask("/v2/specialize", json.dumps(load).encode())
        yield lambda: ask("/", BODY)
    finally:
        connection.close()
        process.terminate()
        process.wait()
