"""What every form of archive is unpacked by: the rules for a member, and the folder it goes into.

An archive comes from a stranger. A member is refused, by its name, when it has an absolute path,
``..``, a name twice, or is anything but a file or a folder. There are bounds on the number of
members, on how deep they lie, on what they unpack to and on the ratio to the packed size (a bomb);
they hold for the bytes that really come, whatever the archive says about itself.
"""

from __future__ import annotations

import errno
import os
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from fission.base import errors

CHUNK_BYTES = 1 << 20
_BAD_NAMES = (errno.ENAMETOOLONG, errno.EILSEQ, errno.EINVAL)


class UnsafeArchive(errors.Error):
    """The archive is damaged or would do something that an archive of code never needs."""

    reason = "UnsafeArchive"


@dataclass(frozen=True)
class Limits:
    """Bounds on what one archive may unpack to."""

    max_members: int = 50_000
    """A node_modules folder of a large project has 40,000 files."""
    max_total_bytes: int = 2 << 30
    """Larger than any function package Fission accepts (256 MiB packed)."""
    max_ratio: int = 200
    """Text packs about 10:1, runs of zeros 1000:1; checked above ``ratio_floor_bytes`` only."""
    ratio_floor_bytes: int = 16 << 20
    max_depth: int = 100
    """Folders around a file; nested node_modules reach 40."""


class Target:
    """A fresh folder that members are written into, each checked first. Blocking."""

    def __init__(self, folder: Path, packed_bytes: int, limits: Limits) -> None:
        self._folder = folder
        self._packed_bytes = max(packed_bytes, 1)
        self._limits = limits
        self._total_bytes = 0
        self._members = 0
        self._files: set[str] = set()

    def admit(self, name: str, *, is_folder: bool) -> str:
        """Return a member's clean name, empty for the folder itself; raises UnsafeArchive."""
        self._members += 1
        check_count(self._members, self._limits)
        clean = clean_name(name, self._limits)
        if not is_folder:
            if not clean or name.endswith("/"):
                raise UnsafeArchive(f"{name[:200]!r} is not the name of a file")
            if clean in self._files:
                raise UnsafeArchive(f"{name[:200]!r} is in the archive twice")
            self._files.add(clean)
        return clean

    def make_folder(self, clean: str) -> None:
        """Make an admitted folder; it may be there already."""
        try:
            (self._folder / clean).mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise _refusal(clean, error) from error

    def make_file(self, clean: str, source: IO[bytes], size: int, *, executable: bool) -> None:
        """Write an admitted file of a stated size from where its bytes come."""
        path = self._folder / clean
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("xb") as sink:
                written = self._copy(clean, source, sink, size)
                os.fchmod(sink.fileno(), 0o755 if executable else 0o644)
        except OSError as error:
            raise _refusal(clean, error) from error
        if written != size:
            raise UnsafeArchive(f"{clean!r} has {written} bytes, the archive says {size}")

    def _copy(self, clean: str, source: IO[bytes], sink: IO[bytes], size: int) -> int:
        written = 0
        while chunk := source.read(CHUNK_BYTES):
            written += len(chunk)
            if written > size:
                raise UnsafeArchive(f"{clean!r} unpacks to more than it declares")
            self._total_bytes += len(chunk)
            check_size(self._total_bytes, self._packed_bytes, self._limits)
            sink.write(chunk)
        return written


def check_count(members: int, limits: Limits) -> None:
    """Raise UnsafeArchive for too many members."""
    if members > limits.max_members:
        raise UnsafeArchive(
            f"the archive has {members} members or more; at most {limits.max_members} are unpacked"
        )


def check_size(total_bytes: int, packed_bytes: int, limits: Limits) -> None:
    """Raise UnsafeArchive when so many bytes, from so many packed ones, are too many."""
    if total_bytes > limits.max_total_bytes:
        raise UnsafeArchive(
            f"the archive unpacks to {total_bytes} bytes or more; "
            f"at most {limits.max_total_bytes} are unpacked"
        )
    if total_bytes > limits.ratio_floor_bytes and total_bytes > packed_bytes * limits.max_ratio:
        raise UnsafeArchive(
            f"the archive unpacks to {total_bytes // packed_bytes} times its size or more; "
            f"at most {limits.max_ratio} are unpacked"
        )


def clean_name(name: str, limits: Limits) -> str:
    """A member's path below the folder; raises UnsafeArchive for one that leads elsewhere."""
    parts = name.rstrip("/").split("/")
    if name.startswith("/") or "\\" in name or "\0" in name or ".." in parts:
        raise UnsafeArchive(f"{name[:200]!r} would be written outside of the package")
    clean = [part for part in parts if part not in ("", ".")]
    if len(clean) > limits.max_depth:
        raise UnsafeArchive(
            f"{name[:80]!r}… lies {len(clean)} folders deep; "
            f"at most {limits.max_depth} are unpacked"
        )
    return "/".join(clean)


def _refusal(clean: str, error: OSError) -> Exception:
    """A name that the archive chose badly is its fault; everything else is the machine's."""
    if isinstance(error, FileExistsError | IsADirectoryError | NotADirectoryError):
        return UnsafeArchive(f"{clean[:200]!r} is a file and a folder at once")
    if error.errno in _BAD_NAMES:
        return UnsafeArchive(f"{clean[:80]!r}… is no name for a file: {error.strerror}")
    return error
