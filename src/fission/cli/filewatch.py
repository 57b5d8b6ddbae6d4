"""Files that were saved, as they are saved.

A single file is watched through its folder, so that it is seen however an editor writes it: in
place, or beside it and renamed. Folders are watched with all below them, and found again when a
build tool removes and makes them anew. What editors keep for themselves is passed over.

Changes that come while nobody asks are kept. The watch begins with the first ``anext``: who reads
the files before that starts it first, as a task, so that no save falls between.
"""

import asyncio
import contextlib
import os
import re
from collections.abc import AsyncGenerator, Callable, Sequence
from pathlib import Path
from typing import Final

SETTLE_SECONDS: Final = 0.05
_LONGEST_SECONDS: Final = 0.4
"""Somebody who writes without pause is not waited for longer than this."""
_FOLDERS: Final = frozenset({"__pycache__", ".git", ".hg", ".svn", ".idea", ".vscode"})
_TEMPORARY: Final = re.compile(
    r"""
      .*~ | \#.*\# | \.\#.* | \.?.*\.sw[a-z] | 4913 | .*___jb_(tmp|old|bak)___ | .*\.kate-swp
    | \.goutputstream-.* | \.DS_Store | .*\.py[cod](\.\d+)?
    """,
    re.VERBOSE,
)


def is_temporary(path: Path) -> bool:
    """Whether a path is an editor's or an interpreter's own, and nobody's work."""
    return _TEMPORARY.fullmatch(path.name) is not None or not _FOLDERS.isdisjoint(path.parts)


def _nothing(path: Path) -> bool:
    return False


async def changes(
    paths: Sequence[Path],
    ignore: Callable[[Path], bool] = _nothing,
    settle_seconds: float = SETTLE_SECONDS,
) -> AsyncGenerator[set[Path], None]:
    """What was written, made or removed among ``paths`` (files and folders), set by set.

    A set is given when nothing happened for half of ``settle_seconds``, at most that long after
    its only change. Paths are absolute; ``ignore`` is asked for each, as are the names that
    editors use. Raises FileNotFoundError when not even a path's folder is there.
    """
    wanted = _Wanted(paths)
    found: set[Path] = set()
    while True:
        flat, deep = wanted.folders()
        async with contextlib.aclosing(_Watches(flat, deep, settle_seconds)) as watches:
            await watches.begin()
            if found:
                yield found
            while True:
                batch = await watches.batch()
                found = {path for path in wanted.among(batch) if not ignore(path)}
                if wanted.folders()[1] != deep or not wanted.roots.isdisjoint(batch):
                    break  # a folder came, went or is another: told when that is watched
                if found:
                    yield found


class _Wanted:
    """The paths that were asked for, and what has to be watched for them."""

    def __init__(self, paths: Sequence[Path]) -> None:
        self._files: dict[Path, Path] = {}
        """The path where events come → the path that was asked for."""
        self.roots: set[Path] = set()
        """Folders that were asked for."""
        for given in paths:
            path = Path.cwd() / given
            if path.is_dir() or (not path.suffix and not path.exists()):
                self.roots.add(path.resolve())
                continue
            self._files[path.parent.resolve() / path.name] = path
            self._files[path.resolve()] = path

    def folders(self) -> tuple[set[Path], set[Path]]:
        """Folders to watch alone, and folders to watch with all below them."""
        flat = {file.parent for file in self._files} | {root.parent for root in self.roots}
        return flat, {root for root in self.roots if root.is_dir()}

    def among(self, batch: set[Path]) -> set[Path]:
        """Those of a batch that were asked for."""
        found = {self._files[path] for path in batch & self._files.keys()}
        for path in batch - self._files.keys():
            root = next((root for root in self.roots if path.is_relative_to(root)), None)
            if root is not None and not is_temporary(Path("/", path.relative_to(root))):
                found.add(path)
        return found


class _Watches:
    """Both sorts of watches, as one."""

    def __init__(self, flat: set[Path], deep: set[Path], settle_seconds: float) -> None:
        self._watches = [
            _watch(folders, settle_seconds, is_deep)
            for folders, is_deep in ((flat, False), (deep, True))
            if folders
        ]
        self._waiting: dict[asyncio.Future[set[Path]], AsyncGenerator[set[Path], None]] = {}

    async def begin(self) -> None:
        """From now on nothing is missed."""
        self._waiting = {asyncio.ensure_future(anext(each)): each for each in self._watches}
        await asyncio.sleep(0)  # each sets up its watch in its first step

    async def batch(self) -> set[Path]:
        """What happened since the last one."""
        done, _ = await asyncio.wait(self._waiting, return_when=asyncio.FIRST_COMPLETED)
        batch: set[Path] = set()
        for task in done:
            watch = self._waiting.pop(task)
            batch |= task.result()
            self._waiting[asyncio.ensure_future(anext(watch))] = watch
        return batch

    async def aclose(self) -> None:
        for task in self._waiting:
            task.cancel()
        await asyncio.gather(*self._waiting, return_exceptions=True)
        for watch in self._watches:
            await watch.aclose()


async def _watch(
    folders: set[Path], settle_seconds: float, is_deep: bool
) -> AsyncGenerator[set[Path], None]:
    import watchfiles

    for folder in folders:
        os.stat(folder)  # one that is not there would never be told of
    batches = watchfiles.awatch(
        *folders,
        watch_filter=None,
        step=max(1, round(settle_seconds * 500)),
        debounce=round(_LONGEST_SECONDS * 1000),
        recursive=is_deep,
        ignore_permission_denied=True,
    )
    async with contextlib.aclosing(batches):
        async for batch in batches:
            yield {Path(path) for _, path in batch}
