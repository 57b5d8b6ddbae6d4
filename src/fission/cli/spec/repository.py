"""What git says of the specs: changes that are not committed, and the commit of a file."""

import asyncio
import pathlib
from collections.abc import Iterable
from typing import Final

_SECONDS: Final = 10.0
_RUNNERS: Final = 8


async def changes(directory: pathlib.Path) -> list[str] | None:
    """Files around the specs that are not committed as they are; None: not in a repository."""
    text = await _git(directory.parent, "status", "--porcelain", "--", ".")
    return None if text is None else [line[3:] for line in text.splitlines() if line.strip()]


async def commits(paths: Iterable[pathlib.Path]) -> dict[pathlib.Path, str]:
    """The commit that last changed each file; those that git does not know are absent."""
    slots = asyncio.Semaphore(_RUNNERS)

    async def one(path: pathlib.Path) -> tuple[pathlib.Path, str]:
        async with slots:
            text = await _git(path.parent, "log", "-1", "--format=%H", "--", path.name)
            return path, (text or "").strip()

    found = await asyncio.gather(*(one(path) for path in set(paths)))
    return {path: commit for path, commit in found if commit}


async def _git(folder: pathlib.Path, *words: str) -> str | None:
    try:
        process = await asyncio.create_subprocess_exec(
            "git",
            "-C",
            str(folder),
            *words,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
        )
    except OSError:
        return None
    try:
        async with asyncio.timeout(_SECONDS):
            stdout, _ = await process.communicate()
    except TimeoutError:
        process.kill()
        await process.wait()
        return None
    return stdout.decode("utf-8", "replace") if process.returncode == 0 else None
