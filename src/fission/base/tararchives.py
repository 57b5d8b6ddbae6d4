"""Unpacks tar archives, plain or gzipped, in one pass.

Files and folders only. The end mark and, of gzip, the checksum behind it must be there: without
them an archive that was cut off would unpack to a part of itself without a word.
"""

from __future__ import annotations

import gzip
import tarfile
import zlib
from pathlib import Path
from typing import IO, cast

from fission.base import unpacking
from fission.base.unpacking import UnsafeArchive

GZIP_MAGIC = b"\x1f\x8b"
BLOCK_BYTES = 512
_MAX_READ_BYTES = unpacking.CHUNK_BYTES
"""What the library asks for at once: our own chunk, or a header, which no honest one exceeds."""


def begins_like_tar(head: bytes) -> bool:
    """Whether bytes begin with a header of a tar archive, whose checksum is right."""
    try:
        tarfile.TarInfo.frombuf(head[:BLOCK_BYTES], "utf-8", "surrogateescape")
    except tarfile.TarError:
        return False
    return True


def begins_like_gzipped_tar(head: bytes) -> bool:
    """The same inside of gzip; a few KiB suffice."""
    if not head.startswith(GZIP_MAGIC):
        return False
    try:
        plain = zlib.decompressobj(wbits=31).decompress(head, BLOCK_BYTES)
    except zlib.error:
        return False
    return begins_like_tar(plain)


def unpack(archive: Path, folder: Path, limits: unpacking.Limits, *, gzipped: bool) -> None:
    """Unpack into a folder; raises UnsafeArchive."""
    packed_bytes = max(archive.stat().st_size, 1)
    target = unpacking.Target(folder, packed_bytes, limits)
    with archive.open("rb") as packed:
        plain = cast("IO[bytes]", gzip.GzipFile(fileobj=packed) if gzipped else packed)
        source = _Forward(plain, packed_bytes, limits)
        try:
            with tarfile.open(fileobj=cast("IO[bytes]", source), mode="r:") as opened:
                _extract(opened, target)
            source.expect_end()
        except (tarfile.TarError, EOFError, zlib.error, gzip.BadGzipFile, ValueError) as error:
            raise UnsafeArchive(f"the archive is damaged: {error}") from error


def _extract(archive: tarfile.TarFile, target: unpacking.Target) -> None:
    while (member := archive.next()) is not None:
        archive.members.clear()  # type: ignore[attr-defined]  # the library keeps all of them
        _check_kind(member)
        clean = target.admit(member.name, is_folder=member.isdir())
        if member.isdir():
            target.make_folder(clean)
            continue
        source = archive.extractfile(member)
        assert source is not None, "a regular file has content"
        target.make_file(clean, source, member.size, executable=bool(member.mode & 0o111))


def _check_kind(member: tarfile.TarInfo) -> None:
    if member.isdir() or (member.isreg() and not member.issparse()):
        return
    if member.issym():
        what = "a link"
    elif member.islnk():
        what = "a hard link"
    elif member.isfifo():
        what = "a pipe"
    elif member.ischr() or member.isblk():
        what = "a device"
    elif member.issparse():
        what = "a sparse file"
    else:
        what = "neither a file nor a folder"
    raise UnsafeArchive(f"{member.name[:200]!r} is {what}, which a package may not contain")


class _Forward:
    """A stream that the library may only read onwards, never much at once, within the limits."""

    def __init__(self, plain: IO[bytes], packed_bytes: int, limits: unpacking.Limits) -> None:
        self._plain = plain
        self._packed_bytes = packed_bytes
        self._limits = limits
        self._at = 0
        self._last = b""

    def read(self, size: int = -1) -> bytes:
        """Read on; raises UnsafeArchive for a header beyond all reason."""
        if not 0 <= size <= _MAX_READ_BYTES:
            raise UnsafeArchive(f"the archive has a header of {size} bytes")
        pieces = []
        while size and (piece := self._plain.read(size)):
            pieces.append(piece)
            size -= len(piece)
        data = b"".join(pieces)
        self._at += len(data)
        # Headers count too: an archive of nothing but empty files has a size, unpacked.
        unpacking.check_size(self._at, self._packed_bytes, self._limits)
        self._last = data
        return data

    def tell(self) -> int:
        """Bytes read so far."""
        return self._at

    def seek(self, position: int, whence: int = 0) -> int:
        """Skip forward."""
        if whence or position < self._at:
            raise UnsafeArchive("the archive is damaged: it leads back into itself")
        while self._at < position:
            if not self.read(min(_MAX_READ_BYTES, position - self._at)):
                raise UnsafeArchive("the archive is cut off")
        return self._at

    def expect_end(self) -> None:
        """Check the end mark, and read on to the checksum behind it."""
        if len(self._last) != BLOCK_BYTES or self._last.strip(b"\0"):
            raise UnsafeArchive("the archive is cut off or damaged: it has no end mark")
        while self.read(_MAX_READ_BYTES):
            pass
