"""The runtime protocol: waits to be specialized once, then every path is a call of the function.

One process, one event loop. Importing the user's code happens on the main thread (libraries that
install signal handlers expect it); calls of synchronous functions happen in threads, so neither
``/healthz`` nor another request waits for a slow one.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import socket
import sys
import threading
import traceback
from collections.abc import Callable, Mapping
from typing import Any

from fission_http import messages
from fission_http import server as servers
from fission_python import calling, loader, rehearsal, variables, wsgi

PORT = 8888
"""Where the platform expects an environment to listen when it hands over no socket."""

SOCKET_NAME = "http-env"
CODE_PATH_V1 = "/userfunc/user"
STATE_PATH = "/userfunc/state.json"
"""The load request of the function that runs here, for whoever is started next in this pod."""

MAX_LOAD_REQUEST_BYTES = 1 << 20
"""A load request is object metadata: kilobytes. The platform's largest object is 3 MiB."""

GRACE_SECONDS = 30.0
"""How long running calls may take to finish on SIGTERM; the kubelet's grace period cuts it."""

_TEXT = [("Content-Type", "text/plain; charset=utf-8")]


class Runtime:
    """One function, from generic to specialized."""

    def __init__(
        self, env: Mapping[str, str], stage: calling.Stage, *, remembers: bool = True
    ) -> None:
        """``remembers``: leave word of what is loaded for a successor in this pod."""
        self._env = env
        self._stage = stage
        self._state_path = _real_path(STATE_PATH, env) if remembers else None
        self._caller: calling.Caller | None = None
        self._loading = False
        self._limit = 0
        self._active = 0

    @property
    def is_generic(self) -> bool:
        """Whether a function is still to come."""
        return self._caller is None and not self._loading

    async def handle(self, request: messages.Request) -> messages.Response:
        """Answer one request."""
        path = request.path
        if path == "/healthz" and request.method in ("GET", "HEAD"):
            return messages.Response(200, _TEXT, b"")
        if self._caller is None or path in ("/v2/specialize", "/specialize"):
            return await self._handle_generic(request, path)
        if 0 < self._limit <= self._active:
            busy = [*_TEXT, ("X-Fission-Busy", str(self._limit))]
            return messages.Response(503, busy, b"every slot of this pod is taken\n")
        self._active += 1
        try:
            response = await self._caller.call(request)
        except wsgi.BodyTooLarge as error:
            self._active -= 1
            print(error, file=sys.stderr, flush=True)
            return _text(413, str(error))
        except Exception:
            self._active -= 1
            traceback.print_exc(file=sys.stderr)
            return messages.Response(500, _TEXT, b"Internal Server Error\n")
        except BaseException:
            self._active -= 1
            raise
        if isinstance(response.body, bytes):
            self._active -= 1
        else:
            response.body = self._counted(response.body)
        return response

    async def restore(self) -> None:
        """Load again what a predecessor in this pod had loaded; the platform does not ask twice."""
        try:
            remembered = self._remembered()
            if remembered is not None:
                await self._load(remembered)
        except (OSError, ValueError, loader.LoadError) as error:
            print(f"could not restore the function: {error}", file=sys.stderr, flush=True)

    async def stop(self) -> None:
        """Shut the application down and forget what was loaded."""
        if self._caller is not None:
            await self._caller.stop()
        if self._state_path is not None:
            with contextlib.suppress(OSError):
                os.unlink(self._state_path)

    async def _handle_generic(self, request: messages.Request, path: str) -> messages.Response:
        if path not in ("/v2/specialize", "/specialize"):
            return _refused(500, "Generic container: no requests supported")
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
        except loader.LoadError as error:
            print(error, file=sys.stderr, flush=True)
            return _text(500, str(error))
        except ValueError as error:
            return _text(400, f"the load request is malformed: {error}")
        finally:
            self._loading = False
        return messages.Response(200, [*_TEXT, *variables.headers(wanted)], b"")

    async def _load(self, load_request: Mapping[str, Any]) -> None:
        with variables.applied(variables.parse(load_request)):
            await self._load_code(load_request)

    async def _load_code(self, load_request: Mapping[str, Any]) -> None:
        if load_request:
            entry_point = loader.parse_entry_point(load_request.get("functionName") or "")
            path = load_request.get("filepath") or "/userfunc/deployarchive"
        else:
            entry_point = loader.EntryPoint("main", "main")
            path = CODE_PATH_V1
        target = loader.load(_real_path(path, self._env), entry_point)
        caller = calling.make_caller(target, entry_point, self._stage)
        try:
            await caller.start()
        except RuntimeError as error:
            raise loader.LoadError(str(error)) from error
        self._limit = int(load_request.get("requestsPerPod") or 0)
        self._caller = caller

    def _remembered(self) -> dict[str, Any] | None:
        if self._state_path is None or not os.path.exists(self._state_path):
            return None
        with open(self._state_path, "rb") as file:
            return _decode(file.read())

    def _remember(self, load_request: bytes) -> None:
        if self._state_path is None:
            return
        try:
            with open(self._state_path, "wb", buffering=0, opener=_for_us_alone) as file:
                file.write(load_request)
        except OSError as error:
            print(f"a restart will not restore the function: {error}", file=sys.stderr, flush=True)

    async def _counted(self, body: Any) -> Any:
        try:
            async for piece in body:
                yield piece
        finally:
            self._active -= 1
            await body.aclose()


async def run(env: Mapping[str, str], *, stop: asyncio.Event | None = None) -> int:
    """Serve until SIGTERM; returns the exit code."""
    stage = calling.Stage()
    runtime = Runtime(env, stage)
    await runtime.restore()
    ended = stop or asyncio.Event()
    loop = asyncio.get_running_loop()
    if stop is None:
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, ended.set)
        _keep_signals_from_children(signal.SIGTERM, signal.SIGINT)
    if runtime.is_generic:
        await rehearsal.run(Runtime(env, stage, remembers=False).handle)
    server = await servers.serve(runtime.handle, listening_sockets(env))
    await ended.wait()
    await server.close(GRACE_SECONDS)
    await runtime.stop()
    stage.threads.close()
    return 0


def _keep_signals_from_children(*numbers: signal.Signals) -> None:
    """A process that a function forks shares the loop's wake-up pipe: with these handlers a SIGTERM
    meant for it (``multiprocessing`` ends its pools so) would end the runtime, and not the process.

    Held back while it forks, as a signal may come before the child has run at all.
    """
    masks = threading.local()

    def hold() -> None:
        masks.before = signal.pthread_sigmask(signal.SIG_BLOCK, numbers)

    def release() -> None:
        signal.pthread_sigmask(signal.SIG_SETMASK, masks.before)

    def forget() -> None:
        signal.set_wakeup_fd(-1)
        for number in numbers:
            signal.signal(number, signal.SIG_DFL)
        release()

    os.register_at_fork(before=hold, after_in_parent=release, after_in_child=forget)


def listening_sockets(env: Mapping[str, str]) -> list[socket.socket]:
    """Return the sockets that were handed over, or a fresh one on port 8888."""
    if env.get("LISTEN_FDS", "").isdigit():
        return [socket.socket(fileno=3 + index) for index in range(int(env["LISTEN_FDS"]))]
    return [socket.create_server(("", PORT), backlog=1024)]


def main(argv: list[str]) -> int:
    """Run the server with the fastest event loop at hand; the kubelet's fork calls this."""
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    return _runner()(run(os.environ))


def _runner() -> Callable[[Any], int]:
    try:
        import uvloop
    except ImportError:
        return asyncio.run
    return uvloop.run


def _for_us_alone(path: str, flags: int) -> int:
    """The function's variables may be secrets."""
    return os.open(path, flags, 0o600)


def _decode(body: bytes) -> dict[str, Any]:
    load_request = json.loads(body)
    if not isinstance(load_request, dict):
        raise ValueError("it is not a JSON object")
    return load_request


def _real_path(declared: str, env: Mapping[str, str]) -> str:
    """Where a declared mount path really is; POD_VOLUME_PATHS is set where that differs."""
    text = env.get("POD_VOLUME_PATHS")
    if text:
        for mount, real in sorted(json.loads(text).items(), key=lambda item: -len(item[0])):
            if declared == mount or declared.startswith(mount.rstrip("/") + "/"):
                return str(real) + declared[len(mount.rstrip("/")) :]
    return declared


def _refused(status: int, text: str) -> messages.Response:
    """No function is here (any more): the router takes the call elsewhere."""
    response = _text(status, text)
    response.headers = [*response.headers, ("X-Fission-Busy", "0")]
    return response


def _text(status: int, text: str) -> messages.Response:
    return messages.Response(status, _TEXT, text.encode())
