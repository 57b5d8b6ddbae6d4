"""The shared directory: which names are sources and artifacts, and what is left over.

Names come from a caller and are single, plain path components. A build's own scratch folders begin
with ``.build-``. Blocking; small but for removals.
"""

from __future__ import annotations

import contextlib
import os
import pathlib
import re
import shutil
import stat
import tempfile
from typing import Final

from fission.base import errors, ids

SUFFIX_LENGTH: Final = 6
SCRATCH_PREFIX: Final = ".build-"
GONE_PREFIX: Final = ".gone-"
"""What is being removed: it has lost its name before the first of its files goes."""
MARKER: Final = ".fission-builder"
"""In a directory that a builder found empty: what lies there at a later start is its own."""
_NAME: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,252}")


class MissingSource(errors.Error):
    """The source is not there: never fetched, or gone with an earlier life of the pod."""

    reason = "SourceNotFound"
    retryable = True


class BadArtifact(errors.Error):
    """The command succeeded, and what it left behind cannot be used."""

    reason = "NoArtifact"


class Folders:
    """The sources and artifacts of one builder."""

    def __init__(self, root: pathlib.Path) -> None:
        self.root = root

    def prepare(self) -> None:
        """Remove what an earlier life of this container left."""
        try:
            found = set(os.listdir(self.root))
            if MARKER in found:
                for name in found - {MARKER}:
                    remove(self.root / name)
            elif not found:
                (self.root / MARKER).touch()
        except OSError as error:
            raise errors.SettingsError(
                f"packages directory {self.root} cannot be used: {error.strerror}"
            ) from error

    def source(self, name: str) -> pathlib.Path:
        """The source of that name, a folder or a file; raises MissingSource."""
        path = self.root / checked(name)
        if stat.S_IFMT(_mode(path)) not in (stat.S_IFDIR, stat.S_IFREG):
            raise MissingSource(f"source {name!r} is not in the packages directory")
        return path

    def artifact_for(self, name: str) -> pathlib.Path:
        """A free name for what a build of this source will make."""
        while True:
            path = self.root / f"{name}-{ids.short_id(SUFFIX_LENGTH)}"
            if not _mode(path):
                return path

    def scratch(self) -> pathlib.Path:
        """A private folder for one build."""
        return pathlib.Path(tempfile.mkdtemp(prefix=SCRATCH_PREFIX, dir=self.root))

    def sweep(self, in_use: set[str], before: float) -> None:
        """Remove what nobody has touched since ``before`` (seconds since 1970).

        Only where the directory is known to be ours.
        """
        if not _mode(self.root / MARKER):
            return
        for entry in os.listdir(self.root):
            used = any(entry == name or entry.startswith(f"{name}-") for name in in_use)
            path = self.root / entry
            if used or entry == MARKER:
                continue
            with contextlib.suppress(FileNotFoundError):  # another build removed it
                found = path.lstat()
                if found.st_mtime < before and found.st_ctime < before:
                    remove(path)

    def clean(self, name: str) -> None:
        """Remove a source and every artifact of it; or all sources that begin with this name."""
        suffixes = rf"(-[a-z0-9]{{{SUFFIX_LENGTH}}}){{0,2}}"
        pattern = re.compile(re.escape(checked(name)) + suffixes)
        for entry in os.listdir(self.root):
            if pattern.fullmatch(entry):
                remove(self.root / entry)


def check_artifact(path: pathlib.Path, variable: str) -> None:
    """Raise BadArtifact unless a build left something that can be loaded."""
    mode = _mode(path)
    if not mode:
        raise BadArtifact(
            f"the build command succeeded but made nothing at ${variable}; it must put the files"
            f" to be loaded there, for example: cp -r ${{SRC_PKG}} ${{{variable}}}"
        )
    if not (stat.S_ISDIR(mode) or stat.S_ISREG(mode)):
        raise BadArtifact(f"${variable} must be a folder or a file, not a link or a device")
    if stat.S_ISDIR(mode) and not os.listdir(path):
        raise BadArtifact(f"the build command left the folder ${variable} empty")


def checked(name: str) -> str:
    """A name of a source; raises InvalidInput for one that could leave the directory."""
    if not _NAME.fullmatch(name):
        raise errors.InvalidInput(
            f"srcPkgFilename {name[:80]!r} must be a plain file name in the packages directory"
        )
    return name


def remove(path: pathlib.Path) -> None:
    """Remove a file or a tree, also where a build took its own rights away.

    A tree is renamed first: a fetcher that packs it meanwhile sees that by its name being gone, and
    does not take what is left for the whole.
    """
    if not stat.S_ISDIR(_mode(path)):
        path.unlink(missing_ok=True)
        return
    gone = path.with_name(GONE_PREFIX + ids.short_id(16))
    try:
        path.rename(gone)
    except OSError:
        gone = path  # removed as it is, by whoever else is at it too
    shutil.rmtree(gone, ignore_errors=True)
    if gone.exists():
        for folder, _, _ in os.walk(gone):
            os.chmod(folder, 0o700)
        shutil.rmtree(gone, ignore_errors=True)


def _mode(path: pathlib.Path) -> int:
    try:
        return path.lstat().st_mode
    except FileNotFoundError:
        return 0
