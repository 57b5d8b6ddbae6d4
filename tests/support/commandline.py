"""Running the ``fission`` command inside the test's process, in a home of its own."""

import asyncio
import dataclasses
import io
import itertools
import pathlib
from collections.abc import Mapping

from fission.base import clock
from fission.cli import context, main


@dataclasses.dataclass(frozen=True)
class Result:
    """How one command line ended."""

    code: int
    out: str
    err: str


@dataclasses.dataclass(frozen=True)
class Started:
    """A command line under way."""

    task: "asyncio.Task[Result]"
    _out: io.TextIOWrapper
    _err: io.TextIOWrapper

    @property
    def out(self) -> str:
        """What it has printed so far."""
        return _text(self._out)

    @property
    def err(self) -> str:
        """What it has said beside that."""
        return _text(self._err)


class CommandLine:
    """Runs command lines in a folder, with fixed ids and an environment that leads nowhere."""

    def __init__(self, folder: pathlib.Path, env: Mapping[str, str] | None = None) -> None:
        self.folder = folder
        self.env = {"HOME": str(folder / "home"), **(env or {})}
        self._numbers = itertools.count(1)

    async def run(self, *arguments: str) -> Result:
        """Run one command line to its end."""
        return await self.start(*arguments).task

    def start(self, *arguments: str) -> Started:
        """Begin one command line."""
        session, out, err = self._session()

        async def run() -> Result:
            pending, code = main.begin(session, arguments)
            if pending is not None:
                code = await main.finish(session, pending)
            return Result(code, _text(out), _text(err))

        return Started(asyncio.ensure_future(run()), out, err)

    def run_plain(self, *arguments: str) -> Result:
        """The same for a command that asks nobody."""
        session, out, err = self._session()
        pending, code = main.begin(session, arguments)
        if pending is not None:
            code = asyncio.run(main.finish(session, pending))
        return Result(code, _text(out), _text(err))

    def _session(self) -> tuple[context.Session, io.TextIOWrapper, io.TextIOWrapper]:
        out, err = _stream(), _stream()
        session = context.Session(
            self.env,
            out,
            err,
            cwd=self.folder,
            clock=clock.SystemClock(),
            new_uid=lambda: f"uid-{next(self._numbers)}",
            short_id=lambda length: "x" * length,
        )
        return session, out, err


def _stream() -> io.TextIOWrapper:
    return io.TextIOWrapper(io.BytesIO(), encoding="utf-8", newline="")


def _text(stream: io.TextIOWrapper) -> str:
    stream.flush()
    assert isinstance(stream.buffer, io.BytesIO)
    return stream.buffer.getvalue().decode()
