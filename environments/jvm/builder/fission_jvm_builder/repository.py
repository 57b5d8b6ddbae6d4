"""The local Maven repository in the download cache, with our own modules in it."""

from __future__ import annotations

import contextlib
import hashlib
import os
import pathlib
import shutil
import tempfile
from collections.abc import Iterable

FOLDER = "maven"
LOCK = ".fission-lock"
COMPLETE = ".fission-complete"
"""Folder of marks: everything that a project with these files needs has been downloaded."""
MARKED_NAMES = frozenset({"pom.xml", "maven.config", "jvm.config", "extensions.xml"})


class Repository:
    """A local repository that the builds of one namespace share."""

    def __init__(self, cache: pathlib.Path) -> None:
        self.path = cache / FOLDER
        self.lock_path = self.path / LOCK

    def install(self, modules: pathlib.Path) -> None:
        """Put our modules there, where they are missing or others: as `mvn install` would."""
        for source in sorted(path for path in modules.rglob("*") if path.is_file()):
            target = self.path / source.relative_to(modules)
            content = source.read_bytes()
            if target.is_file() and target.read_bytes() == content:
                continue
            target.parent.mkdir(parents=True, exist_ok=True)
            # Whole or not at all: another build may be reading.
            descriptor, name = tempfile.mkstemp(prefix=".installing-", dir=target.parent)
            with os.fdopen(descriptor, "wb") as file:
                file.write(content)
            os.chmod(name, 0o644)
            os.replace(name, target)

    def is_complete(self, key: str) -> bool:
        """Whether a build with this key has been online to its end."""
        return (self.path / COMPLETE / key).is_file()

    def mark_complete(self, key: str) -> None:
        """Builds with this key need no network from here on."""
        mark = self.path / COMPLETE / key
        with contextlib.suppress(OSError):
            mark.parent.mkdir(exist_ok=True)
            mark.touch()

    def forget(self, key: str) -> None:
        """Something is missing after all."""
        with contextlib.suppress(OSError):
            (self.path / COMPLETE / key).unlink()

    def clear(self) -> None:
        """Remove everything; for tests and for people."""
        shutil.rmtree(self.path, ignore_errors=True)


def key_of(folder: pathlib.Path, files: Iterable[str], words: Iterable[str]) -> str:
    """What decides which artifacts a build needs: the project's own words about them."""
    digest = hashlib.sha256()
    for word in words:
        digest.update(word.encode() + b"\0")
    for name in sorted(files):
        if name.rpartition("/")[2] in MARKED_NAMES:
            digest.update(name.encode() + b"\0" + (folder / name).read_bytes() + b"\0")
    return digest.hexdigest()[:32]
