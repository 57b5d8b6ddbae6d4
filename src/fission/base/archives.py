"""Zip archives and digests: pack reproducibly, unpack only what is safe.

An archive comes from a stranger. Before anything is written every member is checked: no absolute
path, no ``..``, no link, no device, no name twice, and bounds on the number of members, on the
unpacked size and on the ratio to the packed size (a bomb). The target is filled in a fresh folder
beside it and renamed, so that nobody sees half of it.
"""

from __future__ import annotations

import hashlib
import shutil
import stat
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from fission.base import errors

_CHUNK_BYTES = 1 << 20
_EPOCH = (1980, 1, 1, 0, 0, 0)
"""The oldest moment that a zip can hold; a fixed one makes equal trees equal archives."""


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


DEFAULT_LIMITS = Limits()


def sha256_file(path: Path) -> str:
    """Return the file's SHA-256 as lower-case hex."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()


def is_zip(path: Path) -> bool:
    """Tell whether the file begins like a zip archive (a member or an empty one)."""
    with path.open("rb") as file:
        return file.read(4) in (b"PK\x03\x04", b"PK\x05\x06")


def unpack_zip(archive: Path, target: Path, limits: Limits = DEFAULT_LIMITS) -> None:
    """Unpack into ``target``, which must not exist yet; raises UnsafeArchive and leaves nothing."""
    fresh = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))
    try:
        try:
            with zipfile.ZipFile(archive) as opened:
                _check(opened.infolist(), archive.stat().st_size, limits)
                _extract(opened, fresh, limits)
        except (zipfile.BadZipFile, EOFError, NotImplementedError, RuntimeError) as error:
            raise UnsafeArchive(f"the archive is damaged or unsupported: {error}") from error
        fresh.chmod(0o755)
        fresh.rename(target)
    except BaseException:
        shutil.rmtree(fresh, ignore_errors=True)
        raise


def pack_zip(paths: dict[str, Path], target: IO[bytes]) -> None:
    """Write files under the given member names; equal input gives equal bytes."""
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in sorted(paths):
            mode = 0o755 if paths[name].stat().st_mode & 0o111 else 0o644
            member = zipfile.ZipInfo(name, _EPOCH)
            member.compress_type = zipfile.ZIP_DEFLATED
            member.external_attr = (stat.S_IFREG | mode) << 16
            with paths[name].open("rb") as source, archive.open(member, "w") as sink:
                shutil.copyfileobj(source, sink, _CHUNK_BYTES)


def files_below(folder: Path) -> dict[str, Path]:
    """Return every regular file below ``folder`` by its member name.

    Links are followed inside the folder, so what they lead to is there twice; a link that leads
    out or to a folder around it is refused. Sockets, pipes, devices and links to nothing are left
    out.
    """
    found: dict[str, Path] = {}
    root = folder.resolve()
    _gather(folder, "", root, (root,), found)
    return found


def _gather(
    folder: Path, prefix: str, root: Path, around: tuple[Path, ...], found: dict[str, Path]
) -> None:
    for path in sorted(folder.iterdir()):
        real = path.resolve() if path.is_symlink() else around[-1] / path.name
        if path.is_symlink() and root not in real.parents and real != root:
            raise errors.InvalidInput(f"{path} is a link that leads out of {root}")
        if path.is_dir():
            if real in around:
                raise errors.InvalidInput(f"{path} is a link to a folder that holds it")
            _gather(path, f"{prefix}{path.name}/", root, (*around, real), found)
        elif path.is_file():
            found[prefix + path.name] = path


def _check(members: list[zipfile.ZipInfo], packed_bytes: int, limits: Limits) -> None:
    if len(members) > limits.max_members:
        raise UnsafeArchive(
            f"the archive has {len(members)} members, more than {limits.max_members}"
        )
    seen: set[str] = set()
    total = 0
    for member in members:
        name = _safe_name(member)
        if name in seen:
            raise UnsafeArchive(f"{member.filename!r} is in the archive twice")
        seen.add(name)
        total += member.file_size
    if total > limits.max_total_bytes:
        raise UnsafeArchive(
            f"the archive unpacks to {total} bytes, more than {limits.max_total_bytes}"
        )
    if total > limits.ratio_floor_bytes and total > packed_bytes * limits.max_ratio:
        raise UnsafeArchive(
            f"the archive unpacks to {total // max(packed_bytes, 1)} times its size, "
            f"more than {limits.max_ratio}"
        )


def _safe_name(member: zipfile.ZipInfo) -> str:
    name = member.filename
    mode = member.external_attr >> 16
    kind = stat.S_IFMT(mode)
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        what = "a link" if kind == stat.S_IFLNK else "neither a file nor a folder"
        raise UnsafeArchive(f"{name!r} is {what}, which a package may not contain")
    if member.flag_bits & 0x1:
        raise UnsafeArchive(f"{name!r} is encrypted")
    parts = name.rstrip("/").split("/")
    if name.startswith("/") or "\\" in name or "\0" in name or ".." in parts:
        raise UnsafeArchive(f"{name!r} would be written outside of the package")
    return "/".join(part for part in parts if part not in ("", "."))


def _extract(archive: zipfile.ZipFile, target: Path, limits: Limits) -> None:
    left = limits.max_total_bytes
    for member in archive.infolist():
        path = target / _safe_name(member)
        try:
            if member.is_dir():
                path.mkdir(parents=True, exist_ok=True)
                continue
            path.parent.mkdir(parents=True, exist_ok=True)
            with archive.open(member) as source, path.open("xb") as sink:
                left = _copy(source, sink, member, left)
        except (FileExistsError, IsADirectoryError, NotADirectoryError) as error:
            raise UnsafeArchive(f"{member.filename!r} is a file and a folder at once") from error
        executable = (member.external_attr >> 16) & 0o111
        path.chmod(0o755 if executable else 0o644)


def _copy(source: IO[bytes], sink: IO[bytes], member: zipfile.ZipInfo, left: int) -> int:
    """Copy one member; the header's size is a claim, so what really comes is counted."""
    written = 0
    while chunk := source.read(_CHUNK_BYTES):
        written += len(chunk)
        if written > member.file_size or written > left:
            raise UnsafeArchive(f"{member.filename!r} unpacks to more than it declares")
        sink.write(chunk)
    return left - written
