"""The builder's command on real folders."""

from __future__ import annotations

import pathlib
from collections.abc import Callable, Mapping

import pytest

from tests.support import wasmbuilds

Build = Callable[..., wasmbuilds.Build]

C = '#include <stdio.h>\nint main(void) { puts("hello"); }\n'
TEXT = '(module (memory (export "memory") 1) (func (export "_start")))'


@pytest.fixture
def build(tmp_path: pathlib.Path) -> Build:
    """Builds a folder of files, or one file when given as bytes."""

    def run(files: Mapping[str, str | bytes] | bytes, **env: str) -> wasmbuilds.Build:
        source = tmp_path / "source"
        if isinstance(files, bytes):
            source.write_bytes(files)
        else:
            for name, content in files.items():
                path = source / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(content.encode() if isinstance(content, str) else content)
        return wasmbuilds.build(source, tmp_path / "target", env)

    return run


def modules(built: wasmbuilds.Build) -> set[str]:
    assert built.code == 0, built.log
    names = {path.relative_to(built.target).as_posix() for path in built.target.rglob("*.wasm")}
    assert all((built.target / name).read_bytes().startswith(b"\0asm\x01\0\0\0") for name in names)
    return names


@pytest.mark.usefixtures("zig")
def test_a_c_program_of_two_files_with_a_folder_of_headers(build: Build) -> None:
    built = build(
        {
            "main.c": '#include "twice.h"\nint main(void) { return twice(0); }\n',
            "lib/twice.c": '#include "twice.h"\nint twice(int n) { return FACTOR * n; }\n',
            "include/twice.h": "int twice(int n);\n",
        },
        CFLAGS="-DFACTOR=2 -Wall",
    )
    assert modules(built) == {"main.wasm"}
    assert "build: lib/twice.c, main.c: by zig cc\n" in built.log


@pytest.mark.usefixtures("zig")
def test_an_error_in_c_names_file_and_line(build: Build) -> None:
    built = build({"main.c": "int main(void) { return missing; }\n"})
    assert built.code == 1
    assert "main.c:1:25: error: use of undeclared identifier 'missing'" in built.log
    assert built.log.endswith("build: failed: zig ended with 1; what it said is above\n")


@pytest.mark.usefixtures("zig")
def test_a_function_that_nobody_defines_is_named(build: Build) -> None:
    built = build({"main.c": "void nowhere(void);\nint main(void) { nowhere(); }\n"})
    assert built.code == 1
    assert "nowhere" in built.log


@pytest.mark.usefixtures("zig")
def test_the_same_source_gives_the_same_module(build: Build, tmp_path: pathlib.Path) -> None:
    first = build({"main.c": C})
    (tmp_path / "elsewhere").mkdir()
    second = wasmbuilds.build(tmp_path / "source", tmp_path / "elsewhere" / "target")
    assert modules(first) == modules(second)
    assert (first.target / "main.wasm").read_bytes() == (second.target / "main.wasm").read_bytes()


@pytest.mark.usefixtures("zig")
def test_a_makefile_uses_the_compiler_that_it_is_given(build: Build) -> None:
    makefile = "program.wasm: program.c\n\t$(CC) -Os -o $@ $<\n"
    assert modules(build({"Makefile": makefile, "program.c": C})) == {"main.wasm"}


@pytest.mark.usefixtures("zig")
def test_a_single_file_is_built_by_its_content(build: Build) -> None:
    assert modules(build(C.encode())) == {"main.wasm"}


def test_each_text_becomes_a_module(build: Build) -> None:
    assert modules(build({"a.wat": TEXT, "b.wat": TEXT})) == {"a.wasm", "b.wasm"}


def test_an_error_in_text_names_file_and_line(build: Build) -> None:
    built = build({"main.wat": "(module\n  (func (export _start)))"})
    assert built.code == 1
    assert "build: failed: main.wat: unknown operator or unexpected token" in built.log
    assert "--> main.wat:2:10\n" in built.log


def test_ready_modules_are_checked_and_copied(build: Build) -> None:
    import wasmtime

    module = bytes(wasmtime.wat2wasm(TEXT))
    built = build({"main.wasm": module, "more/other.wasm": module})
    assert modules(built) == {"main.wasm", "more/other.wasm"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            '(module (import "env" "f" (func)) (memory (export "memory") 1) '
            '(func (export "_start")))',
            "main.wasm imports env.f: symbols that the linker did not find",
        ),
        ('(module (memory (export "memory") 1))', "main.wasm exports no _start"),
    ],
)
def test_what_the_runtime_would_refuse_is_refused_when_built(
    build: Build, text: str, message: str
) -> None:
    built = build({"main.wat": text})
    assert built.code == 1
    assert f"build: failed: {message}" in built.log


def test_what_only_looks_like_a_module_is_refused(build: Build) -> None:
    built = build({"main.wasm": b"\0asm\x01\0\0\0garbage"})
    assert built.code == 1
    assert "build: failed: main.wasm cannot be compiled" in built.log


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"README.md": "words"}, "nothing to build: the source holds README.md; wanted is one of"),
        (b"print('x')", "the source is one file, and it is neither WebAssembly nor C, Zig or Rust"),
    ],
)
def test_a_source_that_cannot_be_built_says_what_is_wanted(
    build: Build, files: dict[str, str | bytes] | bytes, message: str
) -> None:
    built = build(files)
    assert built.code == 1
    assert f"build: failed: {message}" in built.log


def test_rust_without_a_toolchain_names_what_to_install(
    build: Build, tmp_path: pathlib.Path
) -> None:
    crate = {"Cargo.toml": '[package]\nname = "x"\nversion = "0.1.0"\n', "src/main.rs": ""}
    programs = tmp_path / "programs"
    programs.mkdir()
    for name in ("sh", "dirname", "readlink"):
        (programs / name).symlink_to(f"/usr/bin/{name}")
    built = build(crate, PATH=str(programs))
    assert built.code == 1
    assert "build: failed: cargo is not in this builder; it needs a Rust toolchain" in built.log
    assert "rustup target add wasm32-wasip1" in built.log


@pytest.mark.usefixtures("zig")
def test_the_commands_for_a_build_of_ones_own(tmp_path: pathlib.Path) -> None:
    (tmp_path / "x.c").write_text(C)
    words = ["zig", "cc", "-target", "wasm32-wasi", "-Os", "-o", "x.wasm", "x.c"]
    code, log = wasmbuilds.run_command(words, {}, tmp_path)
    assert code == 0, log
    code, log = wasmbuilds.run_command(["check-module", "x.wasm"], {}, tmp_path)
    assert (code, log.startswith("build: a module of ")) == (0, True), log
