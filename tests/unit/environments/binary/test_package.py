"""Which file of a package is the program, and what is said of one that cannot run here."""

from __future__ import annotations

import os
import pathlib
import shutil
import struct

import pytest
from fission_binary import errors, package

PATH = "/usr/bin:/bin"


def an_elf(machine: int = 62, loader: bytes = b"", order: str = "<") -> bytes:
    """The head of a 64 bit program; with a loader, one program header that names it."""
    head = b"\x7fELF" + bytes([2, 1 if order == "<" else 2, 1, 0]) + bytes(8)
    head += struct.pack(f"{order}HHIQQQIHHHHHH", 2, machine, 1, 0, 64, 0, 0, 64, 56, 1, 0, 0, 0)
    place = 64 + 56
    kind = 3 if loader else 1
    size = len(loader) + 1
    head += struct.pack(f"{order}IIQQQQQQ", kind, 4, place, 0, 0, size, size, 1)
    return head + loader + b"\0"


def a_package(folder: pathlib.Path, **files: bytes) -> str:
    root = folder / "package"
    for name, content in files.items():
        path = root / name.replace("__", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return str(root)


def refusal(content: bytes, folder: pathlib.Path) -> str:
    path = folder / "main"
    path.write_bytes(content)
    with pytest.raises(errors.LoadError) as caught:
        package.make_runnable(package.Program(str(path), str(folder)), PATH)
    return str(caught.value)


def test_the_entry_point_is_a_file_of_the_package(tmp_path: pathlib.Path) -> None:
    root = a_package(tmp_path, run=b"#!/bin/sh\n", bin__tool=b"#!/bin/sh\n")
    assert package.find(root, "run") == package.Program(f"{root}/run", root)
    assert package.find(root, "bin/tool") == package.Program(f"{root}/bin/tool", root)
    assert package.find(root, "./bin/../run").path == f"{root}/run"


def test_a_package_of_one_file_is_the_program_whatever_the_entry_point(
    tmp_path: pathlib.Path,
) -> None:
    root = a_package(tmp_path, only=b"#!/bin/sh\n")
    assert package.find(root, "") == package.Program(f"{root}/only", root)
    assert package.find(f"{root}/only", "any") == package.Program(f"{root}/only", root)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("", "no entry point, which is the file to run; the package has: one, two"),
        ("three", "'three' is not a file of the package; it has: one, two"),
        ("../package", "'../package' lies outside the package"),
        ("../../etc/passwd", "lies outside the package"),
        ("/bin/sh", "'/bin/sh' lies outside the package"),
    ],
)
def test_any_other_entry_point_is_refused(tmp_path: pathlib.Path, name: str, message: str) -> None:
    root = a_package(tmp_path, one=b"1", two=b"2")
    with pytest.raises(errors.LoadError) as caught:
        package.find(root, name)
    assert message in str(caught.value)


def test_no_package_is_named(tmp_path: pathlib.Path) -> None:
    with pytest.raises(errors.LoadError, match=r"there is no package at .*/nowhere"):
        package.find(str(tmp_path / "nowhere"), "x")


def test_a_script_is_made_executable(tmp_path: pathlib.Path) -> None:
    script = tmp_path / "run"
    script.write_text("#!/usr/bin/env -S sh -e\n")
    script.chmod(0o600)
    made = package.make_runnable(package.Program(str(script), str(tmp_path)), PATH)
    assert made.path == str(script)
    assert os.access(script, os.X_OK)


def test_this_machines_programs_run(tmp_path: pathlib.Path) -> None:
    copy = tmp_path / "true"
    shutil.copy(shutil.which("true") or "/bin/true", copy)
    program = package.Program(str(copy), str(tmp_path))
    assert package.make_runnable(program, PATH) == program


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "main is neither a Linux program nor a script"),
        (b"echo hello\n", "neither a Linux program nor a script: needed is an ELF program for"),
        (b"MZ\x90", "main is a Windows program"),
        (b"\xcf\xfa\xed\xfe\x07", "main is a macOS program"),
        (b"\x00asm\x01", "main is a WebAssembly module: use the WebAssembly environment"),
        (b"#!\necho\n", "main names no interpreter behind #!"),
        (b"#!/bin/sh\r\necho\r\n", "main has Windows line ends"),
        (b"#!/opt/ruby4\n", "main asks for the interpreter /opt/ruby4, which is not here"),
        (
            b"#!/usr/bin/env ruby4\n",
            "the interpreter ruby4 by /usr/bin/env, which is not on the PA",
        ),
        (b"#!/usr/bin/env -S A=1 ruby4 -w\n", "the interpreter ruby4 by /usr/bin/env"),
        (b"\x7fELF\x02\x01", "main is cut off: 6 bytes of an ELF program"),
    ],
)
def test_what_cannot_run_is_named(tmp_path: pathlib.Path, content: bytes, message: str) -> None:
    assert message in refusal(content, tmp_path)


@pytest.mark.skipif(os.uname().machine != "x86_64", reason="says what an x86_64 machine says")
@pytest.mark.parametrize(
    ("content", "message"),
    [
        (an_elf(183), "main is built for aarch64, this machine is x86_64: rebuild it"),
        (an_elf(9999), "main is built for processor number 9999, this machine is x86_64"),
        (an_elf(22, order=">"), "main is built for s390x"),
        (
            an_elf(62, b"/lib/ld-musl-none.so.1"),
            "main needs the loader /lib/ld-musl-none.so.1, which is not here: it was linked for "
            "another C library; link it statically",
        ),
    ],
)
def test_a_program_for_another_machine_is_named(
    tmp_path: pathlib.Path, content: bytes, message: str
) -> None:
    assert message in refusal(content, tmp_path)


def test_a_static_program_needs_no_loader(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "main"
    path.write_bytes(an_elf({"x86_64": 62, "aarch64": 183}.get(os.uname().machine, 62)))
    assert package.make_runnable(package.Program(str(path), str(tmp_path)), PATH)
