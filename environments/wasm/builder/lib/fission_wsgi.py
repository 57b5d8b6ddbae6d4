"""Serves a WSGI application, `app` of the module `app`, as a handler of `wasi:http`.

Built into the component beside the application; an instance of it answers one request.
"""

import io
import sys
import urllib.parse

import app
from componentize_py_types import Err, Ok
from wit_world import exports
from wit_world.imports import streams
from wit_world.imports.types import (
    Fields,
    IncomingBody,
    Method_Other,
    OutgoingBody,
    OutgoingResponse,
    ResponseOutparam,
)

PIECE = 64 * 1024
WRITE = 4096
"""What a stream takes at once, whatever it is."""


class IncomingHandler(exports.IncomingHandler):
    """Calls the application."""

    def handle(self, request, response_out):
        started = []

        def start_response(status, headers, exc_info=None):
            started[:] = [int(status.split()[0]), headers]
            return early.append

        early = []
        result = app.app(make_environ(request), start_response)
        try:
            pieces = list(result)
        finally:
            if hasattr(result, "close"):
                result.close()
        status, headers = started
        send(response_out, status, headers, b"".join([*early, *pieces]))


def make_environ(request):
    """The request as PEP 3333 has it."""
    method = request.method()
    path, _, query = (request.path_with_query() or "/").partition("?")
    body = read(request)
    environ = {
        "REQUEST_METHOD": method.value if isinstance(method, Method_Other) else name_of(method),
        "SCRIPT_NAME": "",
        "PATH_INFO": urllib.parse.unquote(path, "latin-1"),
        "QUERY_STRING": query,
        "SERVER_NAME": request.authority() or "localhost",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "CONTENT_LENGTH": str(len(body)),
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(body),
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": False,
        "wsgi.multiprocess": True,
        "wsgi.run_once": True,
    }
    for name, value in request.headers().entries():
        key = name.upper().replace("-", "_")
        if key == "CONTENT_LENGTH":
            continue  # the body's, which is whole
        if key != "CONTENT_TYPE":
            key = f"HTTP_{key}"
        if key in environ and key.startswith("HTTP_"):
            environ[key] += ("; " if key == "HTTP_COOKIE" else ", ") + value.decode("latin-1")
        else:
            environ[key] = value.decode("latin-1")
    return environ


def name_of(method):
    """`Method_Get` is a GET."""
    return type(method).__name__.removeprefix("Method_").upper()


def read(request):
    """The whole body."""
    body = request.consume()
    pieces = []
    with body.stream() as stream:
        while True:
            try:
                pieces.append(stream.blocking_read(PIECE))
            except Err as end:
                if not isinstance(end.value, streams.StreamError_Closed):
                    raise
                break
    IncomingBody.finish(body)
    return b"".join(pieces)


def send(response_out, status, headers, content):
    """Answer."""
    fields = [(name.lower(), value.encode("latin-1")) for name, value in headers]
    response = OutgoingResponse(Fields.from_list(fields))
    response.set_status_code(status)
    body = response.body()
    ResponseOutparam.set(response_out, Ok(response))
    with body.write() as stream:
        for start in range(0, len(content), WRITE):
            stream.blocking_write_and_flush(content[start : start + WRITE])
    OutgoingBody.finish(body, None)
