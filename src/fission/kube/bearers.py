"""Where the ``Authorization`` header comes from: nothing, a fixed value, a file.

A projected token is replaced on disk before it ends, so a file is read again after a minute and
whenever the server says 401. Programs that print tokens are in ``execplugin``.
"""

from __future__ import annotations

import logging
from typing import Protocol

from fission.base import clock as clocks
from fission.kube import errors

logger = logging.getLogger(__name__)

REREAD_SECONDS = 60.0
"""How long a token read from a file is used; client-go's period."""


class Bearer(Protocol):
    """A source of the ``Authorization`` header."""

    async def header(self, *, refresh: bool = False) -> str | None:
        """Return the header's value; ``refresh`` says that the last one was refused."""
        ...


class Fixed:
    """A value that never changes; None sends no header."""

    def __init__(self, value: str | None = None) -> None:
        self._value = value

    async def header(self, *, refresh: bool = False) -> str | None:
        return self._value


NO_BEARER = Fixed()


class TokenFile:
    """A token in a file that somebody else renews."""

    def __init__(self, path: str, clock: clocks.Clock | None = None) -> None:
        self._path = path
        self._clock = clock or clocks.SystemClock()
        self._value: str | None = None
        self._read_at = 0.0

    async def header(self, *, refresh: bool = False) -> str | None:
        age = self._clock.monotonic() - self._read_at
        if self._value is None or refresh or age > REREAD_SECONDS:
            self._value = self._read()
            self._read_at = self._clock.monotonic()
        return self._value

    def _read(self) -> str:
        try:
            with open(self._path) as file:
                token = file.read().strip()
        except OSError as error:
            if self._value is not None:
                logger.warning("token file was not readable", extra={"path": self._path})
                return self._value
            raise errors.BadCredentials(
                f"token file {self._path} cannot be read: {error.strerror or error}"
            ) from error
        return f"Bearer {token}"
