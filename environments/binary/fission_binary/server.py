"""The runtime protocol: waits to be given a program, then every path is a call of it.

One process, one event loop. Whatever is wrong with a load request or a package is answered 400, as
this environment always has; so are calls before there is a program.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import socket
import sys
import traceback
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from fission_binary import (
    cgi,
    errors,
    longlived,
    package,
    perrequest,
    programs,
    rehearsal,
    settings,
    streams,
    tunnels,
    variables,
)
from fission_http import messages
from fission_http import server as servers

PORT = 8888
"""Where the platform expects an environment to listen when it hands over no socket."""

CODE_PATH_V1 = "/userfunc/user"
CODE_PATH_V2 = "/userfunc/deployarchive"
STATE_PATH = "/userfunc/state.json"
"""The load request of the function that runs here, for whoever is started next in this pod."""

MAX_LOAD_REQUEST_BYTES = 1 << 20
"""A load request is object metadata: kilobytes. The platform's largest object is 3 MiB."""

MAX_PROCESSES = 256
"""Requests at once where the load request sets no limit: a quarter of the processes that the
embedded platform gives a container, as a program may start some itself."""

GRACE_SECONDS = 30.0
"""How long running calls may take to finish on SIGTERM; the kubelet's grace period cuts it."""

_TEXT = [("Content-Type", "text/plain; charset=utf-8")]


class Caller(Protocol):
    """A program, ready to be called."""

    async def start(self) -> None: ...

    async def call(self, request: messages.Request) -> messages.Response: ...

    async def stop(self) -> None: ...


class Runtime:
    """One function, from generic to specialized."""

    def __init__(
        self, env: Mapping[str, str], processes: programs.Programs, *, remembers: bool = True
    ) -> None:
        """``remembers``: leave word of what is loaded for a successor in this pod."""
        self._env = env
        self._processes = processes
        self._state_path = real_path(STATE_PATH, env) if remembers else None
        self._caller: Caller | None = None
        self._loading = False
        self._limit = MAX_PROCESSES
        self._active = 0

    @property
    def is_generic(self) -> bool:
        """Whether a program is still to come."""
        return self._caller is None

    async def handle(self, request: messages.Request) -> messages.Response:
        """Answer one request."""
        path = request.path
        if path == "/healthz" and request.method in ("GET", "HEAD"):
            return messages.Response(200, _TEXT, b"")
        if path in ("/v2/specialize", "/specialize"):
            return await self._specialize(request, path)
        if self._caller is None:
            return _refused(400, "Generic container: no requests supported")
        if self._active >= self._limit:
            busy = [*_TEXT, ("X-Fission-Busy", str(self._limit))]
            return messages.Response(503, busy, b"every slot of this pod is taken\n")
        self._active += 1
        try:
            response = await self._caller.call(request)
        except BaseException:
            self._active -= 1
            raise
        if isinstance(response.tunnel, tunnels.End):
            response.tunnel.on_close = self._release
        elif isinstance(response.body, bytes):
            self._active -= 1
        else:
            response.body = streams.Closing(response.body, self._release)
        return response

    async def restore(self) -> None:
        """Load again what a predecessor in this pod had loaded; the platform does not ask twice."""
        if self._state_path is None:
            return
        try:
            await self._load(_decode(_read(self._state_path)))
        except FileNotFoundError:
            pass
        except (OSError, ValueError, errors.LoadError) as error:
            print(f"could not restore the function: {error}", file=sys.stderr, flush=True)

    async def stop(self) -> None:
        """End the program and forget what was loaded."""
        if self._caller is not None:
            await self._caller.stop()
        self._processes.kill_all()
        if self._state_path is not None:
            with contextlib.suppress(OSError):
                os.unlink(self._state_path)

    async def _specialize(self, request: messages.Request, path: str) -> messages.Response:
        if request.method != "POST":
            return _text(405, f"{path} takes POST")
        if self._caller is not None or self._loading:
            return _text(400, "Not a generic container: a function is loaded already")
        self._loading = True
        try:
            body = await request.read(MAX_LOAD_REQUEST_BYTES)
            load_request = _decode(body) if path == "/v2/specialize" else {}
            wanted = variables.parse(load_request)
            await self._load(load_request)
            self._remember(body if load_request else b"{}")
        except errors.LoadError as error:
            print(error, file=sys.stderr, flush=True)
            return _text(400, str(error))
        except ValueError as error:
            return _text(400, f"the load request is malformed: {error}")
        except Exception as error:
            traceback.print_exc(file=sys.stderr)
            return _text(400, f"the program could not be loaded: {error}")
        finally:
            self._loading = False
        return messages.Response(200, [*_TEXT, *variables.headers(wanted)], b"")

    async def _load(self, load_request: Mapping[str, Any]) -> None:
        declared = load_request.get("filepath") or CODE_PATH_V2
        path = real_path(declared if load_request else CODE_PATH_V1, self._env)
        name = load_request.get("functionName") or ""
        limit = load_request.get("requestsPerPod") or 0
        if not isinstance(name, str) or not isinstance(limit, int):
            raise ValueError("functionName needs text, requestsPerPod a whole number")
        program = package.find(path, name)
        env = {**self._env, **variables.parse(load_request)}
        chosen = settings.load(env, program.folder if program.path != path else None)
        program = package.make_runnable(program, env.get("PATH", os.defpath))
        base = cgi.inherited(env, _own_folder())
        # Children start where this process is; a call of chdir for each would need a fork.
        os.chdir(program.folder)
        caller: Caller
        if chosen.mode == "server":
            caller = longlived.Caller(program, chosen, base, self._processes, env)
        else:
            caller = perrequest.Caller(program, chosen, base, self._processes)
        await caller.start()
        self._limit = limit if limit > 0 else MAX_PROCESSES
        self._caller = caller

    def _release(self) -> None:
        self._active -= 1

    def _remember(self, load_request: bytes) -> None:
        if self._state_path is None:
            return
        try:
            with open(self._state_path, "wb", buffering=0, opener=_for_us_alone) as file:
                file.write(load_request)
        except OSError as error:
            print(f"a restart will not restore the function: {error}", file=sys.stderr, flush=True)


async def run(env: Mapping[str, str]) -> int:
    """Serve until SIGTERM; returns the exit code."""
    loop = asyncio.get_running_loop()
    sockets = listening_sockets(env)  # before any program starts, which is not to inherit them
    processes = programs.Programs(loop)
    runtime = Runtime(env, processes)
    await runtime.restore()
    ended = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ended.set)
    if runtime.is_generic:
        stage = Runtime({}, processes, remembers=False)
        await rehearsal.run(stage.handle)
        await stage.stop()
    server = await servers.serve(runtime.handle, sockets)
    await ended.wait()
    await server.close(GRACE_SECONDS)
    await runtime.stop()
    return 0


def listening_sockets(env: Mapping[str, str]) -> list[socket.socket]:
    """Return the sockets that were handed over, or a fresh one on port 8888.

    Programs are not to inherit them: a listening socket that survives its owner keeps a dead
    address alive.
    """
    if not env.get("LISTEN_FDS", "").isdigit():
        return [socket.create_server(("", PORT), backlog=1024)]
    handed = [socket.socket(fileno=3 + index) for index in range(int(env["LISTEN_FDS"]))]
    for one in handed:
        one.set_inheritable(False)
    return handed


def main(argv: list[str]) -> int:
    """Run the server with the fastest event loop at hand; the kubelet's fork calls this."""
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    return _runner()(run(os.environ))


def real_path(declared: str, env: Mapping[str, str]) -> str:
    """Where a declared mount path really is; POD_VOLUME_PATHS is set where that differs."""
    text = env.get("POD_VOLUME_PATHS")
    if text:
        for mount, real in sorted(json.loads(text).items(), key=lambda item: -len(item[0])):
            if declared == mount or declared.startswith(mount.rstrip("/") + "/"):
                return str(real) + declared[len(mount.rstrip("/")) :]
    return declared


def _runner() -> Callable[[Any], int]:
    try:
        import uvloop
    except ImportError:
        return asyncio.run
    return uvloop.run


def _own_folder() -> str:
    return os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def _read(path: str) -> bytes:
    with open(path, "rb") as file:
        return file.read()


def _for_us_alone(path: str, flags: int) -> int:
    """The function's variables may be secrets."""
    return os.open(path, flags, 0o600)


def _decode(body: bytes) -> dict[str, Any]:
    load_request = json.loads(body)
    if not isinstance(load_request, dict):
        raise ValueError("it is not a JSON object")
    return load_request


def _refused(status: int, text: str) -> messages.Response:
    """No function is here (any more): the router takes the call elsewhere."""
    response = _text(status, text)
    response.headers = [*response.headers, ("X-Fission-Busy", "0")]
    return response


def _text(status: int, text: str) -> messages.Response:
    return messages.Response(status, _TEXT, text.encode())
