"""The command: `build [words for the tool]`, with SRC_PKG and DEPLOY_PKG."""

from __future__ import annotations

import os
import pathlib
import shutil
import sys
import time
from collections.abc import Mapping, Sequence

from fission_jvm_builder import errors, gradle, jars, maven, plain, planning, running, settings

MADE_FOLDERS = frozenset({"target", "build", "out", "bin"})
"""At the top: what tools and editors make. Further down they are names of packages, too."""


def main(argv: Sequence[str]) -> int:
    """Build; returns the exit code."""
    try:
        build(settings.from_env(os.environ), argv, os.environ)
    except errors.BuildError as error:
        print(f"build: failed: {error}", file=sys.stderr, flush=True)
        return 1
    return 0


def build(asked: settings.Settings, words: Sequence[str], env: Mapping[str, str]) -> None:
    """Make the deployment package, a single JAR file; raises BuildError."""
    started = time.monotonic()
    if asked.target.exists():
        raise errors.BuildError(f"DEPLOY_PKG: there is something at {asked.target} already")
    if asked.source.is_file() and asked.source.suffix == ".jar":
        raise errors.BuildError(
            "the source is a JAR file, which is built already: hand it over with --code or --deploy"
        )
    files = list_files(asked.source)
    tool = planning.choose(files)
    if tool is planning.Tool.MAVEN:
        maven.build(asked, files, words, env)
        jar = jars.find(_outputs(asked.source, "target"), "target")
    elif tool is planning.Tool.GRADLE:
        gradle.build(asked, files, words, env)
        jar = jars.find(_outputs(asked.source, "build/libs"), "build/libs")
    else:
        jar = plain.build(asked, files, words, env)
    described = jars.describe(jar)
    shutil.copyfile(jar, asked.target)
    running.say(f"{described}, in {time.monotonic() - started:.1f} s")


def list_files(source: pathlib.Path) -> list[str]:
    """Paths of the files below a source, in order; a single file is a source of one."""
    if source.is_file():
        return [source.name]
    found = []
    for folder, folders, names in os.walk(source):
        below = pathlib.Path(folder).relative_to(source)
        made = MADE_FOLDERS if folder == str(source) else ()
        folders[:] = sorted(name for name in folders if name not in (*made, ".git", ".gradle"))
        found += [(below / name).as_posix() for name in sorted(names)]
    return found


def _outputs(source: pathlib.Path, name: str) -> list[pathlib.Path]:
    """The folder of results at the top; where that has no JAR file, those of the modules."""
    top = source / name
    if any(top.glob("*.jar")):
        return [top]
    return sorted(path for path in source.glob(f"*/{name}") if path.is_dir())
