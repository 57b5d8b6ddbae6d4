"""Writing an archive to a file or to stdout as it comes, its checksum verified on the way.

A file appears when it is whole and right; one that breaks off is fetched again from its
beginning. What went to stdout cannot be taken back: there the exit code says that it is bad.
"""

import asyncio
import contextlib
import hashlib
import os
import pathlib
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from typing import IO

from fission.base import errors as base_errors
from fission.cli import context, errors
from fission.cli.backend import patience


@dataclass(frozen=True)
class Download:
    """Bytes that can be asked for, again too."""

    what: str
    """How messages call it."""
    fetch: Callable[[], AsyncIterator[bytes]]
    sha256: str = ""
    """What they must hash to, where that is known."""


async def write(session: context.Session, download: Download, target: str | None) -> None:
    """Write the bytes to a file that only its owner can read, or to stdout."""
    if not target:
        await _pass_on(download, session.out.content)
        return
    path = session.path(target).resolve()
    if path.exists() and not path.is_file():
        if path.is_dir():
            raise errors.CliError(f"--output {target} is a folder; name a file in it")
        with path.open("wb") as device:
            await _pass_on(download, device.write)
        return
    await _save(session, download, path)


async def _save(session: context.Session, download: Download, path: pathlib.Path) -> None:
    def note(error: base_errors.Error) -> None:
        session.out.note(f"Fetching {download.what} again: {error}")

    with _published(path) as file:
        await patience.persistently(lambda: _fill(download, file), note)


@contextlib.contextmanager
def _published(path: pathlib.Path) -> Iterator[IO[bytes]]:
    """A file beside ``path`` that takes its place when nothing failed, and else goes."""
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            yield file
        os.replace(name, path)
    except BaseException:
        os.unlink(name)
        raise


async def _fill(download: Download, file: IO[bytes]) -> None:
    file.seek(0)
    file.truncate()
    await _pass_on(download, file.write)


async def _pass_on(download: Download, write: Callable[[bytes], object]) -> None:
    digest = hashlib.sha256()
    async for chunk in download.fetch():
        digest.update(chunk)
        await asyncio.to_thread(write, chunk)
    if download.sha256 and digest.hexdigest() != download.sha256.lower():
        raise errors.CliError(
            f"{download.what} is damaged: its SHA-256 is {digest.hexdigest()},"
            f" and should be {download.sha256}"
        )
