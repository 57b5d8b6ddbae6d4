"""What was built is held against what the runtime takes, before it is handed over."""

from __future__ import annotations

import pathlib

import wasmtime

from fission_wasm import engines, modules, settings


def check(path: pathlib.Path) -> str:
    """What a file is, in a few words; raises BadModule for one that the runtime would refuse."""
    content = modules.read(str(path), settings.Settings().max_module_bytes)
    engine = wasmtime.Engine(engines.make_good_config())
    if modules.is_component(content):
        raise modules.BadModule(f"{path.name} is a component; only modules can be run")
    try:
        module = wasmtime.Module(engine, content)
    except wasmtime.WasmtimeError as error:
        raise modules.BadModule(f"{path.name} cannot be compiled: {error}") from None
    modules.check(module, path.name)
    return f"a module of {len(content) / 1000:.0f} kB"
