"""Which tool builds a source, from the names at its top. Pure."""

from __future__ import annotations

import enum
from collections.abc import Iterable

from fission_jvm_builder import errors

POM = "pom.xml"
GRADLE_FILES = ("build.gradle", "build.gradle.kts")
WRAPPER = "gradlew"
WRAPPER_JAR = "gradle/wrapper/gradle-wrapper.jar"
SHOWN_NAMES = 12


class Tool(enum.Enum):
    """What makes the JAR file."""

    MAVEN = "Maven"
    GRADLE = "Gradle"
    PLAIN = "the compiler alone"


def choose(names: Iterable[str]) -> Tool:
    """Pick the tool for a source with these files (paths below it); raises BuildError.

    Maven comes before Gradle: a project that has both keeps one of them for such builders.
    """
    found = set(names)
    if POM in found:
        return Tool.MAVEN
    if found.intersection(GRADLE_FILES):
        return Tool.GRADLE
    below = sorted(name for name in found if name.endswith("/" + POM))
    if any(name.endswith(".java") for name in found) and not below:
        return Tool.PLAIN
    top = sorted({name.split("/", 1)[0] for name in found})
    shown = ", ".join(top[:SHOWN_NAMES]) or "nothing"
    hint = f"; {below[0]} has to be at the top: pack its folder's contents" if below else ""
    raise errors.BuildError(
        f"nothing to build: a source has pom.xml, build.gradle or .java files; at its top this "
        f"has {shown}{hint}"
    )


def gradle_command(names: Iterable[str], installed: str | None) -> list[str]:
    """The project's own wrapper, or the installed Gradle; raises BuildError when there is none."""
    if {WRAPPER, WRAPPER_JAR} <= set(names):
        return ["sh", f"./{WRAPPER}"]
    if installed:
        return [installed]
    raise errors.BuildError(
        "the source is a Gradle project (build.gradle), and this builder has no Gradle: add its "
        f"wrapper to the source ({WRAPPER} and {WRAPPER_JAR}), install it where builders run "
        "(apt-get install gradle), or add a pom.xml, which comes first"
    )
