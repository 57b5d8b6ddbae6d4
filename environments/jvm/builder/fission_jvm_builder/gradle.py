"""Builds with Gradle, without leaving its daemon behind."""

from __future__ import annotations

import pathlib
import shutil
from collections.abc import Mapping, Sequence

from fission_jvm_builder import errors, planning, running, settings


def build(
    asked: settings.Settings, files: Sequence[str], words: Sequence[str], env: Mapping[str, str]
) -> None:
    """Run `gradle build`; raises BuildError."""
    command = planning.gradle_command(files, shutil.which("gradle", path=env.get("PATH")))
    running.say(f"building with Gradle ({command[-1]}); what is not in the cache is downloaded")
    script = asked.home / "fission.init.gradle"
    script.write_text(make_script(asked))
    options = ["--no-daemon", "--console=plain", "--init-script", str(script)]
    cache = asked.cache / "gradle"
    made = {"GRADLE_OPTS": running.JAVA_OPTIONS, **env, "GRADLE_USER_HOME": str(cache)}
    offline = ["--offline"] if asked.local is not None else []
    code = running.run([*command, *options, *offline, "build", *words], asked.source, made)
    if code:
        raise errors.BuildError(f"Gradle failed with exit code {code}; see what it says above")


def make_script(asked: settings.Settings) -> str:
    """An init script: every project finds our modules, and the local repository if there is one."""
    folders: list[pathlib.Path] = [asked.modules]
    if asked.local is not None:
        folders.append(asked.local)
    lines = "".join(f"    maven {{ url = uri({_quoted(folder)}) }}\n" for folder in folders)
    return f"allprojects {{\n  repositories {{\n{lines}  }}\n}}\n"


def _quoted(folder: pathlib.Path) -> str:
    text = str(folder).replace("\\", "\\\\").replace("'", "\\'")
    return f"'{text}'"
