"""ASGI 3 on top of the lean server: HTTP and lifespan; bodies stream both ways."""

from __future__ import annotations

import asyncio
import sys
import traceback
import urllib.parse
from collections.abc import AsyncIterator
from typing import Any

from fission_http import messages

QUEUED_PIECES = 16
"""Pieces of an answer that may wait for a slow client before the application is held back."""

_VERSIONS = {"version": "3.0", "spec_version": "2.4"}


class Application:
    """An ASGI application with its lifespan."""

    def __init__(self, application: Any) -> None:
        self._application = application
        self._state: dict[str, Any] = {}
        self._lifespan: asyncio.Task[None] | None = None
        self._to_lifespan: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._started: asyncio.Future[None] | None = None
        self._stopped = asyncio.Event()

    async def start(self) -> None:
        """Run the application's start-up; one that has no lifespan is fine. Raises RuntimeError."""
        self._started = asyncio.get_running_loop().create_future()
        self._to_lifespan.put_nowait({"type": "lifespan.startup"})
        self._lifespan = asyncio.create_task(self._run_lifespan())
        await self._started

    async def stop(self) -> None:
        """Run the application's shut-down, for at most five seconds."""
        if self._lifespan is None or self._lifespan.done():
            return
        self._to_lifespan.put_nowait({"type": "lifespan.shutdown"})
        try:
            await asyncio.wait_for(self._stopped.wait(), 5)
        except TimeoutError:
            self._lifespan.cancel()

    async def call(self, request: messages.Request) -> messages.Response:
        """Answer one request."""
        exchange = _Exchange(request)
        task = asyncio.create_task(
            self._application(self._scope(request), exchange.receive, exchange.send)
        )
        exchange.attach(task)
        return await exchange.response()

    def _scope(self, request: messages.Request) -> dict[str, Any]:
        return {
            "type": "http",
            "asgi": _VERSIONS,
            "http_version": "1.1",
            "method": request.method,
            "scheme": "http",
            "path": urllib.parse.unquote(request.path),
            "raw_path": request.path.encode("ascii"),
            "query_string": request.query.encode("ascii"),
            "root_path": "",
            "headers": [
                (name.lower().encode("latin-1"), value.encode("latin-1"))
                for name, value in request.headers
            ],
            "client": request.client,
            "server": request.server,
            "state": self._state.copy(),
        }

    async def _run_lifespan(self) -> None:
        assert self._started is not None
        scope = {"type": "lifespan", "asgi": _VERSIONS, "state": self._state}
        try:
            await self._application(scope, self._to_lifespan.get, self._from_lifespan)
        except Exception:
            # The specification: an exception here means that lifespan is not supported.
            pass
        finally:
            if not self._started.done():
                self._started.set_result(None)
            self._stopped.set()

    async def _from_lifespan(self, message: dict[str, Any]) -> None:
        assert self._started is not None
        if message["type"] == "lifespan.startup.complete":
            self._started.set_result(None)
        elif message["type"] == "lifespan.startup.failed":
            text = message.get("message", "")
            self._started.set_exception(RuntimeError(f"the application's start-up failed: {text}"))
        else:
            self._stopped.set()


class _Exchange:
    """One request and its answer, between the application's task and the server."""

    def __init__(self, request: messages.Request) -> None:
        self._body = request.iter_bytes()
        self._body_ended = False
        self._disconnected = asyncio.Event()
        self._head: asyncio.Future[tuple[int, list[tuple[str, str]]]] = (
            asyncio.get_running_loop().create_future()
        )
        self._pieces: asyncio.Queue[bytes | None] = asyncio.Queue(QUEUED_PIECES)
        self._status: tuple[int, list[tuple[str, str]]] | None = None
        self._whole: bytes | None = None
        self._ended = False
        self._task: asyncio.Task[None] | None = None

    def attach(self, task: asyncio.Task[None]) -> None:
        self._task = task
        task.add_done_callback(self._finished)

    async def response(self) -> messages.Response:
        status, headers = await self._head
        if self._whole is not None:
            return messages.Response(status, headers, self._whole)
        return messages.Response(status, headers, self._stream())

    async def receive(self) -> dict[str, Any]:
        if self._body_ended:
            await self._disconnected.wait()
            return {"type": "http.disconnect"}
        try:
            piece = await anext(self._body)
        except StopAsyncIteration:
            self._body_ended = True
            return {"type": "http.request", "body": b"", "more_body": False}
        return {"type": "http.request", "body": piece, "more_body": True}

    async def send(self, message: dict[str, Any]) -> None:
        if message["type"] == "http.response.start":
            headers = [
                (name.decode("latin-1"), value.decode("latin-1"))
                for name, value in message.get("headers", ())
            ]
            self._status = (message["status"], headers)
            return
        if message["type"] != "http.response.body" or self._status is None or self._ended:
            raise RuntimeError(f"{message['type']} is out of order")
        body = bytes(message.get("body", b""))
        self._ended = not message.get("more_body", False)
        if not self._head.done():
            if self._ended:
                self._whole = body
                self._head.set_result(self._status)
                return
            self._head.set_result(self._status)
        if body:
            await self._pieces.put(body)
        if self._ended:
            await self._pieces.put(None)

    async def _stream(self) -> AsyncIterator[bytes]:
        try:
            while (piece := await self._pieces.get()) is not None:
                yield piece
            if not self._ended:
                raise ConnectionError("the application ended in the middle of its answer")
        finally:
            self._disconnected.set()
            if self._task is not None and not self._ended:
                self._task.cancel()

    def _finished(self, task: asyncio.Task[None]) -> None:
        error = None if task.cancelled() else task.exception()
        if error is not None:
            traceback.print_exception(error, file=sys.stderr)
        if not self._head.done():
            self._head.set_result((500, [("Content-Type", "text/plain; charset=utf-8")]))
            self._whole = b"Internal Server Error\n"
        elif not self._ended:
            while self._pieces.full():
                self._pieces.get_nowait()
            self._pieces.put_nowait(None)
