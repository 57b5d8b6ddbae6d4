"""The commands that compile. Their output goes straight to the log, errors name the file."""

from __future__ import annotations

import importlib.util
import os
import pathlib
import shlex
import shutil
import subprocess
import sys
from collections.abc import Sequence

import wasmtime

from fission_wasm_builder import errors, picking, python

RUST_TARGETS = ("wasm32-wasip1", "wasm32-wasi")
"""The name of the same target before and after Rust 1.78."""
ZIG_TARGET = "wasm32-wasi"
C_FLAGS = ("-Os", "-Wl,--strip-debug")
"""Small is fast to start; the names of functions stay, for the backtrace of a trap."""

NEED_COMPILERS = "pip install 'fission[wasm-builder]'"
NEED_RUST = (
    "a Rust toolchain with that target: rustup target add wasm32-wasip1 (a toolchain below "
    "/usr/local is visible to builds), or on Debian apt-get install cargo libstd-rust-dev-wasm32 "
    "lld"
)


def compile_source(
    plan: picking.Plan, source: pathlib.Path, target: pathlib.Path, work: pathlib.Path
) -> None:
    """Fill the folder ``target`` with modules; raises BuildError."""
    build = {
        picking.Recipe.CARGO: _cargo,
        picking.Recipe.ZIG_BUILD: _zig_build,
        picking.Recipe.MAKE: _make,
        picking.Recipe.PYTHON: _python,
        picking.Recipe.C: _c,
        picking.Recipe.CPP: _c,
        picking.Recipe.ZIG: _zig,
        picking.Recipe.RUST: _rust,
        picking.Recipe.TEXT: _text,
        picking.Recipe.READY: _ready,
    }[plan.recipe]
    build(plan, source, target, work)


def _c(plan: picking.Plan, source: pathlib.Path, target: pathlib.Path, work: pathlib.Path) -> None:
    driver = "cc" if plan.recipe is picking.Recipe.C else "c++"
    flags = [*_flags("CFLAGS"), *_flags("CPPFLAGS")]
    headers = [
        f"-I{source}",
        *([f"-I{source / 'include'}"] if (source / "include").is_dir() else []),
    ]
    options = ["-target", ZIG_TARGET, *C_FLAGS, *headers, *flags]
    output = ["-o", str(target / "main.wasm"), *_flags("LDFLAGS")]
    if not has_compiled(os.environ.get("BUILD_CACHE", "")):
        print("build: zig compiles the C library first, once; that takes a while", flush=True)
    _run([*_zig_command(), driver, *options, *plan.files, *output], source)


def has_compiled(cache: str) -> bool:
    """Whether Zig's part of the download cache holds what an earlier build made."""
    folder = pathlib.Path(cache, "zig", "o")
    return bool(cache) and folder.is_dir() and any(folder.iterdir())


def _zig(
    plan: picking.Plan, source: pathlib.Path, target: pathlib.Path, work: pathlib.Path
) -> None:
    output = f"-femit-bin={target / 'main.wasm'}"
    options = ["-target", ZIG_TARGET, "-O", "ReleaseSmall"]
    _run([*_zig_command(), "build-exe", *plan.files, *options, output], source)


def _zig_build(
    plan: picking.Plan, source: pathlib.Path, target: pathlib.Path, work: pathlib.Path
) -> None:
    prefix = ["--prefix", str(work / "out")]
    _run([*_zig_command(), "build", f"-Dtarget={ZIG_TARGET}", "--release=small", *prefix], source)
    _collect(
        work / "out", target, "zig build installs no .wasm file (addExecutable, installArtifact)"
    )


def _make(
    plan: picking.Plan, source: pathlib.Path, target: pathlib.Path, work: pathlib.Path
) -> None:
    _need("make", "apt-get install make")
    zig = shlex.join(_zig_command())
    compilers = [f"CC={zig} cc -target {ZIG_TARGET}", f"CXX={zig} c++ -target {ZIG_TARGET}"]
    _run(["make", *compilers, f"TARGET={ZIG_TARGET}"], source)
    _collect(source, target, "make left no .wasm file")


def _cargo(
    plan: picking.Plan, source: pathlib.Path, target: pathlib.Path, work: pathlib.Path
) -> None:
    _need("cargo", NEED_RUST)
    triple = _rust_target()
    locked = ["--locked"] if (source / "Cargo.lock").exists() else []
    options = ["--release", "--target", triple, "--target-dir", str(work / "target"), *locked]
    _run(["cargo", "build", *options], source)
    release = work / "target" / triple / "release"
    built = sorted(release.glob("*.wasm"))
    if not built:
        raise errors.BuildError("Cargo.toml: the crate has no program; it needs src/main.rs")
    _copy(built, target)


def _rust(
    plan: picking.Plan, source: pathlib.Path, target: pathlib.Path, work: pathlib.Path
) -> None:
    _need("rustc", NEED_RUST)
    flags = ["--edition", "2021", "-C", "opt-level=s", "-C", "strip=debuginfo"]
    output = ["-o", str(target / "main.wasm")]
    _run(["rustc", "--target", _rust_target(), *flags, *plan.files, *output], source)


def _text(
    plan: picking.Plan, source: pathlib.Path, target: pathlib.Path, work: pathlib.Path
) -> None:
    for name in plan.files:
        try:
            module = wasmtime.wat2wasm((source / name).read_bytes())
        except wasmtime.WasmtimeError as error:
            text = str(error).replace("<anon>", name)
            raise errors.BuildError(f"{name}: {text}") from None
        (target / pathlib.PurePath(name).with_suffix(".wasm").name).write_bytes(module)


def _ready(
    plan: picking.Plan, source: pathlib.Path, target: pathlib.Path, work: pathlib.Path
) -> None:
    for name in plan.files:
        place = target / name
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source / name, place)


def _python(
    plan: picking.Plan, source: pathlib.Path, target: pathlib.Path, work: pathlib.Path
) -> None:
    if importlib.util.find_spec("componentize_py") is None:
        raise errors.BuildError(f"app.py needs componentize-py: {NEED_COMPILERS}")
    words = python.make_words(source, target)
    _run([sys.executable, "-I", "-c", python.RUN, *words], source)


def _zig_command() -> list[str]:
    if importlib.util.find_spec("ziglang") is not None:
        return [sys.executable, "-I", "-m", "ziglang"]
    found = shutil.which("zig")
    # The image's own `zig` is the command above by another name.
    if found is None or pathlib.Path(found).parent == pathlib.Path(__file__).parents[1] / "bin":
        raise errors.BuildError(f"C and Zig need the Zig compiler: {NEED_COMPILERS}")
    return [found]


def _rust_target() -> str:
    """The target's name with this toolchain; raises BuildError when it lacks the target."""
    _need("rustc", NEED_RUST)
    for triple in RUST_TARGETS:
        asked = subprocess.run(
            ["rustc", "--print", "target-libdir", "--target", triple],
            capture_output=True,
            text=True,
        )
        if asked.returncode == 0 and pathlib.Path(asked.stdout.strip()).is_dir():
            return triple
        if "rustup" in asked.stderr:
            raise errors.BuildError(f"rustc does not run here: {asked.stderr.strip()}")
    raise errors.BuildError(f"rustc has no {RUST_TARGETS[0]}; it needs {NEED_RUST}")


def _need(program: str, install: str) -> None:
    if shutil.which(program) is None:
        raise errors.BuildError(f"{program} is not in this builder; it needs {install}")


def _flags(variable: str) -> list[str]:
    return shlex.split(os.environ.get(variable, ""))


def _run(command: Sequence[str], folder: pathlib.Path) -> None:
    words = list(command)
    if words[:2] == [sys.executable, "-I"]:  # a compiler that comes as a Python package
        words = ["zig" if words[3] == "ziglang" else "componentize-py", *words[4:]]
    print(f"build: {shlex.join(words)}", flush=True)
    code = subprocess.run(command, cwd=folder, stdin=subprocess.DEVNULL).returncode
    if code:
        raise errors.BuildError(f"{words[0]} ended with {code}; what it said is above")


def _collect(folder: pathlib.Path, target: pathlib.Path, otherwise: str) -> None:
    built = sorted(path for path in folder.rglob("*.wasm") if path.is_file())
    if not built:
        raise errors.BuildError(otherwise)
    _copy(built, target)


def _copy(files: Sequence[pathlib.Path], target: pathlib.Path) -> None:
    """One program becomes `main.wasm`, several keep their names."""
    for path in files:
        shutil.copyfile(path, target / ("main.wasm" if len(files) == 1 else path.name))
