"""Compiles functions in Java against the modules that the JVM builder offers, without Maven."""

from __future__ import annotations

import pathlib
import subprocess
import zipfile

REPOSITORY = pathlib.Path(__file__).parents[2]
MODULES = REPOSITORY / "environments" / "jvm" / "builder" / "modules"
SOURCE_PATH = ":".join(str(path) for path in sorted(MODULES.glob("*/src/main/java")))


def compile_folder(
    sources: pathlib.Path, target: pathlib.Path, *, with_types: bool = False
) -> None:
    """Compile every source below a folder into another; ``with_types``: those it uses, too."""
    files = [str(path) for path in sorted(sources.rglob("*.java"))]
    command = ["javac", "-J-XX:TieredStopAtLevel=1", "--release", "17", "-nowarn", "-proc:none"]
    implicit = f"-implicit:{'class' if with_types else 'none'}"
    done = subprocess.run(
        [*command, implicit, "-sourcepath", SOURCE_PATH, "-d", str(target), *files],
        cwd=target.parent,  # where a crashed virtual machine leaves its report
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr


def pack(
    folder: pathlib.Path, target: pathlib.Path, only: str = "**/*.class", *, folders: bool = False
) -> None:
    """A JAR file of the classes below a folder; ``folders``: with entries for folders."""
    with zipfile.ZipFile(target, "w") as jar:
        for path in sorted(folder.glob("**/*" if folders else only)):
            jar.write(path, path.relative_to(folder))
