"""Copying a tree of ours into a folder of somebody else's, and giving a tree away as it is.

Every step goes through the descriptor of the folder it happens in, which is also what makes it
cheap: the kernel looks up one name, not a path. Files of some size are copied within the kernel,
which shares their blocks where the file system can; small ones are read and written at once.
Nothing is ever linked: what a pod gets it may change, and nobody else sees it. Blocking.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable, Iterator

FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
NEW_FILE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
FILE_MODE = 0o644
EXECUTABLE_MODE = 0o755
FOLDER_MODE = 0o755
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC
_SMALL_BYTES = 1 << 16
_COPY_BYTES = 1 << 24

Finish = Callable[[int, int], None]
"""Gives what was made its mode and owner, by descriptor."""


def copy(source: str, folder: int, name: str, finish: Finish, go_on: Callable[[], None]) -> None:
    """Copy a file or a tree under ``name`` into an open folder; ``go_on`` may raise at each step.

    ``source`` is ours: no links, ordinary files and folders only.
    """
    if stat.S_ISDIR(os.lstat(source).st_mode):
        _copy_folder(source, None, folder, name, finish, go_on)
    else:
        _copy_file(source, None, folder, name, finish, go_on)


def give(path: str, owner: tuple[int, int]) -> None:
    """Make a file or a tree that nobody else can reach yet somebody's."""
    if stat.S_ISDIR(os.lstat(path).st_mode):
        _give_folder(path, None, owner)
    else:
        os.chown(path, *owner, follow_symlinks=False)


def make_folder(parent: int, name: str, mode: int, finish: Finish) -> int:
    """Make a folder and return its descriptor."""
    os.mkdir(name, mode, dir_fd=parent)
    descriptor = os.open(name, FOLDER, dir_fd=parent)
    finish(descriptor, mode)
    return descriptor


def write(target: int, data: bytes) -> None:
    """Write all of it."""
    left = memoryview(data)
    while left:
        left = left[os.write(target, left) :]


def _copy_folder(
    source: str,
    parent: int | None,
    folder: int,
    name: str,
    finish: Finish,
    go_on: Callable[[], None],
) -> None:
    go_on()
    opened = os.open(source, FOLDER, dir_fd=parent)
    try:
        target = make_folder(folder, name, FOLDER_MODE, finish)
        try:
            with os.scandir(opened) as entries:
                for entry in entries:
                    is_folder = entry.is_dir(follow_symlinks=False)
                    step = _copy_folder if is_folder else _copy_file
                    step(entry.name, opened, target, entry.name, finish, go_on)
        finally:
            os.close(target)
    finally:
        os.close(opened)


def _copy_file(
    source: str,
    parent: int | None,
    folder: int,
    name: str,
    finish: Finish,
    go_on: Callable[[], None],
) -> None:
    go_on()
    opened = os.open(source, _FILE, dir_fd=parent)
    try:
        found = os.fstat(opened)
        mode = EXECUTABLE_MODE if found.st_mode & 0o100 else FILE_MODE
        target = os.open(name, NEW_FILE, mode, dir_fd=folder)
        try:
            if found.st_size <= _SMALL_BYTES:
                write(target, os.read(opened, _SMALL_BYTES))
            else:
                for _ in _copy_bytes(opened, target):
                    go_on()
            os.utime(target, ns=(found.st_atime_ns, found.st_mtime_ns))
            finish(target, mode)
        finally:
            os.close(target)
    finally:
        os.close(opened)


def _give_folder(name: str, parent: int | None, owner: tuple[int, int]) -> None:
    opened = os.open(name, FOLDER, dir_fd=parent)
    try:
        with os.scandir(opened) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    _give_folder(entry.name, opened, owner)
                else:
                    os.chown(entry.name, *owner, dir_fd=opened, follow_symlinks=False)
        os.fchown(opened, *owner)
    finally:
        os.close(opened)


def _copy_bytes(source: int, target: int) -> Iterator[None]:
    """Copy a file's bytes in steps; the kernel shares blocks instead where the file system can."""
    try:
        while os.copy_file_range(source, target, _COPY_BYTES):
            yield
        return
    except OSError as error:
        if error.errno not in (errno.EXDEV, errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP):
            raise
    while os.sendfile(target, source, None, _COPY_BYTES):
        yield
