"""What a package must hold and what a module may ask for; the same when built and when loaded.

A module is a *command*: it exports ``_start`` and its memory, reads the request from variables and
standard input, and writes the answer to standard output. It imports WASI preview 1
(``wasi_snapshot_preview1``) and nothing else. What a component needs is in ``components.programs``.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence

import wasmtime

WASI = "wasi_snapshot_preview1"
SUFFIX = ".wasm"
DEFAULT_FILE = "main.wasm"

CORE = b"\0asm\x01\0\0\0"
COMPONENT = b"\0asm\x0d\0\x01\0"

_SOURCES = {
    ".wat": "WebAssembly text",
    ".c": "C",
    ".zig": "Zig",
    ".rs": "Rust",
    ".py": "Python",
}
_REMEDIES = {
    "env": "symbols that the linker did not find; link what they are in, or compile for WASI "
    "(zig cc -target wasm32-wasi) and not for a browser",
    "wasi_unstable": "an older WASI; compile with a toolchain of 2020 or later",
    "wasi": "WASI threads are not offered; compile without threads",
    "wbg": "made by wasm-bindgen for JavaScript; compile for wasm32-wasip1",
    "go": "made for JavaScript; compile with GOOS=wasip1 GOARCH=wasm",
    "gojs": "made for JavaScript; compile with GOOS=wasip1 GOARCH=wasm",
}
_REMEDY = "only WASI preview 1 is there for a module; compile for wasm32-wasip1"


class BadModule(Exception):
    """A package or module that cannot be loaded; the text is for its owner."""


def find(path: str, name: str) -> str:
    """The module's file in a package: ``name``, else ``main.wasm``, else the only one there is."""
    if not os.path.exists(path):
        raise BadModule(f"there is no code at {path}")
    if not os.path.isdir(path):
        return path
    present = sorted(_modules_below(path))
    listed = ", ".join(present) or "none"
    if name:
        wanted = os.path.normpath(name)
        for candidate in (wanted, wanted + SUFFIX):
            if candidate in present:
                return os.path.join(path, candidate)
        raise BadModule(f"entry point {name!r}: no such file in the package; modules: {listed}")
    if DEFAULT_FILE in present:
        return os.path.join(path, DEFAULT_FILE)
    if len(present) == 1:
        return os.path.join(path, present[0])
    if not present:
        raise BadModule(f"no {SUFFIX} file in the package{_hint(path)}")
    raise BadModule(
        f"which module is meant? There is no {DEFAULT_FILE} but: {listed}; name one as the "
        "function's entry point"
    )


def read(path: str, max_bytes: int) -> bytes:
    """The bytes of a module or component; raises BadModule for anything else."""
    size = os.path.getsize(path)
    if size > max_bytes:
        raise BadModule(f"{_name(path)} has {size} bytes; allowed are {max_bytes}")
    with open(path, "rb") as file:
        content = file.read()
    if not content.startswith((CORE, COMPONENT)):
        raise BadModule(f"{_name(path)} is no WebAssembly module{_looks_like(path, content)}")
    return content


def is_component(content: bytes) -> bool:
    return content.startswith(COMPONENT)


def check(module: wasmtime.Module, name: str) -> None:
    """Raise BadModule unless this is a command for WASI preview 1."""
    _check_imports([(i.module, i.name or "") for i in module.imports], name)
    exports = {export.name: export.type for export in module.exports}
    if "_start" not in exports:
        raise BadModule(
            f"{name} exports no _start: it is a library, and a function is a program (a main); "
            f"it exports: {', '.join(sorted(exports)) or 'nothing'}"
        )
    start = exports["_start"]
    if not isinstance(start, wasmtime.FuncType) or start.params or start.results:
        raise BadModule(f"{name}: its _start is not a function without parameters and results")
    if not isinstance(exports.get("memory"), wasmtime.MemoryType):
        raise BadModule(f"{name} exports no memory named 'memory', which WASI needs")


def _check_imports(imports: Sequence[tuple[str, str]], name: str) -> None:
    foreign = sorted({module for module, _ in imports if module != WASI})
    if foreign:
        module = foreign[0]
        wanted = [item for owner, item in imports if owner == module]
        more = f" and {len(wanted) - 3} more" if len(wanted) > 3 else ""
        raise BadModule(
            f"{name} imports {', '.join(f'{module}.{item}' for item in wanted[:3])}{more}: "
            f"{_REMEDIES.get(module, _REMEDY)}"
        )


def _modules_below(folder: str) -> Iterable[str]:
    for place, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        for name in names:
            if name.endswith(SUFFIX):
                yield os.path.relpath(os.path.join(place, name), folder)


def _hint(folder: str) -> str:
    for name in sorted(os.listdir(folder)):
        language = _SOURCES.get(os.path.splitext(name)[1])
        if language:
            return (
                f", but {name}: that is {language} source, which a builder compiles (an "
                "environment with --builder, a package from --src)"
            )
    return ""


def _looks_like(path: str, content: bytes) -> str:
    if content.lstrip()[:1] == b"(":
        return ": it is WebAssembly text, which a builder (or wat2wasm) compiles"
    if content.startswith(b"\x7fELF"):
        return ": it is a program for this machine; compile it for wasm32-wasi"
    if content.startswith(b"\0asm"):
        return f": its version is {content[4:8].hex()}, known are {CORE[4:].hex()}"
    if content.startswith(b"PK\x03\x04"):
        return ": it is a zip archive (the environment keeps archives packed)"
    return f": it starts with {content[:8]!r}"


def _name(path: str) -> str:
    return os.path.basename(path)
