"""The runtime protocol: waits to be specialized once, then every path is a call of the function."""

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
from typing import Any

from fission_http import connection, messages
from fission_http import errors as http_errors
from fission_http import server as servers
from fission_wasm import functions, modules, rehearsal, settings, variables

PORT = 8888
"""Where the platform expects an environment to listen when it hands over no socket."""

CODE_PATH_V1 = "/userfunc/user"
CODE_PATH_V2 = "/userfunc/deployarchive"
STATE_PATH = "/userfunc/state.json"
"""The load request of the function that runs here, for whoever is started next in this pod."""

MAX_LOAD_REQUEST_BYTES = 1 << 20
"""A load request is object metadata: kilobytes. The platform's largest object is 3 MiB."""

GRACE_SECONDS = 30.0
"""How long running calls may take to finish on SIGTERM; the kubelet's grace period cuts it."""

_TEXT = [("Content-Type", "text/plain; charset=utf-8")]
_SPECIALIZE = ("/v2/specialize", "/specialize")


class Runtime:
    """One function, from generic to specialized."""

    def __init__(
        self, env: Mapping[str, str], stage: functions.Stage, *, remembers: bool = True
    ) -> None:
        """``remembers``: leave word of what is loaded for a successor in this pod."""
        self._env = env
        self._stage = stage
        self._state_path = real_path(STATE_PATH, env) if remembers else None
        self._function: functions.Function | None = None
        self._loading = False
        self._limit = 0
        self._active = 0

    @property
    def is_generic(self) -> bool:
        """Whether a function is still to come."""
        return self._function is None and not self._loading

    async def handle(self, request: messages.Request) -> messages.Response:
        """Answer one request."""
        path = request.path
        if path == "/healthz" and request.method in ("GET", "HEAD"):
            return messages.Response(200, _TEXT, b"")
        if self._function is None or path in _SPECIALIZE:
            return await self._handle_generic(request, path)
        if 0 < self._limit <= self._active:
            busy = [*_TEXT, ("X-Fission-Busy", str(self._limit))]
            return messages.Response(503, busy, b"every slot of this pod is taken\n")
        self._active += 1
        try:
            return await self._function.call(request)
        except http_errors.BodyTooLarge as error:
            limit = f"the request's body is larger than {error.limit_bytes} bytes"
            return _text(413, limit)
        except Exception:
            traceback.print_exc(file=sys.stderr)
            return _text(500, "Internal Server Error")
        finally:
            self._active -= 1

    async def restore(self) -> None:
        """Load again what a predecessor in this pod had loaded; the platform does not ask twice."""
        try:
            remembered = self._remembered()
            if remembered is not None:
                await self._load(remembered)
        except (OSError, ValueError, modules.BadModule, settings.BadSetting) as error:
            print(f"could not restore the function: {error}", file=sys.stderr, flush=True)

    def stop(self) -> None:
        """Take no more calls; a runtime that was told to end leaves no function to a successor."""
        self._stage.threads.shutdown(wait=False, cancel_futures=True)
        if self._state_path is not None:
            with contextlib.suppress(OSError):
                os.unlink(self._state_path)

    async def _handle_generic(self, request: messages.Request, path: str) -> messages.Response:
        if path not in _SPECIALIZE:
            return _refused(500, "Generic container: no requests supported")
        if request.method != "POST":
            return _text(405, f"{path} takes POST")
        if not self.is_generic:
            return _text(400, "Not a generic container: a function is loaded already")
        self._loading = True
        try:
            body = await request.read(MAX_LOAD_REQUEST_BYTES)
            load_request = _decode(body) if path == "/v2/specialize" else {}
            wanted = variables.parse(load_request)
            await self._load(load_request)
            self._remember(body if load_request else b"{}")
        except (OSError, modules.BadModule, settings.BadSetting) as error:
            print(error, file=sys.stderr, flush=True)
            return _text(500, str(error))
        except ValueError as error:
            return _text(400, f"the load request is malformed: {error}")
        finally:
            self._loading = False
        return messages.Response(200, [*_TEXT, *variables.headers(wanted)], b"")

    async def _load(self, load_request: Mapping[str, Any]) -> None:
        declared = str(load_request.get("filepath") or CODE_PATH_V2)
        name = str(load_request.get("functionName") or "")
        path = real_path(declared if load_request else CODE_PATH_V1, self._env)
        loop = asyncio.get_running_loop()
        stage = self._stage.for_function(self._env, variables.parse(load_request))
        function = await loop.run_in_executor(stage.threads, self._make, stage, path, name)
        self._limit = int(load_request.get("requestsPerPod") or 0)
        self._function = function
        self._stage = stage
        if self._state_path is not None:
            loop.call_later(self._stage.settings.optimize_after_seconds, function.optimize)

    def _make(self, stage: functions.Stage, path: str, name: str) -> functions.Function:
        file = modules.find(path, name)
        content = modules.read(file, stage.settings.max_module_bytes)
        folders = self._folders(stage, path if os.path.isdir(path) else "")
        return functions.Function(stage, content, os.path.basename(file), folders)

    def _folders(self, stage: functions.Stage, package: str) -> list[tuple[str, str]]:
        """What the module sees of the pod's files: the folder, and its name inside."""
        places = {
            "package": (package, "/"),
            "secrets": (real_path("/secrets", self._env), "/secrets"),
            "configs": (real_path("/configs", self._env), "/configs"),
        }
        wanted = [places[name] for name in stage.settings.directories]
        return [(host, guest) for host, guest in wanted if host and os.path.isdir(host)]

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


async def run(env: Mapping[str, str], *, stop: asyncio.Event | None = None) -> int:
    """Serve until SIGTERM; returns the exit code."""
    stage = functions.Stage(settings.load(env), env)
    runtime = Runtime(env, stage)
    await runtime.restore()
    ended = stop or asyncio.Event()
    loop = asyncio.get_running_loop()
    if stop is None:
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, ended.set)
    if runtime.is_generic:
        await rehearsal.run(Runtime(env, stage, remembers=False).handle)
    server = await servers.serve(runtime.handle, listening_sockets(env), connection.Limits())
    await ended.wait()
    await server.close(GRACE_SECONDS)
    runtime.stop()
    stage.threads.shutdown(wait=False, cancel_futures=True)
    return 0


def listening_sockets(env: Mapping[str, str]) -> list[socket.socket]:
    """Return the sockets that were handed over, or a fresh one on port 8888."""
    if env.get("LISTEN_FDS", "").isdigit():
        return [socket.socket(fileno=3 + index) for index in range(int(env["LISTEN_FDS"]))]
    return [socket.create_server(("", PORT), backlog=1024)]


def main(argv: list[str]) -> int:
    """Run the server with the fastest event loop at hand; the kubelet's fork calls this."""
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    try:
        return _runner()(run(os.environ))
    except settings.BadSetting as error:
        print(error, file=sys.stderr, flush=True)
        return 2


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


def real_path(declared: str, env: Mapping[str, str]) -> str:
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
    return messages.Response(status, _TEXT, text.encode() + b"\n" if text else b"")
