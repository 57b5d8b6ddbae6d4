"""Unpacks zip archives: stored and deflated members, each checked before the first is written."""

from __future__ import annotations

import stat
import struct
import zipfile
import zlib
from pathlib import Path
from typing import IO

from fission.base import unpacking
from fission.base.unpacking import UnsafeArchive

MAGIC = (b"PK\x03\x04", b"PK\x05\x06")
"""A first member, and the end of an archive that is empty."""
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_END = struct.Struct("<4s4H2LH")
_END_MAGIC = b"PK\x05\x06"
_LOCATOR = struct.Struct("<4sLQL")
_END64 = struct.Struct("<4sQ2H2L4Q")
_MEMBER = struct.Struct("<4s24x3H12x")
_MEMBER_MAGIC = b"PK\x01\x02"
_LONGEST_COMMENT = 0xFFFF


def unpack(archive: Path, folder: Path, limits: unpacking.Limits) -> None:
    """Unpack into a folder; raises UnsafeArchive."""
    packed_bytes = archive.stat().st_size
    with archive.open("rb") as file:
        try:
            # The library reads the whole directory at once, so it is counted first.
            _check_directory(file, packed_bytes, limits)
            with zipfile.ZipFile(file) as opened:
                _check(opened.infolist(), packed_bytes, limits)
                _extract(opened, unpacking.Target(folder, packed_bytes, limits))
        except (zipfile.BadZipFile, EOFError, NotImplementedError, RuntimeError) as error:
            raise UnsafeArchive(f"the archive is damaged or unsupported: {error}") from error
        except (zlib.error, struct.error, ValueError) as error:
            raise UnsafeArchive(f"the archive is damaged: {error}") from error


def _check_directory(file: IO[bytes], size: int, limits: unpacking.Limits) -> None:
    tail_size = min(size, _END.size + _LONGEST_COMMENT + _LOCATOR.size + _END64.size)
    file.seek(size - tail_size)
    tail = file.read(tail_size)
    at = tail.rfind(_END_MAGIC)
    if at < 0 or len(tail) < at + _END.size:
        raise UnsafeArchive("the archive is damaged: it has no directory at its end")
    directory_size = _END.unpack_from(tail, at)[5]
    end = size - tail_size + at
    before = at - _LOCATOR.size
    if before >= 0 and tail[before : before + 4] == b"PK\x06\x07":
        end = _LOCATOR.unpack_from(tail, before)[2]
        file.seek(end)
        directory_size = _END64.unpack(file.read(_END64.size))[8]
    start = end - directory_size
    if start < 0:
        raise UnsafeArchive("the archive is damaged: its directory is larger than itself")
    file.seek(start)
    members = 0
    while start < end:
        header = file.read(_MEMBER.size)
        if len(header) < _MEMBER.size or not header.startswith(_MEMBER_MAGIC):
            return  # the library says what is wrong
        members += 1
        unpacking.check_count(members, limits)
        more = sum(_MEMBER.unpack(header)[1:])
        file.seek(more, 1)
        start += _MEMBER.size + more


def _check(members: list[zipfile.ZipInfo], packed_bytes: int, limits: unpacking.Limits) -> None:
    for member in members:
        _check_member(member, limits)
    total = sum(member.file_size for member in members)
    unpacking.check_size(total, max(packed_bytes, 1), limits)


def _check_member(member: zipfile.ZipInfo, limits: unpacking.Limits) -> None:
    name = member.filename
    unpacking.clean_name(name, limits)
    kind = stat.S_IFMT(member.external_attr >> 16)
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        what = "a link" if kind == stat.S_IFLNK else "neither a file nor a folder"
        raise UnsafeArchive(f"{name[:200]!r} is {what}, which a package may not contain")
    if member.flag_bits & 0x1:
        raise UnsafeArchive(f"{name[:200]!r} is encrypted")
    if member.compress_type not in _METHODS:
        raise UnsafeArchive(
            f"{name[:200]!r} is compressed by method {member.compress_type}; "
            "allowed are 0 (stored) and 8 (deflated)"
        )


def _extract(archive: zipfile.ZipFile, target: unpacking.Target) -> None:
    for member in archive.infolist():
        clean = target.admit(member.filename, is_folder=member.is_dir())
        if member.is_dir():
            target.make_folder(clean)
            continue
        executable = bool((member.external_attr >> 16) & 0o111)
        with archive.open(member) as source:
            target.make_file(clean, source, member.file_size, executable=executable)
