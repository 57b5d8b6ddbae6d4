"""Hands a command to the embedded platform's own program, flags and exit code unchanged."""

import subprocess
import sys
from collections.abc import Sequence
from typing import Final

from fission.cli import context

MODULE: Final = "fission.bundle.embedded"


def run(session: context.Session, arguments: Sequence[str]) -> int:
    """Run the program on our terminal until it ends; its exit code."""
    session.out.flush()
    command = [sys.executable, "-m", MODULE, *arguments]
    child = subprocess.Popen(command, env=dict(session.env), cwd=session.cwd)
    while True:
        try:
            return child.wait()
        except KeyboardInterrupt:
            continue  # the terminal sent it to the child as well, which ends in its own way
