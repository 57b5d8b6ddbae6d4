"""One build: the command's process tree, its environment, its output, its end.

Output is handed over as it comes, by a coroutine that may make it wait: a slow reader slows the
build down and fills no memory. However a build ends (its own end, deadline, nobody listens any
more), every process that it started is ended with it.
"""

from __future__ import annotations

import asyncio
import codecs
import logging
import os
import pathlib
import shutil
import signal
import stat
import sys
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

from fission.base import clock as clocks
from fission.base import errors, ids
from fission.builder import downloads, folders, processes
from fission.contracts import builder as wire

logger = logging.getLogger(__name__)

Emit = Callable[[str], Awaitable[None]]

READ_BYTES = 64 * 1024
LEFTOVER_SECONDS = 3600.0
"""How long what no build uses is kept beyond a build's deadline: its caller has died."""
LOOK_SECONDS = 0.5
"""How often the space on the disk is looked at while a build runs."""
DRAIN_SECONDS = 2.0
"""How long what a killed build had written is still read."""
SOURCE_DATE_EPOCH = "315532800"
"""1 January 1980, the oldest moment that a zip holds: tools that honour it build reproducibly."""
PRIVATE_PREFIXES = ("FISSION_BUILDER_KEY", "FISSION_INTERNAL_AUTH_SECRET")
PRIVATE = frozenset({"LISTEN_FDS", "LISTEN_PID", "LISTEN_FDNAMES", "POD_PORTS", "POD_VOLUME_PATHS"})


class BuildFailed(errors.Error):
    """The command failed: the source's fault, the same again if it were repeated."""

    reason = "BuildFailed"


class DiskFull(BuildFailed):
    """The command was ended because the disk was nearly full."""

    reason = "DiskFull"


class BuildTimeout(BuildFailed):
    """The command was cut off at the deadline."""

    reason = "BuildTimeout"


@dataclass(frozen=True)
class Surroundings:
    """What builds of one builder have in common."""

    env: Mapping[str, str]
    """The builder's own environment."""
    timeout_seconds: float
    cache_dir: pathlib.Path | None
    """The download cache; None gives each build an empty one of its own."""
    cache_variables: Mapping[str, str] = field(default_factory=dict)
    default_program: str = wire.DEFAULT_COMMAND
    min_free_bytes: int = 0
    """What must be left on the disk."""


class Builds:
    """Runs builds in one shared directory."""

    def __init__(
        self,
        places: folders.Folders,
        around: Surroundings,
        cache: downloads.Downloads,
        reaper: processes.Reaper,
        clock: clocks.Clock,
    ) -> None:
        self._places = places
        self._clock = clock
        self._around = around
        self._downloads = cache
        self._reaper = reaper
        self._running: set[str] = set()
        self._keep_seconds = around.timeout_seconds + LEFTOVER_SECONDS

    async def run(self, request: wire.BuildRequest, emit: Emit) -> str:
        """Build, and return the artifact's name. Raises BuildFailed, BadArtifact and others."""
        argv = wire.parse_command(request.command)
        source = await asyncio.to_thread(self._places.source, request.source_filename)
        artifact = self._places.artifact_for(source.name)
        scratch = await asyncio.to_thread(self._places.scratch)
        self._running.add(source.name)
        done = False
        try:
            kept_since = self._clock.now().timestamp() - self._keep_seconds
            await asyncio.to_thread(self._places.sweep, set(self._running), kept_since)
            env = make_env(self._around, source, artifact, scratch)
            folder = source if source.is_dir() else source.parent
            argv = await asyncio.to_thread(self._resolve, argv, env, folder)
            async with self._downloads.used():
                await self._execute(argv, folder, env, emit)
            folders.check_artifact(artifact, wire.DEPLOY_VARIABLE)
            done = True
            return artifact.name
        except asyncio.CancelledError:
            # Nobody comes back for this source: who asks again brings it anew.
            await asyncio.shield(asyncio.to_thread(self._places.clean, source.name))
            raise
        finally:
            await asyncio.shield(asyncio.to_thread(folders.remove, scratch))
            if not done:
                await asyncio.shield(asyncio.to_thread(folders.remove, artifact))
            self._running.discard(source.name)

    def _resolve(self, argv: list[str], env: Mapping[str, str], folder: pathlib.Path) -> list[str]:
        """The argv with a program that exists; the image's own for ``/build`` and ``build``."""
        program = argv[0]
        if program in (wire.DEFAULT_COMMAND, wire.DEFAULT_COMMAND.lstrip("/")):
            default = self._around.default_program
            name = default.rpartition("/")[2]
            found = default if os.access(default, os.X_OK) else shutil.which(name, path=env["PATH"])
            if found is None:
                raise BuildFailed(
                    f"the builder image has no build command: neither {default} nor {name!r} on"
                    f" PATH ({env['PATH']}); give the package one with --buildcmd"
                )
            return [found, *argv[1:]]
        if "/" not in program:
            if shutil.which(program, path=env["PATH"]) is None:
                raise BuildFailed(
                    f"build command {program!r} is not on PATH ({env['PATH']});"
                    f" a script of the package is named ./{program}"
                )
            return argv
        path = folder / program
        if not path.is_file():
            there = ", ".join(sorted(os.listdir(folder))[:20]) or "nothing"
            raise BuildFailed(
                f"build command {program!r} does not exist in the package; at its top there is"
                f" {there}"
            )
        inside = folder.resolve() in path.resolve().parents
        if inside and not os.access(path, os.X_OK):
            # Zips made on systems without such a bit lose it.
            _make_executable(path)
        return argv

    async def _execute(
        self, argv: list[str], folder: pathlib.Path, env: Mapping[str, str], emit: Emit
    ) -> None:
        # A pipe of our own: asyncio's would not tell of the command's end while a process that it
        # left running holds the other end.
        reading, writing = os.pipe()
        try:
            with self._reaper.starting():
                process = await asyncio.create_subprocess_exec(
                    *argv,
                    cwd=folder,
                    env=dict(env),
                    stdin=asyncio.subprocess.DEVNULL,
                    stdout=writing,
                    stderr=asyncio.subprocess.STDOUT,
                    start_new_session=True,
                )
                self._reaper.started(process.pid, env[processes.MARK_VARIABLE])
        except BaseException as error:
            os.close(reading)
            if not isinstance(error, OSError):
                raise
            raise BuildFailed(
                f"build command {argv[0]!r} cannot be run: {error.strerror}; it needs a first line"
                " such as #!/bin/sh, and that interpreter in the builder image"
            ) from error
        finally:
            os.close(writing)
        logger.info("build started", extra={"argv": argv, "pid": process.pid})
        output = asyncio.ensure_future(_forward(reading, emit))
        try:
            code = await self._finish(process, output)
        finally:
            output.cancel()
            await asyncio.gather(output, return_exceptions=True)
        if code:
            raise BuildFailed(describe_exit(argv[0], code))

    async def _finish(
        self, process: asyncio.subprocess.Process, output: asyncio.Future[None]
    ) -> int:
        """Wait for the command's own end, then end what it left running."""
        exited = asyncio.ensure_future(process.wait())
        try:
            async with asyncio.timeout(self._around.timeout_seconds):
                while not (await asyncio.wait({exited}, timeout=LOOK_SECONDS))[0]:
                    self._expect_space()
                code = exited.result()
        except TimeoutError as error:
            raise BuildTimeout(
                f"the build was cut off after {self._around.timeout_seconds:g} s; more time gives"
                f" {wire.TIMEOUT_VARIABLE} in the environment's builder (--builder-env)"
            ) from error
        finally:
            await asyncio.shield(self._end(process.pid, exited))
            await asyncio.wait({output}, timeout=DRAIN_SECONDS)
        return code

    def _expect_space(self) -> None:
        found = os.statvfs(self._places.root)
        if found.f_bavail * found.f_frsize < self._around.min_free_bytes:
            raise DiskFull(
                f"the build was ended: less than {self._around.min_free_bytes >> 20} MiB"
                f" ({wire.MIN_FREE_VARIABLE}) are left on the disk that it writes to; free some, or"
                " let the build write less"
            )

    async def _end(self, session: int, exited: asyncio.Future[int]) -> None:
        await asyncio.to_thread(self._reaper.end, session)
        await exited


async def _forward(descriptor: int, emit: Emit) -> None:
    """Hand over what is written to a pipe, until nobody can write any more."""
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader()
    transport, _ = await loop.connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(descriptor, "rb", buffering=0)
    )
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    try:
        while chunk := await reader.read(READ_BYTES):
            text = decoder.decode(chunk)
            if text:
                await emit(text)
        rest = decoder.decode(b"", final=True)
        if rest:
            await emit(rest)
    finally:
        transport.close()


def _make_executable(path: pathlib.Path) -> None:
    """By descriptor: where only Landlock confines, chmod by path is answered and not done."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fchmod(descriptor, os.fstat(descriptor).st_mode | stat.S_IXUSR)
    finally:
        os.close(descriptor)


def make_env(
    around: Surroundings, source: pathlib.Path, artifact: pathlib.Path, scratch: pathlib.Path
) -> dict[str, str]:
    """The environment of a build: the builder's, without what is not meant for strangers' code."""
    env = {
        name: value
        for name, value in around.env.items()
        if name not in PRIVATE and not name.startswith(PRIVATE_PREFIXES)
    }
    home, temporary = scratch / "home", scratch / "tmp"
    cache = around.cache_dir or scratch / "cache"
    for folder in (home, temporary, cache):
        folder.mkdir(exist_ok=True)
    env.setdefault("PATH", os.defpath)
    env.setdefault("SOURCE_DATE_EPOCH", SOURCE_DATE_EPOCH)
    env.setdefault("LANG", "C.UTF-8")
    env.setdefault("PYTHONUNBUFFERED", "1")
    return env | {
        "HOME": str(home),
        "TMPDIR": str(temporary),
        wire.SOURCE_VARIABLE: str(source),
        wire.DEPLOY_VARIABLE: str(artifact),
        wire.CACHE_VARIABLE: str(cache),
        wire.PYTHON_VARIABLE: sys.executable,
        processes.MARK_VARIABLE: ids.short_id(16),
        **{name: str(cache / sub) for name, sub in around.cache_variables.items()},
    }


def describe_exit(program: str, code: int) -> str:
    """What an exit code says to a person."""
    if code > 0:
        return f"build command {program!r} failed with exit code {code}"
    try:
        name = signal.Signals(-code).name
    except ValueError:
        name = f"signal {-code}"
    hint = "; memory may have run out" if -code == signal.SIGKILL else ""
    return f"build command {program!r} was ended by {name}{hint}"
