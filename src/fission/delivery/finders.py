"""Where a peer of the platform is: a fixed URL, or the ready endpoints of its Service."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Protocol

from fission.base import errors
from fission.kube import peers


class Finder(Protocol):
    """Finds the pods of one Service."""

    async def urls(self) -> list[str]:
        """Base URLs in the order to try them; empty while there is none."""
        ...

    def forget(self) -> None:
        """One of them was not there: look again next time."""
        ...


class Fixed:
    """A URL from the settings."""

    def __init__(self, url: str) -> None:
        self._urls = [url.rstrip("/")]

    async def urls(self) -> list[str]:
        """That URL."""
        return self._urls

    def forget(self) -> None:
        """There is no other."""


class Resolved:
    """The endpoints of a Service; each call begins at another."""

    def __init__(
        self,
        resolved: peers.Peers,
        platform_namespace: str,
        service: str,
        port_name: str,
        shuffle: Callable[[list[str]], None] = random.shuffle,
    ) -> None:
        self._peers = resolved
        self._namespace = platform_namespace
        self._service = service
        self._port_name = port_name
        self._shuffle = shuffle
        self._known: list[str] = []

    async def urls(self) -> list[str]:
        """Every ready one, in an order of chance; while the API is away, those last known."""
        try:
            self._known = await self._peers.urls(self._namespace, self._service, self._port_name)
        except errors.Error:
            if not self._known:
                raise
        found = list(self._known)
        self._shuffle(found)
        return found

    def forget(self) -> None:
        """Ask the API again next time."""
        self._peers.forget(self._namespace, self._service)
