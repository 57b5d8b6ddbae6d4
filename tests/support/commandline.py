"""Running the ``fission`` command inside the test's process, in a home of its own."""

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


class CommandLine:
    """Runs command lines in a folder, with fixed ids and an environment that leads nowhere."""

    def __init__(self, folder: pathlib.Path, env: Mapping[str, str] | None = None) -> None:
        self.folder = folder
        self.env = {"HOME": str(folder / "home"), **(env or {})}
        self._numbers = itertools.count(1)

    async def run(self, *arguments: str) -> Result:
        """Run one command line to its end."""
        session, out, err = self._session()
        pending, code = main.begin(session, arguments)
        if pending is not None:
            code = await main.finish(session, pending)
        return Result(code, _text(out), _text(err))

    def run_plain(self, *arguments: str) -> Result:
        """The same for a command that asks nobody."""
        session, out, err = self._session()
        pending, code = main.begin(session, arguments)
        if pending is not None:
            import asyncio

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
