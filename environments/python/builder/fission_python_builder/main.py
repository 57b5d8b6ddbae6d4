"""The commands: ``build`` (the default build command) and ``compile-bytecode FOLDER``.

Dependencies are installed straight into the deployment tree, and the person's own files are put
over them: nothing is copied twice, what a back end leaves behind in the source folder stays there,
and a dependency can never take the place of the person's own module.
"""

from __future__ import annotations

import os
import pathlib
import re
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence

from fission_python_builder import bytecode, errors, installing, planning, settings, tree

USAGE = "usage: build (with SRC_PKG and DEPLOY_PKG), or compile-bytecode FOLDER"

_INLINE_METADATA = re.compile(r"(?m)^# /// script\s*$")
SHOWN_FAILURES = 10


def main(argv: Sequence[str]) -> int:
    """Run one command; returns the exit code."""
    try:
        if list(argv) == ["build"]:
            build(settings.from_env(os.environ), os.environ)
        elif len(argv) == 2 and argv[0] == "compile-bytecode" and os.path.isdir(argv[1]):
            _compile(pathlib.Path(argv[1]), None)
        else:
            print(USAGE, file=sys.stderr)
            return 2
    except errors.BuildError as error:
        print(f"build: failed: {error}", file=sys.stderr, flush=True)
        return 1
    return 0


def build(asked: settings.Settings, env: Mapping[str, str]) -> None:
    """Make the deployment package; raises BuildError."""
    started = time.monotonic()
    if asked.target.exists():
        raise errors.BuildError(f"DEPLOY_PKG: there is something at {asked.target} already")
    if asked.source.is_file():
        _build_file(asked)
        return
    listing = tree.list_source(asked.source, asked.wheels)
    if listing.left_out:
        _say(f"left out: {', '.join(listing.left_out)}")
    asked.target.mkdir()
    _install(asked, listing, env)
    replaced = tree.copy_source(asked.source, listing.files, asked.target)
    for name in replaced:
        _say(f"your {name} takes the place of a dependency's file of that name")
    _compile(asked.target, set(listing.files))
    size = tree.count_bytes(asked.target) / 1e6
    _say(f"done in {time.monotonic() - started:.1f} s, {size:.1f} MB")


def _build_file(asked: settings.Settings) -> None:
    """A single file is a package by itself: it is checked, and stays what it is."""
    text = asked.source.read_bytes()
    try:
        compile(text, "the file", "exec", dont_inherit=True)
    except (SyntaxError, ValueError) as error:
        raise errors.BuildError(f"the source is one file, and it is not Python: {error}") from error
    if _INLINE_METADATA.search(text.decode(errors="replace")):
        raise errors.BuildError(
            "the source is one file whose comment `# /// script` asks for dependencies: hand over "
            "a folder with the file and a requirements.txt"
        )
    tree.copy_file(asked.source, asked.target)
    _say("one file, nothing to install")


def _install(asked: settings.Settings, listing: tree.Listing, env: Mapping[str, str]) -> None:
    python = sys.version_info[:3]
    plan = planning.make_plan(
        {name for name in listing.files if "/" not in name},
        lambda name: (asked.source / name).read_text(errors="replace"),
        python,
    )
    for note in plan.notes:
        _say(f"note: {note}")
    if not plan.file or not (plan.project or plan.locked or plan.dependencies or _is_list(plan)):
        _say("no dependencies")
        return
    started = time.monotonic()
    beside = env.get("TMPDIR") or asked.target.parent
    with tempfile.TemporaryDirectory(prefix=".build-", dir=beside) as scratch:
        installer = installing.Installer(
            asked.tool,
            asked.source,
            asked.target,
            asked.wheels,
            pathlib.Path(scratch),
            settings.installer_env(env, pathlib.Path(scratch)),
        )
        version = ".".join(str(part) for part in python)
        _say(f"installing {plan.file} with {installer.tool} for Python {version}")
        installer.install(plan)
    tree.tidy(asked.target)
    count = tree.count_packages(asked.target)
    _say(f"{count} packages installed in {time.monotonic() - started:.1f} s")


def _is_list(plan: planning.Plan) -> bool:
    return plan.file == planning.REQUIREMENTS


def _compile(target: pathlib.Path, own: set[str] | None) -> None:
    """``own``: the person's files, whose faults are shown; None: all are."""
    started = time.monotonic()
    outcome = bytecode.compile_tree(target, own or ())
    shown = sorted(name for name in outcome.failed if own is None or name in own)
    for name in shown[:SHOWN_FAILURES]:
        _say(f"warning: {name} does not compile: {outcome.failed[name]}")
    if len(shown) > SHOWN_FAILURES:
        _say(f"warning: {len(shown) - SHOWN_FAILURES} more files do not compile")
    passed_over = len(outcome.failed) - len(shown)
    more = f", {passed_over} of dependencies passed over" if passed_over else ""
    _say(f"{outcome.compiled} modules compiled in {time.monotonic() - started:.1f} s{more}")


def _say(text: str) -> None:
    print(f"build: {text}", flush=True)
