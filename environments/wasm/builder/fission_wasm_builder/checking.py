"""What was built is held against what the runtime takes, before it is handed over."""

from __future__ import annotations

import pathlib

from fission_wasm import engines, modules, programs, settings


def check(path: pathlib.Path) -> str:
    """What a file is, in a few words; raises BadModule for one that the runtime would refuse."""
    content = modules.read(str(path), settings.Settings().max_module_bytes)
    programs.compile_fast(engines.Engines(), content, path.name)
    kind = "component" if modules.is_component(content) else "module"
    return f"a {kind} of {len(content) / 1000:.0f} kB"
