"""Builds Java sources without a build file: the compiler, and the JAR files of `lib`."""

from __future__ import annotations

import pathlib
import shutil
from collections.abc import Mapping, Sequence

from fission_jvm_builder import errors, jars, running, settings

SOURCE_ROOTS = ("src/main/java", "src")
RESOURCES = "src/main/resources"
LIBRARIES = "lib"


def build(
    asked: settings.Settings, files: Sequence[str], words: Sequence[str], env: Mapping[str, str]
) -> pathlib.Path:
    """Compile and pack; returns the JAR file. Raises BuildError."""
    folder = asked.source if asked.source.is_dir() else asked.source.parent
    sources = sorted(name for name in files if name.endswith(".java"))
    libraries = sorted(
        name for name in files if name.startswith(LIBRARIES + "/") and name.endswith(".jar")
    )
    running.say(f"compiling {len(sources)} sources, with {len(libraries)} libraries")
    classes = asked.home / "classes"
    class_path = [*sorted(asked.modules.glob("io/fission/*/1*/*.jar")), *libraries]
    command = ["javac", "-J-XX:TieredStopAtLevel=1", "-encoding", "UTF-8", "-proc:none"]
    command += ["-classpath", ":".join(str(path) for path in class_path), "-d", str(classes)]
    code = running.run([*command, *words, *sources], folder, env)
    if code:
        raise errors.BuildError(
            f"the compiler failed with exit code {code}; see what it says above"
        )
    _copy_resources(folder, files, classes)
    target = asked.home / "function.jar"
    jars.pack(classes, [folder / name for name in libraries], target)
    return target


def _copy_resources(folder: pathlib.Path, files: Sequence[str], classes: pathlib.Path) -> None:
    """What programs read beside their classes; below the roots of sources, or of resources."""
    for name in files:
        if name.endswith((".java", ".jar")) or name.startswith((".", LIBRARIES + "/")):
            continue
        place = pathlib.PurePosixPath(name)
        for root in (RESOURCES, *SOURCE_ROOTS):
            if place.is_relative_to(root):
                place = place.relative_to(root)
                break
        target = classes / place
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(folder / name, target)
