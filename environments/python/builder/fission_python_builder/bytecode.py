"""Byte-code for a whole tree, made at build time.

The files say by an unchecked hash that they belong to their source: no time stamp is compared when
they are loaded, so unpacking may set any, and equal sources make equal bytes. The names in them are
relative to the tree; the import system puts the real path in. Each half of the work is done by a
process of its own, always a fresh one: what else an interpreter has imported shows in the bytes
that it writes.
"""

from __future__ import annotations

import dataclasses
import json
import os
import pathlib
import subprocess
import sys
from collections.abc import Collection, Sequence

MAX_WORKERS = 8
FILES_PER_WORKER = 40
"""Below that another interpreter's start takes longer than what it takes over."""

TEST_FOLDERS = frozenset({"tests", "test"})


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What became of a tree."""

    compiled: int
    failed: dict[str, str]
    """Path within the tree → why; such a module is loaded from its source, if at all."""


def compile_tree(root: pathlib.Path, own: Collection[str] = ()) -> Outcome:
    """Compile every module below ``root``; one that does not compile ends nothing.

    ``own``: the person's files. Tests of anybody else stay sources: no function imports them, and
    of pandas they are two thirds.
    """
    files = sorted(
        name
        for name in (str(path.relative_to(root)) for path in root.rglob("*.py") if path.is_file())
        if name in own or not TEST_FOLDERS.intersection(name.split("/")[:-1])
    )
    if not files:
        return Outcome(0, {})
    count = min(MAX_WORKERS, _cores(), max(1, len(files) // FILES_PER_WORKER))
    shares = [files[index::count] for index in range(count)]
    failed: dict[str, str] = {}
    for share, process in [(share, _start(root, share)) for share in shares]:
        assert process.stdout is not None
        with process:
            reports = [json.loads(line) for line in process.stdout]
        for report in reports:
            failed.update(report)
        if len(reports) < len(share):
            failed[share[len(reports)]] = f"the compiler ended with {process.returncode}"
            failed.update(dict.fromkeys(share[len(reports) + 1 :], "not reached"))
    return Outcome(len(files) - len(failed), failed)


def _start(root: pathlib.Path, files: Sequence[str]) -> subprocess.Popen[str]:
    worker = pathlib.Path(__file__).with_name("compileworker.py")
    process = subprocess.Popen(
        [sys.executable, "-I", "-S", "-W", "ignore", str(worker), str(root)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdin is not None
    with process.stdin:
        json.dump(files, process.stdin)
    return process


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 1
