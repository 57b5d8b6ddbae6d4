"""Which file is meant, and what a module must be."""

from __future__ import annotations

import pathlib

import pytest

wasmtime = pytest.importorskip("wasmtime", reason="wasmtime is not installed: fission[wasm]")

from fission_wasm import modules  # noqa: E402

COMMAND = '(module (memory (export "memory") 1) (func (export "_start")))'


def package(folder: pathlib.Path, *names: str) -> str:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(modules.CORE)
    return str(folder)


def check(text: str) -> None:
    modules.check(wasmtime.Module(wasmtime.Engine(), wasmtime.wat2wasm(text)), "f.wasm")


@pytest.mark.parametrize(
    ("present", "name", "found"),
    [
        (("main.wasm", "b.wasm"), "", "main.wasm"),
        (("only.wasm", "data.txt"), "", "only.wasm"),
        (("a.wasm", "b.wasm"), "b.wasm", "b.wasm"),
        (("a.wasm", "b.wasm"), "b", "b.wasm"),
        (("a.wasm", "sub/b.wasm"), "sub/b", "sub/b.wasm"),
    ],
)
def test_the_file_that_is_meant(
    tmp_path: pathlib.Path, present: tuple[str, ...], name: str, found: str
) -> None:
    folder = package(tmp_path, *present)
    assert modules.find(folder, name) == f"{folder}/{found}"


def test_of_a_single_file_the_name_does_not_count(tmp_path: pathlib.Path) -> None:
    file = package(tmp_path, "user") + "/user"
    assert modules.find(file, "whatever") == file


@pytest.mark.parametrize(
    ("present", "name", "message"),
    [
        (("a.wasm", "b.wasm"), "", "There is no main.wasm but: a.wasm, b.wasm"),
        (("a.wasm",), "b", "entry point 'b': no such file in the package; modules: a.wasm"),
        (("a.wasm",), "../a.wasm", "no such file in the package"),
        (("a.wasm",), "/etc/passwd", "no such file in the package"),
        (("main.c",), "", "but main.c: that is C source, which a builder compiles"),
        (("notes.txt",), "", "no .wasm file in the package"),
    ],
)
def test_what_is_said_when_it_is_not_there(
    tmp_path: pathlib.Path, present: tuple[str, ...], name: str, message: str
) -> None:
    with pytest.raises(modules.BadModule) as caught:
        modules.find(package(tmp_path, *present), name)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"(module)", "WebAssembly text"),
        (b"\x7fELF\x02", "a program for this machine"),
        (b"PK\x03\x04", "a zip archive"),
        (b"\0asm\x02\0\0\0", "its version is 02000000"),
        (b"", "it starts with b''"),
    ],
)
def test_what_is_no_module_is_named(tmp_path: pathlib.Path, content: bytes, message: str) -> None:
    file = tmp_path / "f.wasm"
    file.write_bytes(content)
    with pytest.raises(modules.BadModule) as caught:
        modules.read(str(file), 1000)
    assert message in str(caught.value)


def test_a_module_that_is_too_large_is_refused(tmp_path: pathlib.Path) -> None:
    with pytest.raises(modules.BadModule, match="has 8 bytes; allowed are 7"):
        modules.read(package(tmp_path, "f.wasm") + "/f.wasm", 7)


def test_a_command() -> None:
    check(COMMAND)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('(module (memory (export "memory") 1) (func (export "run")))', "exports no _start"),
        ('(module (func (export "_start")))', "exports no memory named 'memory'"),
        (
            '(module (memory (export "memory") 1) (func (export "_start") (param i32)))',
            "not a function without parameters",
        ),
        ('(module (import "env" "puts" (func)))', "f.wasm imports env.puts: symbols that the lin"),
        ('(module (import "wasi_unstable" "x" (func)))', "an older WASI"),
        ('(module (import "my" "thing" (func)))', "only WASI preview 1 is there"),
    ],
)
def test_what_is_no_command_is_told_what_to_do(text: str, message: str) -> None:
    with pytest.raises(modules.BadModule) as caught:
        check(text)
    assert message in str(caught.value)
