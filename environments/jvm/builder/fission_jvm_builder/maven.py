"""Builds with Maven: without network once everything is in the cache, else with it."""

from __future__ import annotations

import pathlib
import shutil
from collections.abc import Mapping, Sequence
from xml.sax import saxutils

from fission_jvm_builder import errors, repository, running, settings

OFFLINE_SIGNS = ("in offline mode", "has not been downloaded from it before", "is offline")
"""How Maven says that it would have had to download something."""


def build(
    asked: settings.Settings, files: Sequence[str], words: Sequence[str], env: Mapping[str, str]
) -> None:
    """Run `mvn package`; raises BuildError."""
    local = repository.Repository(asked.cache)
    local.path.mkdir(parents=True, exist_ok=True)
    local.install(asked.modules)
    if (asked.source / "target").is_dir():
        shutil.rmtree(asked.source / "target")  # what somebody built elsewhere
    command = make_command(asked, local.path, words)
    made = {"MAVEN_OPTS": running.JAVA_OPTIONS, **env}
    key = repository.key_of(asked.source, files, [*words, str(asked.local or "")])
    if local.is_complete(key):
        running.say("building with Maven, from the cache")
        missing: list[str] = []

        def notice(line: str) -> None:
            if any(sign in line for sign in OFFLINE_SIGNS):
                missing.append(line)

        with running.lock(local.lock_path, shared=True):
            code = running.run([*command, "--offline"], asked.source, made, notice)
        if not missing or not code:
            _check(code)
            return
        running.say("something is missing in the cache: building again, with the network")
        local.forget(key)
    else:
        running.say("building with Maven; what is not in the cache is downloaded")
    with running.lock(local.lock_path, shared=False):
        _check(running.run(command, asked.source, made))
    local.mark_complete(key)


def make_command(asked: settings.Settings, local: pathlib.Path, words: Sequence[str]) -> list[str]:
    """The command line; the person's words come last."""
    command = ["mvn", "--batch-mode", "--no-transfer-progress", "-Dstyle.color=never"]
    command += [f"-Dmaven.repo.local={local}", f"-Dproject.build.outputTimestamp={asked.stamp}"]
    if asked.local is not None:
        path = asked.home / "fission-settings.xml"
        path.write_text(make_settings(asked.local))
        command += ["--settings", str(path)]
    return [*command, "package", *words]


def make_settings(folder: pathlib.Path) -> str:
    """Settings by which everything comes from a folder."""
    url = saxutils.escape(folder.as_uri())
    return (
        "<settings><mirrors><mirror><id>fission-local</id><mirrorOf>*</mirrorOf>"
        f"<url>{url}</url></mirror></mirrors></settings>\n"
    )


def _check(code: int) -> None:
    if code:
        raise errors.BuildError(
            f"Maven failed with exit code {code}; its lines that begin with [ERROR] say why"
        )
