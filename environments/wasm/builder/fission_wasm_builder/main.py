"""The commands: ``build`` (the default build command) and ``check-module FILE``."""

from __future__ import annotations

import importlib.util
import os
import pathlib
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence

from fission_wasm_builder import errors

USAGE = "usage: build (with SRC_PKG and DEPLOY_PKG), or check-module FILE"


def main(argv: Sequence[str]) -> int:
    """Run one command; returns the exit code."""
    if importlib.util.find_spec("wasmtime") is None:
        print("build: failed: wasmtime is missing: pip install 'fission[wasm]'", file=sys.stderr)
        return 1
    from fission_wasm import modules
    from fission_wasm_builder import checking

    try:
        if list(argv) == ["build"]:
            build(os.environ)
        elif len(argv) == 2 and argv[0] == "check-module" and os.path.isfile(argv[1]):
            print(f"build: {checking.check(pathlib.Path(argv[1]))}")
        else:
            print(USAGE, file=sys.stderr)
            return 2
    except (errors.BuildError, modules.BadModule) as error:
        print(f"build: failed: {error}", file=sys.stderr, flush=True)
        return 1
    return 0


def build(env: Mapping[str, str]) -> None:
    """Make the deployment package, a folder of modules; raises BuildError or BadModule."""
    from fission_wasm_builder import checking, compilers, picking

    started = time.monotonic()
    source, target = _folder(env, "SRC_PKG"), _folder(env, "DEPLOY_PKG")
    if not source.exists():
        raise errors.BuildError(f"SRC_PKG: there is nothing at {source}")
    if target.exists():
        raise errors.BuildError(f"DEPLOY_PKG: there is something at {target} already")
    with tempfile.TemporaryDirectory(prefix=".build-", dir=env.get("TMPDIR")) as name:
        work = pathlib.Path(name)
        if source.is_file():
            source = _as_folder(source, work / "source")
        plan = picking.pick(_list(source))
        _say(f"{', '.join(plan.files[:10])}: by {plan.recipe.value}")
        target.mkdir()
        compilers.compile_source(plan, source, target, work)
    for path in sorted(target.rglob("*.wasm")):
        _say(f"{path.relative_to(target)}: {checking.check(path)}")
    _say(f"done in {time.monotonic() - started:.1f} s")


def _folder(env: Mapping[str, str], variable: str) -> pathlib.Path:
    value = env.get(variable)
    if not value:
        raise errors.BuildError(f"{variable} is not set; {USAGE}")
    return pathlib.Path(value).absolute()


def _as_folder(file: pathlib.Path, folder: pathlib.Path) -> pathlib.Path:
    """A folder with the file under a name by its content: a single file comes without its own."""
    from fission_wasm_builder import picking

    content = file.read_bytes()
    folder.mkdir()
    (folder / f"main{picking.recognize(content)}").write_bytes(content)
    return folder


def _list(folder: pathlib.Path) -> list[str]:
    return [path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()]


def _say(text: str) -> None:
    print(f"build: {text}", flush=True)
