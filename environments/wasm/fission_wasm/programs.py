"""From bytes to something that runs: a module or a component, compiled fast or well."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from typing import Protocol

import wasmtime

from fission_wasm import calls, cgi, commands, engines, modules
from fission_wasm.components import programs as components


class Runnable(Protocol):
    """A compiled program of either kind."""

    def run(
        self, call: calls.Call, folders: Sequence[tuple[str, str]], pod: Mapping[str, str]
    ) -> cgi.Answer:
        """Run one instance in this thread; raises Failure."""


def compile_fast(made: engines.Engines, content: bytes, name: str) -> tuple[Runnable, bool]:
    """The program as soon as can be, and whether it is compiled well already.

    Raises BadModule, which says what is wrong.
    """
    if made.fast is not made.good:
        with contextlib.suppress(modules.BadModule):  # or it is beyond the fast compiler
            return compile_with(made.fast, content, name), False
    return compile_with(made.good, content, name), True


def compile_with(engine: wasmtime.Engine, content: bytes, name: str) -> Runnable:
    """The program as this engine compiles it; raises BadModule."""
    if modules.is_component(content):
        return components.Program(engine, content, name)
    return commands.Program(engine, content, name)
