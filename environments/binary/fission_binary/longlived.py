"""One process that serves every request: it listens on ``PORT``, requests are passed on to it.

It is started when the function is loaded, which succeeds once it takes connections. When it ends it
is started again, at once at first and then less and less often; meanwhile callers get 502. Both
directions stream.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Mapping

from fission_binary import errors, package, ports, programs, settings, streams, tunnels
from fission_http import client as clients
from fission_http import errors as http_errors
from fission_http import messages

POLL_SECONDS = 0.01
RESTART_DELAYS = (0.0, 0.1, 0.5, 1.0, 2.0, 5.0)
STEADY_SECONDS = 10.0
"""A program that has run so long is restarted at once when it ends."""
STOP_SECONDS = 5.0
"""Between SIGTERM and SIGKILL; requests have been waited for already."""
IDLE_SECONDS = 2.0
"""How long a connection is kept unused; common servers (Node: 5 s) close theirs later."""
SMALL_BYTES = 64 * 1024
"""Bodies up to this are passed on whole."""
HOP_BY_HOP = frozenset(
    ("connection", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding",
     "upgrade", "expect")
)  # fmt: skip

PLAIN = [("Content-Type", "text/plain; charset=utf-8")]


class Caller:
    """Keeps a program and passes requests on to it."""

    def __init__(
        self,
        program: package.Program,
        chosen: settings.Settings,
        base: Mapping[bytes, bytes],
        processes: programs.Programs,
        env: Mapping[str, str],
    ) -> None:
        self._program = program
        self._settings = chosen
        self._base = dict(base)
        self._processes = processes
        self._env = env
        self._client = clients.Client(clients.Limits(idle_seconds=IDLE_SECONDS))
        self._port = 0
        self._pid = 0
        self._ended: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._keeper: asyncio.Task[None] | None = None
        self._state = "has not been started"

    async def start(self) -> None:
        """Start the program; LoadError when it does not come to listen."""
        self._launch()
        try:
            await self._until_listening()
        except BaseException:
            await self._end()
            await self._client.aclose()
            raise
        self._keeper = asyncio.get_running_loop().create_task(self._keep())

    async def stop(self) -> None:
        """End the program, gently first."""
        if self._keeper is not None:
            self._keeper.cancel()
        await self._end()
        await self._client.aclose()

    async def call(self, request: messages.Request) -> messages.Response:
        """Pass a request on; its answer is the program's."""
        has_body = request.head.chunked or bool(request.body_length)
        # Other protocols (h2c) may be declined, which an answer in HTTP/1.1 does.
        upgrade = "websocket" if request.head.upgrade == b"websocket" and not has_body else None
        try:
            answer = await self._client.request(
                request.method,
                f"http://{ports.HOST}:{self._port}{request.target}",
                _end_to_end(request.headers.items()),
                request.iter_bytes() if has_body else b"",
                timeout_seconds=self._settings.timeout_seconds,
                upgrade=upgrade,
            )
        except http_errors.ConnectError:
            return self._unavailable(f"the program {self._state}")
        except http_errors.RequestTimeout:
            _log(f"{self._program.path} did not answer for {self._settings.timeout_seconds:g} s")
            return messages.Response(504, PLAIN, b"the program did not answer in time\n")
        except (http_errors.ConnectionLost, http_errors.ProtocolError) as error:
            _log(f"{self._program.path} gave no answer: {error}")
            return self._unavailable("the program broke off the connection")
        headers = _end_to_end(answer.headers.items())
        if answer.status == 101:
            return _switched(answer, headers)
        length = answer.headers.get("content-length")
        if length is not None and int(length) <= SMALL_BYTES and request.method != "HEAD":
            return messages.Response(answer.status, headers, await answer.read(SMALL_BYTES))
        if request.method == "HEAD" or answer.status in (204, 304):
            await answer.aclose()
            return messages.Response(answer.status, headers, b"")
        body = streams.Closing(answer.iter_bytes(), answer.aclose)
        return messages.Response(answer.status, headers, body)

    def _unavailable(self, text: str) -> messages.Response:
        return messages.Response(502, PLAIN, f"{text}\n".encode())

    def _launch(self) -> None:
        self._port = ports.pick(self._env)
        port = str(self._port).encode()
        env = self._base | {
            b"HOST": ports.HOST.encode(),
            b"PORT": port,
            b"FISSION_RUNTIME_PORT": port,
        }
        self._ended = asyncio.get_running_loop().create_future()
        ended = self._ended
        null = os.open(os.devnull, os.O_RDONLY)
        try:
            self._pid = self._processes.start(
                [self._program.path], env, null, None, ended.set_result
            )
        except OSError as error:
            raise errors.LoadError(
                f"{self._program.path} could not be started: {error.strerror}"
            ) from error
        finally:
            os.close(null)
        self._state = f"is starting; it does not listen on {ports.HOST}:{self._port} yet"

    async def _until_listening(self) -> None:
        loop = asyncio.get_running_loop()
        name = os.path.basename(self._program.path)
        place = f"{ports.HOST}:{self._port} (its variables HOST and PORT)"
        limit = self._settings.start_timeout_seconds
        give_up = loop.time() + limit
        while not await ports.takes_connections(self._port):
            if self._ended.done():
                raise errors.LoadError(
                    f"{name} {programs.describe_end(self._ended.result())} before it listened on "
                    f"{place}; what it wrote is in the function's log"
                )
            if loop.time() > give_up:
                raise errors.LoadError(
                    f"{name} does not listen on {place} after {limit:g} s (BINARY_START_TIMEOUT)"
                )
            await asyncio.wait([self._ended], timeout=POLL_SECONDS)
        if ports.is_strangers(self._port):
            raise errors.LoadError(
                f"another pod's program listens on {ports.HOST}:{self._port}, which was free when "
                f"{name} was started; try again"
            )
        self._state = "runs, but refuses connections"

    async def _keep(self) -> None:
        """Start the program again whenever it has ended."""
        loop = asyncio.get_running_loop()
        failures = 0
        since = loop.time()
        while True:
            await asyncio.wait([self._ended])  # a task that waits for a future cancels it with it
            code = self._ended.result()
            if loop.time() - since > STEADY_SECONDS:
                failures = 0
            delay = RESTART_DELAYS[min(failures, len(RESTART_DELAYS) - 1)]
            failures += 1
            self._state = f"{programs.describe_end(code)} and is started again in {delay:g} s"
            _log(f"{self._program.path} {self._state}")
            await asyncio.sleep(delay)
            try:
                self._launch()
                since = loop.time()
                await self._until_listening()
            except errors.LoadError as error:
                _log(str(error))
                await self._end()

    async def _end(self) -> None:
        if self._ended.done() or not self._pid:
            return
        self._processes.kill_group(self._pid, 15)
        await asyncio.wait([self._ended], timeout=STOP_SECONDS)
        self._processes.kill_group(self._pid)
        await self._ended


def _switched(answer: clients.ClientResponse, headers: list[tuple[str, str]]) -> messages.Response:
    """Join the caller's connection to the program's."""
    near, far = tunnels.join()
    answer.switch(far)
    response = messages.Response(101, [*headers, ("Upgrade", "websocket")])
    response.tunnel = near
    return response


def _end_to_end(headers: list[tuple[str, str]]) -> list[tuple[str, str]]:
    named = {
        name.strip().lower()
        for key, value in headers
        if key.lower() == "connection"
        for name in value.split(",")
    }
    dropped = HOP_BY_HOP | named
    return [(name, value) for name, value in headers if name.lower() not in dropped]


def _log(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
