"""Finds the program of a package and says what would keep it from running here.

The kernel tells less than it knows: a script whose interpreter is missing, a program linked for
another C library and a file that is not there are all "No such file or directory". So the file is
looked at first, once, when the function is loaded.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import stat
import struct
import sys
import tempfile
from dataclasses import dataclass

from fission_binary import errors

HEAD_BYTES = 4096
"""What is read of a file: a page holds the ``#!`` line and an ELF file's program headers."""

MACHINES = {3: "i386", 40: "arm", 62: "x86_64", 183: "aarch64", 22: "s390x", 21: "ppc64le",
            243: "riscv64", 258: "loongarch64"}  # fmt: skip
"""ELF's numbers for processors, by the name that ``uname -m`` gives them."""

_COMPATIBLE = {"x86_64": ("x86_64", "i386"), "aarch64": ("aarch64", "arm")}
_FOREIGN = {
    b"MZ": "a Windows program",
    b"\xcf\xfa\xed\xfe": "a macOS program",
    b"\xca\xfe\xba\xbe": "a macOS program or a Java class",
    b"\x00asm": "a WebAssembly module: use the WebAssembly environment",
    b"PK\x03\x04": "a zip archive",
}
_PT_INTERP = 3


@dataclass(frozen=True)
class Program:
    """What is run, and where."""

    path: str
    folder: str
    """The package's folder; the working directory of the program."""


def find(path: str, name: str) -> Program:
    """The program ``name`` of the package at ``path``; a package of one file is the program."""
    if not os.path.exists(path):
        raise errors.LoadError(f"there is no package at {path}")
    if not os.path.isdir(path):
        return Program(path, os.path.dirname(path))
    if not name:
        files = [entry.name for entry in os.scandir(path) if entry.is_file()]
        if len(files) != 1:
            raise errors.LoadError(
                f"the function has no entry point, which is the file to run; the package has: "
                f"{_names(path)}"
            )
        name = files[0]
    target = os.path.normpath(os.path.join(path, name))
    if not target.startswith(path.rstrip("/") + "/"):
        raise errors.LoadError(f"entry point {name!r} lies outside the package")
    if not os.path.isfile(target):
        raise errors.LoadError(
            f"entry point {name!r} is not a file of the package; it has: {_names(path)}"
        )
    return Program(target, path)


def make_runnable(program: Program, search_path: str) -> Program:
    """The program, executable; LoadError names what it is or what it lacks."""
    try:
        with open(program.path, "rb") as file:
            head = file.read(HEAD_BYTES)
    except OSError as error:
        raise errors.LoadError(f"{program.path} cannot be read: {error.strerror}") from error
    name = os.path.basename(program.path)
    if head.startswith(b"#!"):
        _check_script(name, head, search_path, program.folder)
    elif head.startswith(b"\x7fELF"):
        _check_elf(name, head)
    else:
        kinds = [text for magic, text in _FOREIGN.items() if head.startswith(magic)]
        what = f"is {kinds[0]}" if kinds else "is neither a Linux program nor a script"
        raise errors.LoadError(
            f"{name} {what}: needed is an ELF program for {os.uname().machine} or a script whose "
            "first line is #! and an interpreter, such as #!/bin/sh"
        )
    return _executable(program)


def _check_script(name: str, head: bytes, search_path: str, folder: str) -> None:
    line = head[2:].split(b"\n", 1)[0]
    if line.endswith(b"\r"):
        raise errors.LoadError(
            f"{name} has Windows line ends: the kernel would look for an interpreter called "
            f"{line.strip(b' ').decode(errors='replace')!r}; save it with Unix line ends"
        )
    words = line.decode(errors="replace").split()
    if not words:
        raise errors.LoadError(f"{name} names no interpreter behind #!")
    interpreter = words[0]
    if not os.path.exists(os.path.join(folder, interpreter)):
        raise errors.LoadError(
            f"{name} asks for the interpreter {interpreter}, which is not here: install it, or "
            "name another one behind #!"
        )
    if os.path.basename(interpreter) == "env":
        wanted = next((w for w in words[1:] if not w.startswith("-") and "=" not in w), None)
        if wanted is not None and shutil.which(wanted, path=search_path) is None:
            raise errors.LoadError(
                f"{name} asks for the interpreter {wanted} by {interpreter}, which is not on the "
                f"PATH {search_path}: install it"
            )


def _check_elf(name: str, head: bytes) -> None:
    if len(head) < 64:
        raise errors.LoadError(f"{name} is cut off: {len(head)} bytes of an ELF program")
    order = "<" if head[5] == 1 else ">"
    number = struct.unpack_from(f"{order}H", head, 18)[0]
    machine = MACHINES.get(number, f"processor number {number}")
    here = os.uname().machine
    native = (sys.byteorder == "little") == (order == "<")
    if machine not in _COMPATIBLE.get(here, (here,)) or not native:
        raise errors.LoadError(f"{name} is built for {machine}, this machine is {here}: rebuild it")
    loader = _elf_interpreter(head, order)
    if loader and not os.path.exists(loader):
        raise errors.LoadError(
            f"{name} needs the loader {loader}, which is not here: it was linked for another C "
            "library; link it statically, or build it where it runs"
        )


def _elf_interpreter(head: bytes, order: str) -> str:
    """The dynamic loader that a program names; empty for a static one."""
    wide = head[4] == 2
    at, size, count = (
        struct.unpack_from(f"{order}Q", head, 32) + struct.unpack_from(f"{order}HH", head, 54)
        if wide
        else struct.unpack_from(f"{order}I", head, 28) + struct.unpack_from(f"{order}HH", head, 42)
    )
    for index in range(count):
        start = at + index * size
        if start + size > len(head):
            break
        if struct.unpack_from(f"{order}I", head, start)[0] != _PT_INTERP:
            continue
        place, length = (
            (struct.unpack_from(f"{order}Q", head, start + 8)[0],
             struct.unpack_from(f"{order}Q", head, start + 32)[0])
            if wide
            else (struct.unpack_from(f"{order}I", head, start + 4)[0],
                  struct.unpack_from(f"{order}I", head, start + 16)[0])
        )  # fmt: skip
        return head[place : place + length].rstrip(b"\0").decode(errors="replace")
    return ""


def _executable(program: Program) -> Program:
    """Set the executable bits, or copy the file where the package may not be changed."""
    if os.access(program.path, os.X_OK):
        return program
    mode = stat.S_IMODE(os.stat(program.path).st_mode)
    with contextlib.suppress(OSError):
        os.chmod(program.path, mode | 0o555)
    if os.access(program.path, os.X_OK):
        return program
    # Without namespaces a sandbox lets chmod succeed and do nothing; a file's first mode counts.
    try:
        folder = tempfile.mkdtemp(prefix="program-")
        copy = os.path.join(folder, os.path.basename(program.path))
        target = os.open(copy, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o755)
        with open(program.path, "rb") as source, open(target, "wb") as file:
            shutil.copyfileobj(source, file)
    except OSError as error:
        raise errors.LoadError(
            f"{program.path} cannot be made executable: {error}; pack it with its executable bit"
        ) from error
    return Program(copy, program.folder)


def _names(path: str) -> str:
    return ", ".join(sorted(os.listdir(path))[:20]) or "nothing"
