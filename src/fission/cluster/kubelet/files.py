"""A directory whose files are replaced all at once, and never outside of it.

The layout is that of Kubernetes' volumes: `..data` points to a folder with the files, each file is
a link through it, and swinging `..data` is the one step that a reader can see: whoever opens the
folder behind it once sees one version of all files.
"""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from fission.cluster.kubelet import errors

DATA = "..data"


@dataclass(frozen=True)
class File:
    """Content and permission bits of one file."""

    data: bytes
    mode: int = 0o644


def check_path(text: str) -> str:
    """A relative path that stays below its volume, else VolumeError."""
    path = PurePosixPath(text)
    if not text or path.is_absolute() or ".." in path.parts or text.startswith(".."):
        raise errors.VolumeError(f"path {text!r} must be relative and must not contain '..'")
    return str(path)


def replace_all(folder: Path, files: Mapping[str, File], owner: int | None = None) -> bool:
    """Make the folder hold exactly these files; True when anything changed."""
    wanted = {check_path(path): file for path, file in files.items()}
    current = folder / DATA
    if current.is_symlink() and _read(current) == wanted:
        return False
    folder.mkdir(parents=True, exist_ok=True)
    version = folder / f"..{secrets.token_hex(8)}"
    version.mkdir(mode=0o755)
    for path, file in wanted.items():
        target = version / path
        target.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        fd = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        with os.fdopen(fd, "wb") as output:
            output.write(file.data)
            os.fchmod(output.fileno(), file.mode)
            if owner is not None:
                os.fchown(output.fileno(), owner, owner)
    old = os.readlink(current) if current.is_symlink() else None
    fresh = folder / f"..{secrets.token_hex(8)}"
    fresh.symlink_to(version.name)
    fresh.replace(current)
    tops = {PurePosixPath(path).parts[0] for path in wanted}
    for name in tops:
        link = folder / name
        if not link.is_symlink():
            link.symlink_to(f"{DATA}/{name}")
    for entry in os.scandir(folder):
        if entry.name not in tops and not entry.name.startswith(".."):
            (folder / entry.name).unlink(missing_ok=True)
    if old is not None:
        shutil.rmtree(folder / old, ignore_errors=True)
    return True


def _read(current: Path) -> dict[str, File]:
    found: dict[str, File] = {}
    root = os.path.realpath(current)
    for place, _, names in os.walk(root):
        for name in names:
            path = os.path.join(place, name)
            with open(path, "rb") as source:
                mode = os.fstat(source.fileno()).st_mode & 0o777
                found[os.path.relpath(path, root)] = File(source.read(), mode)
    return found


def below(root: Path, sub_path: str) -> Path:
    """A path below a volume that a pod names, with links resolved; VolumeError when it leaves."""
    target = root / check_path(sub_path)
    real, real_root = os.path.realpath(target), os.path.realpath(root)
    if real != real_root and not real.startswith(real_root + os.sep):
        raise errors.VolumeError(f"subPath {sub_path!r} leaves its volume")
    return target
