"""The code of a function that runs locally, as its pod's fetcher would put it."""

import asyncio
import pathlib
import shutil
import sys
import tempfile
from typing import Final

from fission.base import archives
from fission.cli import collect, context, errors
from fission.contracts import environment as wire
from fission.contracts import fetcher as fetcher_wire

MODULE: Final = "fission.bundle.local"
_NAME: Final = "deployarchive"


def place(env_version: int) -> str:
    """The declared path of the code."""
    return f"{fetcher_wire.USER_FUNCTION_DIR}/{_NAME}" if env_version >= 2 else wire.CODE_PATH_V1


def put(
    session: context.Session, sources: collect.Sources, target: pathlib.Path, *, keep_archive: bool
) -> None:
    """Copy a file, or unpack what was given, to ``target``."""
    with tempfile.TemporaryDirectory(prefix="fission-") as scratch:
        packed = collect.collect(session.cwd, sources, pathlib.Path(scratch) / "archive.zip")
        form = archives.Form.FILE if keep_archive else archives.form_of_file(packed)
        target.parent.mkdir(parents=True, exist_ok=True)
        if form is archives.Form.FILE:
            shutil.copyfile(packed, target)
        else:
            archives.unpack(packed, form, target)


async def build(
    session: context.Session,
    sources: collect.Sources,
    target: pathlib.Path,
    image: str,
    command: str,
) -> None:
    """Build what was given with an image's builder; shows the log, raises BuildFailed."""
    with tempfile.TemporaryDirectory(prefix="fission-") as scratch:
        source = pathlib.Path(scratch) / "source"
        await asyncio.to_thread(_spread, session, sources, source)
        target.parent.mkdir(parents=True, exist_ok=True)
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", MODULE, "build", "--image", image, "--source", str(source)),
            *("--target", str(target), "--buildcmd", command),
            env=dict(session.env),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        assert process.stdout is not None
        try:
            async for line in process.stdout:
                session.out.note(line.decode("utf-8", "replace").rstrip("\n"))
            code = await process.wait()
        finally:
            if process.returncode is None:
                process.terminate()
                await process.wait()
    if code:
        raise errors.BuildFailed("the build failed; its log is above")


def _spread(session: context.Session, sources: collect.Sources, target: pathlib.Path) -> None:
    put(session, sources, target, keep_archive=False)
    if target.is_file():  # one file is a folder with that file
        name = pathlib.PurePath(sources.inputs[0]).name
        moved = target.with_name("file")
        target.rename(moved)
        target.mkdir()
        moved.rename(target / name)
