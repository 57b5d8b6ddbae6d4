"""The ``fission`` command as a process of its own that need not import everything again.

A server process has imported the command; each call is a fork of it, with arguments, environment,
folder and output of its own. That takes some 20 ms instead of 250, of which journeys have hundreds.
"""

from __future__ import annotations

import multiprocessing
import os
import pathlib
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Mapping, Sequence

PRELOADED = (
    "asyncio",
    "fission.cli.main",
    "fission.cli.backend.controller",
    "fission.cli.backend.kubernetes",
    "fission.cli.environment.create",
    "fission.cli.function.create",
    "fission.cli.function.test",
    "fission.cli.httptrigger.create",
    "fission.cli.output",
)
_forking = multiprocessing.get_context("forkserver")
_forking.set_forkserver_preload([*PRELOADED, __name__])


def run(
    words: Sequence[str], env: Mapping[str, str], cwd: pathlib.Path, timeout_seconds: float
) -> subprocess.CompletedProcess[str]:
    """Run one command line to its end. Raises TimeoutError after killing it."""
    with tempfile.TemporaryDirectory() as folder:
        out, err = pathlib.Path(folder, "out"), pathlib.Path(folder, "err")
        process = _forking.Process(
            target=_be_command, args=(list(words), dict(env), str(cwd), str(out), str(err))
        )
        process.start()
        process.join(timeout_seconds)
        if process.is_alive():
            process.kill()
            process.join()
            raise TimeoutError(f"fission {' '.join(words)} took longer than {timeout_seconds} s")
        code = process.exitcode
        process.close()
        return subprocess.CompletedProcess(
            ["fission", *words], 1 if code is None else code, out.read_text(), err.read_text()
        )


def _be_command(words: list[str], env: dict[str, str], cwd: str, out: str, err: str) -> None:
    for number, path in ((1, out), (2, err)):
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        os.dup2(descriptor, number)
        os.close(descriptor)
    os.environ.clear()
    os.environ.update(env)
    os.chdir(cwd)
    sys.argv = ["fission", *words]
    warnings.simplefilter("default")
    from fission.cli import main

    main.main()
