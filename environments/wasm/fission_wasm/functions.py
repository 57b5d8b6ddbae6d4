"""A loaded function and the threads that its calls run in.

wasmtime releases the interpreter's lock while an instance runs, so calls are parallel. The event
loop only ever waits for a thread. When the client leaves, the call is stopped; its slot is free
when its thread is.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import copy
import os
import sys
import threading
from collections.abc import Mapping, Sequence

from fission_http import messages
from fission_wasm import calls, cgi, engines, modules, programs
from fission_wasm import settings as all_settings

NICENESS = 10
"""Of the thread that compiles with optimization: behind everything that answers somebody."""

_TEXT = [("Content-Type", "text/plain; charset=utf-8")]
_HIDDEN = ("LISTEN_", "PYTHON", all_settings.PREFIX, "POD_VOLUME_PATHS", "POD_PORTS")
"""Variables of the runtime itself; the rest of the pod's reach the program."""


class Stage:
    """What functions run on: made before there is one, so that its first call is short."""

    def __init__(self, settings: all_settings.Settings, env: Mapping[str, str]) -> None:
        self.settings = settings
        self.variables = _visible(env)
        self.engines = engines.Engines()
        self.threads = concurrent.futures.ThreadPoolExecutor(settings.parallel_calls, "call")

    def for_function(self, env: Mapping[str, str], variables: Mapping[str, str]) -> Stage:
        """This one with a function's variables, settings among them; raises BadSetting."""
        stage = copy.copy(self)
        stage.variables = _visible({**env, **variables})
        if any(name.startswith(all_settings.PREFIX) for name in variables):
            stage.settings = all_settings.load({**env, **variables})
            stage.threads = concurrent.futures.ThreadPoolExecutor(
                stage.settings.parallel_calls, "call"
            )
        return stage


def _visible(env: Mapping[str, str]) -> dict[str, str]:
    return {k: v for k, v in env.items() if not k.startswith(_HIDDEN)}


class Function:
    """One module, compiled fast at first and well in the end."""

    def __init__(
        self, stage: Stage, content: bytes, name: str, folders: Sequence[tuple[str, str]]
    ) -> None:
        """Compile for the first call. Blocking; raises BadModule."""
        self._stage = stage
        self._content = content
        self._name = name
        self._folders = folders
        self._program, is_good = programs.compile_fast(stage.engines, content, name)
        self._is_final = is_good or len(content) > stage.settings.optimize_max_bytes

    def optimize(self) -> None:
        """Compile once more, with optimization, in a thread of low priority."""
        if self._is_final:
            return
        self._is_final = True
        threading.Thread(target=self._optimize, name="optimize", daemon=True).start()

    async def call(self, request: messages.Request) -> messages.Response:
        """Answer one request by one instance."""
        settings = self._stage.settings
        body = await request.read(settings.max_request_bytes)
        client = request.client[0] if isinstance(request.client, tuple) else ""
        headers = request.headers.items()
        try:
            call = calls.Call(settings, request.method, request.target, headers, body, client)
        except ValueError as error:
            return messages.Response(400, _TEXT, f"{error}\n".encode())
        running = self._stage.threads.submit(self._run, call)
        try:
            answer = await asyncio.shield(asyncio.wrap_future(running))
        except calls.Failure as failure:
            return _failed(failure)
        except asyncio.CancelledError:
            call.stop(calls.Failure(499, "the client has left"))
            running.cancel()
            with contextlib.suppress(calls.Failure, concurrent.futures.CancelledError):
                await asyncio.shield(asyncio.wrap_future(running))
            raise
        return messages.Response(answer.status, answer.headers, answer.body)

    def _run(self, call: calls.Call) -> cgi.Answer:
        with self._stage.engines.clock:
            return self._program.run(call, self._folders, self._stage.variables)

    def _optimize(self) -> None:
        with contextlib.suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, 0, NICENESS)  # on Linux: this thread alone
        try:
            engine = self._stage.engines.good
            self._program = programs.compile_with(engine, self._content, self._name)
        except modules.BadModule as error:
            print(f"not optimized: {error}", file=sys.stderr, flush=True)


def _failed(failure: calls.Failure) -> messages.Response:
    print(failure.text, *filter(None, [failure.detail]), sep="\n", file=sys.stderr, flush=True)
    return messages.Response(failure.status, _TEXT, f"{failure.text}\n".encode())
