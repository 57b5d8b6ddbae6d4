"""Runs a tool, passing its output on line by line, and takes the locks of the download cache."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pathlib
import re
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence

from fission_jvm_builder import errors

JAVA_OPTIONS = "-Xmx512m -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -XX:-UsePerfData"
"""For build tools, unless the person has set their variable: one build in the memory of a small
pod; over in seconds, so the second compiler would only cost."""


_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
"""Maven resets colours even when it is told to use none."""


def run(
    command: Sequence[str],
    folder: pathlib.Path,
    env: Mapping[str, str],
    notice: Callable[[str], None] = lambda line: None,
) -> int:
    """Run to the end; every line of the output is passed on at once, and noticed."""
    try:
        process = subprocess.Popen(
            command,
            cwd=folder,
            env=dict(env),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        )
    except FileNotFoundError as error:
        raise errors.BuildError(f"{command[0]} is not installed where builders run") from error
    assert process.stdout is not None
    with process.stdout:
        for coloured in process.stdout:
            line = _COLOUR.sub("", coloured)
            sys.stdout.write(line)
            sys.stdout.flush()
            notice(line)
    return process.wait()


def say(text: str) -> None:
    """A line of ours in the log."""
    print(f"build: {text}", flush=True)


@contextlib.contextmanager
def lock(path: pathlib.Path, *, shared: bool) -> Iterator[None]:
    """Hold the cache: Maven does not expect others to write to its repository at the same time."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    kind = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
    try:
        try:
            fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
        except BlockingIOError:
            say("waiting for another build, which is downloading")
            fcntl.flock(descriptor, kind)
        yield
    finally:
        os.close(descriptor)
