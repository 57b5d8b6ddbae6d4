"""Modules run as commands: a fresh instance, `_start`, and what standard output holds then.

Nothing stays of an instance. So a request never sees what another one left in memory, and a program
may be as careless with its memory as a process that ends.
"""

from __future__ import annotations

import ctypes
from collections.abc import Mapping, Sequence

import wasmtime
from wasmtime import _ffi as ffi

from fission_wasm import calls, cgi, modules, waiting

MAX_MEMORIES = 1
"""The limit on memory counts each memory alone."""


class Program:
    """A compiled module, ready to be instantiated."""

    def __init__(self, engine: wasmtime.Engine, content: bytes, name: str) -> None:
        """Compile; raises BadModule, which says what is wrong with the module."""
        self._engine = engine
        try:
            module = wasmtime.Module(engine, content)
        except wasmtime.WasmtimeError as error:
            raise modules.BadModule(f"{name} cannot be compiled: {error}") from None
        modules.check(module, name)
        linker = wasmtime.Linker(engine)
        linker.define_wasi()
        waiting.define(linker)
        try:
            self._instances = linker.instantiate_pre(module)
        except wasmtime.WasmtimeError as error:
            raise modules.BadModule(f"{name} cannot be linked: {error}") from None

    def run(
        self, call: calls.Call, folders: Sequence[tuple[str, str]], pod: Mapping[str, str]
    ) -> cgi.Answer:
        """Run one instance in this thread; raises Failure."""
        error: wasmtime.WasmtimeError | wasmtime.Trap | None = None
        with calls.store(self._engine, call, memories=MAX_MEMORIES, instances=1) as store:
            try:
                store.set_wasi(make_wasi(call, folders, pod))
                start = self._instances.instantiate(store).exports(store)["_start"]
                assert isinstance(start, wasmtime.Func)
                start(store)
            except (wasmtime.WasmtimeError, wasmtime.Trap) as raised:
                error = raised
        failure = call.failure(error)
        if failure is not None:
            raise failure
        return call.read_answer()


def make_wasi(
    call: calls.Call, folders: Sequence[tuple[str, str]], pod: Mapping[str, str]
) -> wasmtime.WasiConfig:
    """What a call's instance sees of the world: variables, three streams, and these folders."""
    wasi = wasmtime.WasiConfig()
    wasi.argv = ["function"]
    wasi.env = {**pod, **call.variables}.items()
    body = ffi.bytes_to_capi(call.body)
    ffi.wasi_config_set_stdin_bytes(wasi.ptr(), ctypes.byref(body))
    wasi.stdout_custom = call.take_output
    wasi.stderr_custom = call.log.take
    for host, guest in folders:
        wasi.preopen_dir(host, guest, fs_mutable=False)
    return wasi
