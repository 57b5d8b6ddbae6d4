"""One process per request: standard input is the body, standard output the answer.

A status has to be chosen before the first byte is sent, and the exit code comes last. So up to
``HELD_BYTES`` of output are held back until the program ends; beyond that the answer is 200 and
flows as it is written, and a failure cuts it off visibly. With ``BINARY_OUTPUT=cgi`` the program
says its status itself and everything flows from the blank line on.

Whatever ends a call ends the program's whole process group: its own end, the deadline, a caller who
leaves.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from collections.abc import AsyncIterator, Mapping

from fission_binary import cgi, package, programs, settings, streams
from fission_http import errors, messages

HELD_BYTES = 1 << 20
"""Output held back for the exit code: an answer that people read is smaller."""
PIPE_BYTES = 64 * 1024
"""What a pipe takes without a reader (Linux's default): such a body is there at once."""
LARGEST_PIPE_BYTES = 1 << 20
"""What may be left in a pipe when the program has ended, and is its answer's end (Linux's
pipe-max-size). Beyond that a process writes that has left the program's group."""
READ_BYTES = 256 * 1024

PLAIN = [("Content-Type", "text/plain; charset=utf-8")]


class Caller:
    """Runs a program for each request."""

    def __init__(
        self,
        program: package.Program,
        chosen: settings.Settings,
        base: Mapping[bytes, bytes],
        processes: programs.Programs,
    ) -> None:
        self._program = program
        self._settings = chosen
        self._base = dict(base)
        self._processes = processes
        self._null = os.open(os.devnull, os.O_RDONLY)

    async def start(self) -> None:
        """Nothing to prepare."""

    async def stop(self) -> None:
        os.close(self._null)

    async def call(self, request: messages.Request) -> messages.Response:
        """Run the program for a request."""
        pieces = request.iter_bytes()
        first, rest = await _prefetch(pieces)
        length = request.body_length
        if length is None and rest is None:
            length = len(first)
        try:
            env = self._base | cgi.variables(
                request.method, request.target, request.headers, length
            )
        except ValueError as error:
            return messages.Response(400, PLAIN, f"{error}\n".encode())
        try:
            run = _Run(self._program, env, self._processes, self._null, first, rest)
        except OSError as error:
            _log(f"{self._program.path} could not be started: {error.strerror}")
            return _failed()
        try:
            run.limit(self._settings.timeout_seconds)
            answer = await self._answer(run)
        except BaseException:
            run.end()
            raise
        if isinstance(answer.body, bytes):
            run.end()
        return answer

    async def _answer(self, run: _Run) -> messages.Response:
        if self._settings.output == "cgi":
            return await self._cgi_answer(run)
        held = b""
        async for piece in run.output:
            held += piece
            if len(held) > HELD_BYTES:
                headers = [("Content-Type", cgi.content_type(held))]
                return messages.Response(200, headers, self._stream(run, held))
        if not await self._succeeded(run):
            return _late() if run.is_late else _failed()
        return messages.Response(200, [("Content-Type", cgi.content_type(held))], held)

    async def _cgi_answer(self, run: _Run) -> messages.Response:
        held = b""
        try:
            async for piece in run.output:
                held += piece
                found = cgi.split_answer(held)
                if found is not None:
                    status, headers, body = found
                    return messages.Response(status, headers, self._stream(run, body))
        except cgi.BadAnswer as error:
            _log(f"{self._program.path}: BINARY_OUTPUT is cgi, but {error}")
            return _failed()
        if await self._succeeded(run):
            _log(f"{self._program.path}: BINARY_OUTPUT is cgi, but it wrote no header lines")
        return _late() if run.is_late else _failed()

    def _stream(self, run: _Run, held: bytes) -> streams.Closing:
        return streams.Closing(self._pieces(run, held), run.end)

    async def _pieces(self, run: _Run, held: bytes) -> AsyncIterator[bytes]:
        if held:
            yield held
        async for piece in run.output:
            yield piece
        if not await self._succeeded(run):
            raise errors.ProtocolError("the program failed within its answer")

    async def _succeeded(self, run: _Run) -> bool:
        """Wait for the end; a failure is in the log with its reason."""
        code = await run.code
        if run.is_late:
            seconds = self._settings.timeout_seconds
            _log(f"{self._program.path} was ended: it ran for more than {seconds:g} s")
        elif code != 0:
            _log(f"{self._program.path} {programs.describe_end(code)}")
        return code == 0 and not run.is_late


class _Run:
    """One process and its two pipes."""

    def __init__(
        self,
        program: package.Program,
        env: Mapping[bytes, bytes],
        processes: programs.Programs,
        null: int,
        first: bytes,
        rest: AsyncIterator[bytes] | None,
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._processes = processes
        self._wake: asyncio.Future[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._feeder: asyncio.Task[None] | None = None
        self.is_late = False
        self.code: asyncio.Future[int] = self._loop.create_future()
        self._stdout, theirs = os.pipe()
        os.set_blocking(self._stdout, False)
        stdin, feeding, unsent = _filled(first) if first else (null, -1, b"")
        try:
            self.pid = processes.start([program.path], env, stdin, theirs, self._ended)
        except BaseException:
            _close(self._stdout, feeding)
            raise
        finally:
            _close(theirs, stdin if stdin != null else -1)
        self.output = self._read()
        if unsent or rest is not None:
            self._feeder = self._loop.create_task(self._feed(feeding, unsent, rest))
            self._feeder.add_done_callback(lambda _: _close(feeding))
        else:
            _close(feeding)

    def limit(self, seconds: float) -> None:
        """End the program when it runs longer."""
        self._timer = self._loop.call_later(seconds, self._expire)

    def end(self) -> None:
        """Leave nothing of it; harmless when nothing is left."""
        if self._timer is not None:
            self._timer.cancel()
        if self._feeder is not None:
            self._feeder.cancel()
        if not self.code.done():
            self._processes.kill_group(self.pid)
        if self._stdout >= 0:
            self._loop.remove_reader(self._stdout)
            os.close(self._stdout)
            self._stdout = -1

    async def _read(self) -> AsyncIterator[bytes]:
        """The output, as it comes, to the end of the pipe or of the program."""
        left = LARGEST_PIPE_BYTES
        while left > 0:
            has_ended = self.code.done()
            try:
                piece = os.read(self._stdout, READ_BYTES)
            except BlockingIOError:
                if has_ended:
                    return  # whoever else holds the pipe has been killed with the group
                await self._until_readable()
                continue
            if not piece:
                return
            if has_ended:
                left -= len(piece)
            yield piece

    async def _until_readable(self) -> None:
        self._wake = self._loop.create_future()
        self._loop.add_reader(self._stdout, self._resume)
        try:
            await self._wake
        finally:
            self._wake = None
            if self._stdout >= 0:
                self._loop.remove_reader(self._stdout)

    def _resume(self) -> None:
        if self._wake is not None and not self._wake.done():
            self._wake.set_result(None)

    def _ended(self, code: int) -> None:
        if not self.code.done():
            self.code.set_result(code)
        self._resume()

    def _expire(self) -> None:
        self.is_late = True
        self._processes.kill_group(self.pid)

    async def _feed(self, pipe: int, unsent: bytes, rest: AsyncIterator[bytes] | None) -> None:
        """Write the body as it arrives; a program that reads no further ends this early."""
        try:
            await self._write(pipe, unsent)
            if rest is not None:
                async for piece in rest:
                    await self._write(pipe, piece)
        except BrokenPipeError:
            pass
        except Exception as error:
            # Half a body must not pass for a whole one.
            _log(f"the request's body broke off: {error}")
            self._processes.kill_group(self.pid)

    async def _write(self, pipe: int, data: bytes) -> None:
        view = memoryview(data)
        while view:
            try:
                view = view[os.write(pipe, view) :]
            except BlockingIOError:
                room: asyncio.Future[None] = self._loop.create_future()
                self._loop.add_writer(pipe, _set, room)
                try:
                    await room
                finally:
                    self._loop.remove_writer(pipe)


async def _prefetch(
    pieces: AsyncIterator[bytes],
) -> tuple[bytes, AsyncIterator[bytes] | None]:
    """The body if it fits a pipe, so that a slow caller holds no process; else its beginning."""
    held = b""
    async for piece in pieces:
        held += piece
        if len(held) > PIPE_BYTES:
            return held, pieces
    return held, None


def _filled(first: bytes) -> tuple[int, int, bytes]:
    """A pipe with the beginning of the body in it: its two ends, and what it did not take."""
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    return reading, writing, first[os.write(writing, first) :]


def _set(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)


def _close(*descriptors: int) -> None:
    for descriptor in descriptors:
        if descriptor >= 0:
            with contextlib.suppress(OSError):
                os.close(descriptor)


def _failed() -> messages.Response:
    return messages.Response(500, PLAIN, b"Internal Server Error\n")


def _late() -> messages.Response:
    return messages.Response(504, PLAIN, b"the program did not end in time\n")


def _log(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
