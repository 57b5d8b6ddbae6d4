"""Packs a folder into a zip, reproducibly: sorted names, fixed times, two modes.

Equal trees make equal bytes on one machine. What is in the folder may belong to a stranger whose
program still runs: every file is found first and then looked at, through its descriptor, so that
nothing outside of the folder gets in, and nothing else is even opened, whatever is exchanged for a
link meanwhile: a file, a folder on the way, or the folder itself. What could not be unpacked again
is not packed: the bounds of ``unpacking`` hold here, too, and end what links multiply.
"""

from __future__ import annotations

import os
import stat
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from fission.base import errors, unpacking

CHUNK_BYTES = 1 << 20
LIMITS = unpacking.Limits()
_EPOCH = (1980, 1, 1, 0, 0, 0)
"""The oldest moment that a zip can hold."""
_LEVEL = 2
"""Of installed packages: 41 % left at 75 MB/s, where the usual level 6 leaves 39 % at 25 MB/s."""


def pack_folder(folder: Path, target: IO[bytes], limits: unpacking.Limits = LIMITS) -> None:
    """Write what is below a folder: files, and folders that are empty.

    Links are followed inside the folder, so what they lead to is there twice; a link that leads
    out or to a folder around it is refused with InvalidInput. Sockets, pipes, devices and links to
    nothing are left out.
    """
    # Where the folder is told to be, and not where it leads: it may be a link by now.
    root = Path(os.path.realpath(folder.parent)) / folder.name
    members = _members(root, limits)
    room = _Room(limits.max_total_bytes)
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in sorted(members):
            if name.endswith("/"):
                archive.writestr(_member(name, stat.S_IFDIR | 0o755), b"")
                continue
            with _opened(members[name], root) as source:
                if source is not None:
                    _add(archive, name, source, room)


def pack_members(members: Mapping[str, Path], target: IO[bytes]) -> None:
    """Write files, and folders by a name that ends with a slash, under the given names."""
    room = _Room(LIMITS.max_total_bytes)
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in sorted(members):
            if name.endswith("/"):
                archive.writestr(_member(name, stat.S_IFDIR | 0o755), b"")
                continue
            with members[name].open("rb") as source:
                _add(archive, name, source, room)


def pack_file(name: str, source: IO[bytes], target: IO[bytes]) -> None:
    """Write one file under a name."""
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        _add(archive, name, source, _Room(LIMITS.max_total_bytes))


def copy_file(source: IO[bytes], target: IO[bytes]) -> None:
    """Write one file as it is."""
    _Room(LIMITS.max_total_bytes).copy(source, target)


def members_below(folder: Path) -> dict[str, Path]:
    """Every file below a folder by its member name, and every empty folder, with a slash behind."""
    return _members(Path(os.path.realpath(folder)), LIMITS)


def _members(root: Path, limits: unpacking.Limits) -> dict[str, Path]:
    walk = _Walk(root, limits)
    walk.gather("", (root,))
    return walk.found


class _Walk:
    """What is below a folder. A folder that links lead to again is looked at once."""

    def __init__(self, root: Path, limits: unpacking.Limits) -> None:
        self.found: dict[str, Path] = {}
        self._root = root
        self._limits = limits
        self._entries: dict[Path, list[tuple[str, Path, bool]]] = {}
        self._seen = 0

    def gather(self, prefix: str, around: tuple[Path, ...]) -> None:
        """Add what is in the last of the folders ``around``, none of which is a link."""
        if len(around) > self._limits.max_depth:
            raise errors.InvalidInput(
                f"{self._root} has folders that lie {len(around)} deep;"
                f" at most {self._limits.max_depth} are packed"
            )
        folder = around[-1]
        entries = self._entries.get(folder)
        if entries is None:
            entries = self._entries[folder] = list(self._look(folder))
        if not entries and prefix:
            self.found[prefix] = folder
        for name, real, is_folder in entries:
            self._count()
            if is_folder:
                if real in around:
                    raise errors.InvalidInput(
                        f"{folder / name} is a link to a folder that holds it"
                    )
                self.gather(f"{prefix}{name}/", (*around, real))
            elif real.is_file():
                _check_name(prefix + name)
                self.found[prefix + name] = real

    def _look(self, folder: Path) -> Iterator[tuple[str, Path, bool]]:
        for path in sorted(folder.iterdir()):
            real = Path(os.path.realpath(path)) if path.is_symlink() else path
            if self._root not in real.parents and real != self._root:
                raise _leads_out(path, self._root)
            yield path.name, real, real.is_dir()

    def _count(self) -> None:
        """Folders count, too: links multiply them also where there is no file at all."""
        self._seen += 1
        most = self._limits.max_members
        if len(self.found) >= most or self._seen > 2 * most:
            raise errors.InvalidInput(
                f"{self._root} holds more than the {most} files that are packed; what links lead to"
                " counts for each of them"
            )


def _check_name(name: str) -> None:
    """Raise InvalidInput for what a zip cannot hold, or what is not unpacked again."""
    if "\\" in name or name != name.encode("utf-8", "replace").decode():
        raise errors.InvalidInput(
            f"{name[-200:]!a} is no name for a file in an archive: it must be UTF-8 without '\\'"
        )


@contextmanager
def _opened(path: Path, root: Path) -> Iterator[IO[bytes] | None]:
    """The open file; None when it has become something else, or nothing."""
    try:
        place = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError):
        yield None
        return
    try:
        known = f"/proc/self/fd/{place}"
        if root not in Path(os.readlink(known)).parents:
            raise _leads_out(path, root)
        if not stat.S_ISREG(os.fstat(place).st_mode):
            yield None
            return
        with open(known, "rb") as source:
            yield source
    finally:
        os.close(place)


class _Room:
    """Bytes that may still be packed."""

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._left = max_bytes

    def copy(self, source: IO[bytes], sink: IO[bytes]) -> None:
        """Copy a file; raises InvalidInput, for one that is too large before its first byte."""
        self._expect(os.fstat(source.fileno()).st_size)
        while chunk := source.read(CHUNK_BYTES):
            self._expect(len(chunk))
            self._left -= len(chunk)
            sink.write(chunk)

    def _expect(self, size: int) -> None:
        if size > self._left:
            raise errors.InvalidInput(
                f"there are more than the {self._max_bytes} bytes that are packed"
            )


def _add(archive: zipfile.ZipFile, name: str, source: IO[bytes], room: _Room) -> None:
    executable = os.fstat(source.fileno()).st_mode & 0o111
    member = _member(name, stat.S_IFREG | (0o755 if executable else 0o644))
    with archive.open(member, "w", force_zip64=True) as sink:
        room.copy(source, sink)


def _member(name: str, mode: int) -> zipfile.ZipInfo:
    member = zipfile.ZipInfo(name, _EPOCH)
    member.create_system = 3  # Unix: without it the mode means nothing
    member.compress_type = zipfile.ZIP_DEFLATED
    member._compresslevel = _LEVEL  # type: ignore[attr-defined]  # public from Python 3.13 on
    member.external_attr = mode << 16
    return member


def _leads_out(path: Path, root: Path) -> errors.InvalidInput:
    return errors.InvalidInput(f"{path} is a link that leads out of {root}")
