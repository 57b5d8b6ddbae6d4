"""Builds WebAssembly packages by the builder's own command, with a cache that tests share."""

from __future__ import annotations

import importlib.util
import os
import pathlib
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass

REPOSITORY = pathlib.Path(__file__).parents[2]
BUILDER = REPOSITORY / "environments" / "wasm" / "builder"
CACHE = REPOSITORY / ".venv" / "test-needs" / "zig"
"""The C library is compiled once for all tests, and kept: it takes the longest."""
SECONDS = 120.0


@dataclass(frozen=True)
class Build:
    """A finished build."""

    code: int
    log: str
    target: pathlib.Path


def missing() -> str | None:
    """Why nothing in C or Zig can be built here; None when it can."""
    for module in ("wasmtime", "ziglang"):
        if importlib.util.find_spec(module) is None:
            return f"{module} is not installed: pip install 'fission[wasm,wasm-builder]'"
    return None


def run_command(words: list[str], env: Mapping[str, str], folder: pathlib.Path) -> tuple[int, str]:
    """One of the builder's commands; returns its exit code and all it said."""
    variables = {
        **os.environ,
        "FISSION_PYTHON": sys.executable,
        "ZIG_GLOBAL_CACHE_DIR": str(CACHE),
        "ZIG_LOCAL_CACHE_DIR": str(CACHE / "local"),
        **env,
    }
    done = subprocess.run(
        [str(BUILDER / "bin" / words[0]), *words[1:]],
        cwd=folder,
        env=variables,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=SECONDS,
    )
    return done.returncode, done.stdout


def build(
    source: pathlib.Path, target: pathlib.Path, env: Mapping[str, str] | None = None
) -> Build:
    """Build a source folder or file into a deployment package."""
    folder = source if source.is_dir() else source.parent
    places = {"SRC_PKG": str(source), "DEPLOY_PKG": str(target)}
    code, log = run_command(["build"], {**places, **(env or {})}, folder)
    return Build(code, log, target)


def main() -> None:
    """Build an example of each language into the folder that is named, to fill the cache."""
    absent = missing()
    if absent:
        sys.exit(absent)
    for name in ("wordcount", "sparkline"):
        built = build(REPOSITORY / "examples" / "wasm" / name, pathlib.Path(sys.argv[1]) / name)
        if built.code:
            sys.exit(built.log)


if __name__ == "__main__":
    main()
