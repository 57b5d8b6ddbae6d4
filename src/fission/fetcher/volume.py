"""Writing into a directory in which user code may have planted links.

The directory is opened once. From there on every step goes through the descriptor of the folder it
happens in: folders are made and opened without following links, files are created fresh
(``O_EXCL``), and the result is renamed into place. A link anywhere on the way makes the step fail;
a folder that is moved meanwhile is still inside the same volume. Functions in a shared pod may run
while this happens; elsewhere it is over before user code starts.

What is written belongs to the owner of the directory, so that a pod with a uid of its own can read
it; in a directory for builders it is also writable for whom the directory is. What a process that
died was writing is called ``.fetching-…`` and goes when its successor opens the volume.

Blocking: call it in a thread unless it is known to be small. Closing may happen meanwhile: what is
being written is given up, and the descriptor goes when the last call has ended.
"""

from __future__ import annotations

import errno
import os
import pathlib
import shutil
import stat
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from fission.base import ids
from fission.fetcher import errors, exchange, treecopy

_TEMPORARY = ".fetching-"
_ELSEWHERE = (errno.EXDEV, errno.ENOENT)


class Volume:
    """One directory of a pod."""

    def __init__(self, path: pathlib.Path, *, for_builders: bool = False) -> None:
        self.path = path
        self._root = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        found = os.fstat(self._root)
        self._device = found.st_dev
        self._owner = None
        if os.geteuid() == 0 and (found.st_uid, found.st_gid) != (0, 0):
            self._owner = (found.st_uid, found.st_gid)
        self._more_mode = found.st_mode & 0o022 if for_builders else 0
        self._lock = threading.Lock()
        self._users = 0
        self._closing = False

    def close(self) -> None:
        """Give the descriptor back; what is under way ends early, what follows fails."""
        with self._lock:
            self._closing = True
            if not self._users:
                self._close_root()

    def leftovers(self) -> list[str]:
        """Names of what somebody who died was writing."""
        with self._used():
            return [name for name in os.listdir(self._root) if name.startswith(_TEMPORARY)]

    def identity(self, name: str) -> tuple[int, int] | None:
        """What lies under that name in the volume's top folder; None when nothing does."""
        with self._used():
            try:
                found = os.stat(name, dir_fd=self._root, follow_symlinks=False)
            except FileNotFoundError:
                return None
            return found.st_dev, found.st_ino

    def put_file(self, relative: str, data: bytes, mode: int = treecopy.FILE_MODE) -> None:
        """Write a file whole, replacing one of that name; folders on the way are made."""
        *folders, name = checked_parts(relative)
        # Files of one folder get the mode of its kind: code is 0755, settings are 0750.
        folder_mode = treecopy.FOLDER_MODE if mode & 0o004 else 0o750
        with self._written(relative) as temporary:
            self._write(self._root, temporary, data, mode)
            with self._folder(folders, folder_mode) as folder:
                self._put(temporary, folder, name)

    def put_files(self, relative: str, files: Mapping[str, bytes], mode: int) -> None:
        """Make a folder hold exactly these files; one that is there is exchanged in one step."""
        *folders, name = checked_parts(relative)
        with self._written(relative) as temporary:
            made = treecopy.make_folder(self._root, temporary, mode, self._finish)
            try:
                for key, data in files.items():
                    checked = checked_name(key, "key")
                    self._write(made, checked, data, mode)
            finally:
                os.close(made)
            with self._folder(folders, mode) as folder:
                self._put(temporary, folder, name)

    def put_copy(self, source: pathlib.Path, name: str) -> None:
        """Copy a file or a tree under ``name``, which appears complete; replaces what was there.

        ``source`` is ours: no links, ordinary files and folders only.
        """
        checked = checked_name(name)
        with self._written(name) as temporary:
            treecopy.copy(str(source), self._root, temporary, self._finish, self._expect_open)
            self._put(temporary, self._root, checked)

    def put_moved(self, source: pathlib.Path, name: str) -> bool:
        """Take a file or tree itself under ``name``, as ``put_copy`` would have made it.

        ``source`` is a copy made for this, which nobody else can reach. Tells whether it could be
        moved: not from another file system, and not where files get modes of their own.
        """
        checked = checked_name(name)
        if self._more_mode:
            return False
        with self._written(name) as temporary:
            try:
                if os.lstat(source).st_dev != self._device:
                    return False
                if self._owner is not None:
                    treecopy.give(str(source), self._owner)
                os.rename(source, temporary, dst_dir_fd=self._root)
            except OSError as error:
                if error.errno not in _ELSEWHERE:
                    raise
                return False
            self._put(temporary, self._root, checked)
        return True

    def remove(self, name: str) -> None:
        """Remove a file or a tree; nothing happens when it is not there."""
        with self._used():
            self._remove(name)

    def open_file(self, relative: str) -> int:
        """Return a descriptor that reads a regular file; links are refused."""
        *folders, name = checked_parts(relative)
        with self._used(), self._translated(relative), self._folder(folders, None) as folder:
            descriptor = os.open(
                name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder
            )
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.close(descriptor)
            raise errors.BadRequest(f"{relative!r} is not a file")
        return descriptor

    @contextmanager
    def _used(self) -> Iterator[None]:
        with self._lock:
            self._expect_open()
            self._users += 1
        try:
            yield
        finally:
            with self._lock:
                self._users -= 1
                if self._closing and not self._users:
                    self._close_root()

    @contextmanager
    def _written(self, relative: str) -> Iterator[str]:
        """A name to write under, which is gone in the end."""
        temporary = _TEMPORARY + ids.short_id(8)
        with self._used(), self._translated(relative):
            try:
                yield temporary
            finally:
                self._remove(temporary)

    def _expect_open(self) -> None:
        if self._closing:
            raise errors.PodGone("the pod is going; nothing is written into it any more")

    def _close_root(self) -> None:
        if self._root >= 0:
            os.close(self._root)
            self._root = -1

    def _put(self, temporary: str, folder: int, name: str) -> None:
        """Give what was written its name; what has that name gets the temporary one."""
        try:
            os.rename(temporary, name, src_dir_fd=self._root, dst_dir_fd=folder)
            return
        except OSError as error:
            if error.errno not in (errno.ENOTEMPTY, errno.EEXIST, errno.EISDIR, errno.ENOTDIR):
                raise
        if not exchange.exchange(self._root, temporary, folder, name):
            _remove(folder, name)
            os.rename(temporary, name, src_dir_fd=self._root, dst_dir_fd=folder)

    def _remove(self, name: str) -> None:
        _remove(self._root, name)

    def _write(self, folder: int, name: str, data: bytes, mode: int) -> None:
        target = os.open(name, treecopy.NEW_FILE, mode, dir_fd=folder)
        try:
            treecopy.write(target, data)
            self._finish(target, mode)
        finally:
            os.close(target)

    def _finish(self, descriptor: int, mode: int) -> None:
        os.fchmod(descriptor, mode | self._more_mode)
        if self._owner is not None:
            os.fchown(descriptor, *self._owner)

    @contextmanager
    def _folder(self, names: list[str], make_mode: int | None) -> Iterator[int]:
        """Open a folder below the root step by step; ``make_mode`` None makes nothing."""
        current = os.dup(self._root)
        try:
            for name in names:
                try:
                    following = os.open(name, treecopy.FOLDER, dir_fd=current)
                except FileNotFoundError:
                    if make_mode is None:
                        raise
                    following = treecopy.make_folder(current, name, make_mode, self._finish)
                os.close(current)
                current = following
            yield current
        finally:
            os.close(current)

    @contextmanager
    def _translated(self, relative: str) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            if error.errno in (errno.ELOOP, errno.ENOTDIR):
                raise errors.BadRequest(f"{relative!r} leads through a link") from error
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise errors.NoSpace(f"no space is left for {relative!r}") from error
            if error.errno in (errno.ENAMETOOLONG, errno.EINVAL):
                raise errors.BadRequest(f"{relative[:80]!r}: {error.strerror}") from error
            raise


def checked_parts(relative: str, field: str = "filename") -> list[str]:
    """Split a path below a volume; raises BadRequest for one that could leave it."""
    parts = relative.split("/")
    if "\0" in relative or "\\" in relative or any(part in ("", ".", "..") for part in parts):
        raise errors.BadRequest(
            f"{field}: {relative[:200]!r} is not a relative path without '.', '..' and '\\'"
        )
    return parts


def checked_name(name: str, field: str = "filename") -> str:
    """A name in a volume's top folder; raises BadRequest for a longer path."""
    if len(checked_parts(name, field)) > 1:
        raise errors.BadRequest(f"{field}: {name[:200]!r} must be a name, not a path")
    return name


def _remove(folder: int, name: str) -> None:
    try:
        found = os.stat(name, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return
    if stat.S_ISDIR(found.st_mode):
        shutil.rmtree(name, dir_fd=folder)
    else:
        os.unlink(name, dir_fd=folder)
