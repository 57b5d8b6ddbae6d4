"""What a failed installer's last words tell a person to do."""

from __future__ import annotations

import pytest
from fission_python_builder import hints


@pytest.mark.parametrize(
    ("line", "advice"),
    [
        ("error: command 'gcc' failed: No such file or directory", "build-essential"),
        ("error: command 'x86_64-linux-gnu-gcc' failed: No such file or directory", "build-essen"),
        ("sh: 1: cc: not found", "build-essential"),
        ("ERROR: Unknown compiler(s): [['cc'], ['gcc'], ['clang']]", "build-essential"),
        ("error: [Errno 2] No such file or directory: 'clang'", "build-essential"),
        ("error: command 'g++' failed: No such file or directory", "g++"),
        ("src/x.c:1:10: fatal error: Python.h: No such file or directory", "python3-dev"),
        ("error: can't find Rust compiler", "cargo and rustc"),
        ("Cargo, the Rust package manager, is not installed or is not on PATH.", "cargo and rust"),
        ("Error: pg_config executable not found.", "libpq-dev"),
        ("fatal error: ffi.h: No such file or directory", "libffi-dev"),
        ("fatal error: sodium.h: No such file or directory", "header file sodium.h"),
        ("Git executable not found. Ensure that Git is installed and available.", "package git"),
        ("ERROR: Cannot find command 'git' - do you have 'git' installed", "package git"),
        ("  does not satisfy Python>=3.13 and shop==1 depends on Python>=3.13", "Python 3.11"),
        ("  Caused by: dns error", "FISSION_WHEELS"),
        ("  Caused by: invalid peer certificate: UnknownIssuer", "ca-certificates"),
        ("OSError: [Errno 28] No space left on device", "disk is full"),
    ],
)
def test_a_cause_is_named(line: str, advice: str) -> None:
    found = hints.find(["noise", line + "\n", "more noise"], "3.11")
    assert advice in found[0]


def test_one_cause_is_named_once() -> None:
    lines = ["sh: 1: gcc: not found", "error: command 'gcc' failed: No such file or directory"]
    assert len(hints.find(lines, "3.11")) == 1


def test_nothing_known_is_nothing_said() -> None:
    assert hints.find(["ResolutionImpossible"], "3.11") == []


def test_a_folder_of_wheels_is_remembered() -> None:
    assert hints.find([], "3.11", "/wheels") == [
        "only wheels in /wheels are used (FISSION_WHEELS); `pip download -d` adds to it"
    ]
