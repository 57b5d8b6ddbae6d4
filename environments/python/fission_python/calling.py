"""The shapes that a function may have, and how each is called.

| Shape | Recognized by | Called |
|---|---|---|
| Flask style | no required parameter | in a thread, inside Flask's request context |
| request style | one required parameter (or one named ``request``) | same, with ``flask.request`` |
| asynchronous | ``async def`` with at most one required parameter | on the event loop |
| WSGI application | Flask object, or a callable that takes two | in a thread |
| ASGI application | asynchronous callable that takes three | on the event loop |

The first three may return whatever Flask accepts from a view.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextvars
import functools
import inspect
import sys
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, Protocol

import flask
import werkzeug.exceptions

from fission_http import messages
from fission_python import asgi, loader, wsgi

WORKER_THREADS = 64
"""Synchronous calls that run at once. Beyond it they wait; a thread costs some 10 KiB idle."""

_PLAIN = [("Content-Type", "text/plain; charset=utf-8")]


class Caller(Protocol):
    """A loaded function, ready to answer requests."""

    async def start(self) -> None: ...

    async def call(self, request: messages.Request) -> messages.Response: ...

    async def stop(self) -> None: ...


def make_caller(target: Any, entry_point: object, stage: Stage) -> Caller:
    """Return the caller for what the entry point names; raises LoadError for anything else."""
    if isinstance(target, type) or not callable(target):
        raise loader.LoadError(
            f"entry point {entry_point} is {_kind(target)}, neither a function nor a WSGI or "
            "ASGI application"
        )
    if hasattr(target, "wsgi_app"):
        return _Wsgi(target, stage)
    required, takes_request = _parameters(target)
    is_async = inspect.iscoroutinefunction(target) or inspect.iscoroutinefunction(
        getattr(target, "__call__", None)  # noqa: B004 - an object with an async __call__
    )
    if is_async and required == 3:
        return asgi.Application(target)
    if not is_async and required == 2:
        return _Wsgi(target, stage)
    if required > 1:
        raise loader.LoadError(
            f"entry point {entry_point} takes {required} parameters; a function takes none (and "
            "uses flask.request) or the request, a WSGI application two, an ASGI application three"
        )
    function = _with_request(target) if takes_request else target
    return _Asynchronous(function, stage) if is_async else _Synchronous(function, stage)


class Threads:
    """The worker threads of a process. Calls that belong together share a context."""

    def __init__(self) -> None:
        self._pool = concurrent.futures.ThreadPoolExecutor(WORKER_THREADS, "function")

    async def run(self, work: Callable[..., Any], *arguments: Any) -> Any:
        return await self.run_in(contextvars.copy_context(), work, *arguments)

    async def run_in(
        self, context: contextvars.Context, work: Callable[..., Any], *arguments: Any
    ) -> Any:
        call = functools.partial(context.run, work, *arguments)
        return await asyncio.get_running_loop().run_in_executor(self._pool, call)

    async def stream(self, answer: wsgi.Answer) -> AsyncIterator[bytes]:
        """Yield the pieces of an answer; its generator sees one context from start to end."""
        context = contextvars.copy_context()
        try:
            while (piece := await self.run_in(context, answer.next_piece)) is not None:
                yield piece
        finally:
            await self.run_in(context, answer.close)

    def close(self) -> None:
        self._pool.shutdown(wait=False, cancel_futures=True)


class Stage:
    """What functions are called on: made before there is one, so that its first call is short."""

    def __init__(self) -> None:
        self.app = make_flask()
        self.threads = Threads()


class _Wsgi:
    """A WSGI application."""

    def __init__(self, application: Any, stage: Stage) -> None:
        self._application = application
        self._threads = stage.threads

    async def start(self) -> None:
        """Nothing to prepare."""

    async def stop(self) -> None:
        """Nothing to end: the threads are the stage's."""

    async def call(self, request: messages.Request) -> messages.Response:
        body = await wsgi.read_body(request)
        environ = wsgi.make_environ(request, body)
        response: messages.Response = await self._threads.run(self._answer, environ)
        return response

    def _answer(self, environ: dict[str, Any]) -> messages.Response:
        try:
            answer = wsgi.call(self._application, environ)
            whole = answer.whole()
            if whole is not None:
                answer.close()
                return messages.Response(answer.status, answer.headers, whole)
        except Exception:
            return _failed()
        return messages.Response(answer.status, answer.headers, self._threads.stream(answer))


class _Synchronous(_Wsgi):
    """A function in Flask's style: the environ goes through Flask, which calls the function."""

    def __init__(self, function: Callable[[], Any], stage: Stage) -> None:
        super().__init__(functools.partial(_through_flask, stage.app, function), stage)

    def _answer(self, environ: dict[str, Any]) -> messages.Response:
        try:
            return _from_flask(self._application(environ), self._threads)
        except Exception:
            return _failed()


class _Asynchronous:
    """An ``async def``, run on the event loop inside Flask's request context."""

    def __init__(self, function: Callable[[], Awaitable[Any]], stage: Stage) -> None:
        self._function = function
        self._app = stage.app
        self._threads = stage.threads

    async def start(self) -> None:
        """Nothing to prepare."""

    async def stop(self) -> None:
        """Nothing to end: the threads are the stage's."""

    async def call(self, request: messages.Request) -> messages.Response:
        environ = wsgi.make_environ(request, await wsgi.read_body(request))
        try:
            with self._app.request_context(environ):
                return _from_flask(await self._response(), self._threads)
        except Exception:
            return _failed()

    async def _response(self) -> flask.Response:
        try:
            value = await self._function()
            if inspect.isasyncgen(value):
                value = b"".join([_as_bytes(piece) async for piece in value])
            response = self._app.make_response(value)
        except werkzeug.exceptions.HTTPException as error:
            response = self._app.make_response(self._app.handle_user_exception(error))
        return self._app.process_response(response)


class _Streamed:
    """The pieces of a Flask response; closing them closes it."""

    def __init__(self, response: flask.Response) -> None:
        self._pieces = response.iter_encoded()
        self.close = response.close

    def __iter__(self) -> Any:
        return iter(self._pieces)


def _from_flask(response: flask.Response, threads: Threads) -> messages.Response:
    status, headers = response.status_code, list(response.headers)
    if not response.is_streamed and not response.direct_passthrough:
        body = response.get_data()
        response.close()
        return messages.Response(status, headers, body)
    answer = wsgi.Answer(status, headers, _Streamed(response))
    return messages.Response(status, headers, threads.stream(answer))


def make_flask() -> flask.Flask:
    """Return the Flask application whose context functions run in; it has no routes of its own."""
    return flask.Flask("fission", static_folder=None, template_folder=None)


def _through_flask(
    app: flask.Flask, function: Callable[[], Any], environ: dict[str, Any]
) -> flask.Response:
    with app.request_context(environ):
        try:
            response = app.make_response(function())
        except werkzeug.exceptions.HTTPException as error:
            response = app.make_response(app.handle_user_exception(error))
        return app.process_response(response)


def _with_request(function: Callable[[Any], Any]) -> Callable[[], Any]:
    def call() -> Any:
        return function(flask.request._get_current_object())  # type: ignore[attr-defined]

    return call


def _parameters(target: Any) -> tuple[int, bool]:
    """Return how many positional parameters must be given, and whether one takes the request."""
    try:
        signature = inspect.signature(target)
    except (TypeError, ValueError):
        return 0, False
    positional = [
        parameter
        for parameter in signature.parameters.values()
        if parameter.kind in (parameter.POSITIONAL_ONLY, parameter.POSITIONAL_OR_KEYWORD)
    ]
    required = sum(1 for parameter in positional if parameter.default is parameter.empty)
    named = bool(positional) and positional[0].name in ("request", "req")
    return required, required == 1 or (required == 0 and named)


def _failed() -> messages.Response:
    """Log what the function raised; the caller learns no more than that it failed."""
    traceback.print_exc(file=sys.stderr)
    return messages.Response(500, _PLAIN, b"Internal Server Error\n")


def _as_bytes(piece: Any) -> bytes:
    return piece.encode() if isinstance(piece, str) else bytes(piece)


def _kind(target: Any) -> str:
    return "a class" if isinstance(target, type) else f"of type {type(target).__name__}"
