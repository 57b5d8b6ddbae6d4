"""Request ids: taken from the caller or made, passed on to whoever is called meanwhile."""

from __future__ import annotations

import contextvars
from typing import Final

from fission.base import ids

HEADER: Final = "X-Fission-Request-ID"
MAX_LENGTH: Final = 192

_current: contextvars.ContextVar[str] = contextvars.ContextVar("request_id", default="")


def accept(received: str | None, make: ids.IdSource = ids.new_uid) -> str:
    """The caller's id when it is printable and of bearable length, else a fresh one."""
    if received and len(received) <= MAX_LENGTH and received.isascii() and received.isprintable():
        return received
    return make()


def current() -> str:
    """The id of the request that the running task serves; empty outside of requests."""
    return _current.get()


def enter(request_id: str) -> None:
    """Let the running task serve this request."""
    _current.set(request_id)
