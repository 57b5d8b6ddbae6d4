"""``python -m fission.bundle.local runtime|build …``."""

from __future__ import annotations

import argparse
import os
import pathlib
import sys

from fission.base import errors
from fission.bundle.local import building, runtimes


def main(arguments: list[str]) -> int:
    """Run one command; returns the exit code, or becomes the runtime."""
    options = _parser().parse_args(arguments)
    try:
        if options.command == "runtime":
            runtimes.become(options.image, options.socket, options.debug_port, os.environ)
        return building.run(
            options.image, options.source, options.target, options.buildcmd, os.environ
        )
    except errors.Error as error:
        print(f"Error: {error}", file=sys.stderr)
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="fission fn run-local")
    commands = parser.add_subparsers(dest="command", required=True)
    runtime = commands.add_parser("runtime", help="become an image's runtime")
    runtime.add_argument("--image", required=True)
    runtime.add_argument("--socket", type=int, required=True, help="descriptor that it listens on")
    runtime.add_argument("--debug-port", type=int, default=0)
    build = commands.add_parser("build", help="build a folder with an image's builder")
    build.add_argument("--image", required=True)
    build.add_argument("--source", type=pathlib.Path, required=True)
    build.add_argument("--target", type=pathlib.Path, required=True)
    build.add_argument("--buildcmd", default="")
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
