"""What the source holds decides what is done with it. Pure.

The first that fits, from the most to the least explicit:

| The source holds | Is built by |
|---|---|
| `Cargo.toml` | cargo, for wasm32-wasip1 |
| `build.zig` | zig build |
| `Makefile` | make, with CC, CXX and TARGET set for WASI |
| `app.py` | componentize-py |
| `*.c`, `*.cpp`, … | zig cc, all files into one `main.wasm` |
| `main.zig`, or the only `.zig` | zig build-exe |
| `main.rs`, or the only `.rs` | rustc |
| `*.wat` | each to a module of its own |
| `*.wasm` | taken as they are |
"""

from __future__ import annotations

import dataclasses
import enum
import posixpath
from collections.abc import Iterable

from fission_wasm_builder import errors


class Recipe(enum.Enum):
    """How a source is built, in the order in which they are considered."""

    CARGO = "cargo"
    ZIG_BUILD = "zig build"
    MAKE = "make"
    PYTHON = "componentize-py"
    C = "zig cc"
    CPP = "zig c++"
    ZIG = "zig build-exe"
    RUST = "rustc"
    TEXT = "WebAssembly text"
    READY = "ready modules"


@dataclasses.dataclass(frozen=True)
class Plan:
    """A recipe and the files that it is about, relative to the source."""

    recipe: Recipe
    files: tuple[str, ...]


_BY_NAME = (
    ("Cargo.toml", Recipe.CARGO),
    ("build.zig", Recipe.ZIG_BUILD),
    ("Makefile", Recipe.MAKE),
    ("app.py", Recipe.PYTHON),
)
_C = (".c",)
_CPP = (".cc", ".cpp", ".cxx")
_LEFT_OUT = ("zig-out", "zig-cache", "target", "test", "tests", "node_modules")
"""Folders whose files are no source of the program."""


def pick(names: Iterable[str]) -> Plan:
    """Decide by the names of all files, relative with slashes; raises BuildError."""
    files = sorted(name for name in names if not _is_left_out(name))
    for name, recipe in _BY_NAME:
        if name in files:
            return Plan(recipe, (name,))
    c, cpp = _of(files, _C), _of(files, _CPP)
    if cpp:
        return Plan(Recipe.CPP, (*c, *cpp))
    if c:
        return Plan(Recipe.C, c)
    for suffix, recipe in ((".zig", Recipe.ZIG), (".rs", Recipe.RUST)):
        found = _of(files, (suffix,))
        if found:
            return Plan(recipe, (_main_of(found, suffix),))
    for suffix, recipe in ((".wat", Recipe.TEXT), (".wasm", Recipe.READY)):
        found = _of(files, (suffix,))
        if found:
            return Plan(recipe, found)
    raise errors.BuildError(
        f"nothing to build: the source holds {', '.join(files[:10]) or 'no file'}; wanted is one "
        "of Cargo.toml, build.zig, Makefile, app.py, or files .c .cpp .zig .rs .wat .wasm"
    )


def recognize(content: bytes) -> str:
    """The suffix that a single file without a name has earned; raises BuildError."""
    if content.startswith(b"\0asm"):
        return ".wasm"
    text = content.decode(errors="replace")
    if text.lstrip().startswith(("(module", "(component", ";;")):
        return ".wat"
    for mark, suffix in (("#include", ".c"), ("@import(", ".zig"), ("fn main(", ".rs")):
        if mark in text:
            return suffix
    raise errors.BuildError(
        "the source is one file, and it is neither WebAssembly nor C, Zig or Rust with a main; "
        "hand over a folder"
    )


def _is_left_out(name: str) -> bool:
    *folders, _ = name.split("/")
    return any(folder.startswith(".") or folder in _LEFT_OUT for folder in folders)


def _of(files: list[str], suffixes: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(name for name in files if name.endswith(suffixes))


def _main_of(files: tuple[str, ...], suffix: str) -> str:
    for candidate in (f"main{suffix}", f"src/main{suffix}"):
        if candidate in files:
            return candidate
    if len(files) == 1:
        return files[0]
    names = ", ".join(posixpath.basename(name) for name in files[:10])
    raise errors.BuildError(f"which file has the main? There is no main{suffix} but: {names}")
