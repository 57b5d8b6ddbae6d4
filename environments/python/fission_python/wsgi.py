"""WSGI (PEP 3333) on top of the lean server, and Flask as one more thing that takes an environ.

Everything here runs in a worker thread: a slow function holds its thread and nothing else.
"""

from __future__ import annotations

import contextlib
import errno
import io
import sys
import tempfile
import urllib.parse
from collections.abc import Callable, Iterable, Iterator
from typing import IO, Any

from fission_http import messages

SPOOL_BYTES = 1 << 20
"""A request body up to this size stays in memory, a larger one goes to a temporary file."""

MAX_BODY_BYTES = 1 << 30
"""Largest request body. The router in front has a lower limit of its own."""

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)

StartResponse = Callable[..., Callable[[bytes], object]]


class BodyTooLarge(Exception):
    """The request's body has no room here."""


async def read_body(request: messages.Request) -> IO[bytes]:
    """Take in the whole body: WSGI reads synchronously, and a thread must not wait for a peer.

    Raises BodyTooLarge beyond MAX_BODY_BYTES, and when the pod's temporary files are full.
    """
    length = request.body_length
    if length is not None and length <= SPOOL_BYTES:
        return io.BytesIO(await request.read(SPOOL_BYTES))
    spool = tempfile.SpooledTemporaryFile(max_size=SPOOL_BYTES)  # noqa: SIM115 - closed by the call
    try:
        await _spool(request, spool)
    except BaseException:
        with contextlib.suppress(OSError):  # closing writes what is left, into a full disk
            spool.close()
        raise
    spool.seek(0)
    return spool


async def _spool(request: messages.Request, spool: IO[bytes]) -> None:
    taken = 0
    try:
        async for piece in request.iter_bytes():
            taken += len(piece)
            if taken > MAX_BODY_BYTES:
                raise BodyTooLarge(f"the request body is larger than {MAX_BODY_BYTES} bytes")
            spool.write(piece)
        spool.flush()
    except OSError as error:
        if error.errno not in _FULL:
            raise
        raise BodyTooLarge(
            f"the request body does not fit into this pod's temporary files: {taken} bytes came"
        ) from error


def make_environ(request: messages.Request, body: IO[bytes]) -> dict[str, Any]:
    """Return the WSGI environ of a request."""
    server = request.server or ("127.0.0.1", 80)
    client = request.client or ("127.0.0.1", 0)
    environ: dict[str, Any] = {
        "REQUEST_METHOD": request.method,
        "SCRIPT_NAME": "",
        "PATH_INFO": urllib.parse.unquote_to_bytes(request.path).decode("latin-1"),
        "QUERY_STRING": request.query,
        "REQUEST_URI": request.target,
        "RAW_URI": request.target,
        "SERVER_NAME": str(server[0]),
        "SERVER_PORT": str(server[1]),
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": str(client[0]),
        "REMOTE_PORT": str(client[1]),
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": body,
        "wsgi.input_terminated": True,
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }
    for name, value in request.headers:
        key = name.upper().replace("-", "_")
        if key not in ("CONTENT_TYPE", "CONTENT_LENGTH"):
            key = "HTTP_" + key
        environ[key] = f"{environ[key]},{value}" if key in environ else value
    return environ


class Answer:
    """What a WSGI application answered: status and headers at once, the body piece by piece."""

    def __init__(
        self, status: int, headers: list[tuple[str, str]], pieces: Iterable[bytes]
    ) -> None:
        self.status = status
        self.headers = headers
        self._pieces = pieces
        self._iterator: Iterator[bytes] = iter(pieces)

    def whole(self) -> bytes | None:
        """Return the body when it is there already: a list or tuple of pieces, not a stream."""
        if isinstance(self._pieces, list | tuple):
            return b"".join(self._pieces)
        return None

    def next_piece(self) -> bytes | None:
        """Return the next non-empty piece, None at the end."""
        for piece in self._iterator:
            if piece:
                return piece
        return None

    def close(self) -> None:
        """Tell the application that its answer was sent or is not wanted any more."""
        close = getattr(self._pieces, "close", None)
        if close is not None:
            close()


def call(application: Any, environ: dict[str, Any]) -> Answer:
    """Call a WSGI application and return its answer once the status is known."""
    head: list[tuple[str, list[tuple[str, str]]]] = []
    written: list[bytes] = []

    def start_response(
        status: str, headers: list[tuple[str, str]], exc_info: Any = None
    ) -> Callable[[bytes], object]:
        if head and exc_info is None:
            raise AssertionError("start_response was called twice")
        head[:] = [(status, headers)]
        return written.append

    pieces = application(environ, start_response)
    first: bytes | None = None
    if not head:  # an application written as a generator starts with its first piece
        iterator = iter(pieces)
        first = next(iterator, b"")
        pieces = _Rest(pieces, iterator)
    if not head:
        raise AssertionError("the application did not call start_response")
    status, headers = head[0]
    if written or first is not None:
        pieces = _Rest(pieces, _chain([*written, first or b""], pieces))
    return Answer(int(status.split(" ", 1)[0]), list(headers), pieces)


class _Rest:
    """What is left of an iterable that was begun; closing it closes the original."""

    def __init__(self, original: Any, iterator: Iterator[bytes]) -> None:
        self._original = original
        self._iterator = iterator

    def __iter__(self) -> Iterator[bytes]:
        return self._iterator

    def close(self) -> None:
        close = getattr(self._original, "close", None)
        if close is not None:
            close()


def _chain(first: list[bytes], rest: Iterable[bytes]) -> Iterator[bytes]:
    yield from first
    yield from rest
