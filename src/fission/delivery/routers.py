"""Where the router's internal listener is: a fixed URL, or the ready endpoints of its Service."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Protocol

from fission.base import errors
from fission.contracts import invocation
from fission.kube import peers


class Routers(Protocol):
    """Finds routers."""

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
    """The endpoints of Service ``router-internal``; each call begins at another."""

    def __init__(
        self,
        resolved: peers.Peers,
        platform_namespace: str,
        shuffle: Callable[[list[str]], None] = random.shuffle,
    ) -> None:
        self._peers = resolved
        self._namespace = platform_namespace
        self._shuffle = shuffle
        self._known: list[str] = []

    async def urls(self) -> list[str]:
        """Every ready one, in an order of chance; while the API is away, those last known."""
        try:
            self._known = await self._peers.urls(
                self._namespace, invocation.INTERNAL_SERVICE, invocation.INTERNAL_SOCKET_NAME
            )
        except errors.Error:
            if not self._known:
                raise
        found = list(self._known)
        self._shuffle(found)
        return found

    def forget(self) -> None:
        """Ask the API again next time."""
        self._peers.forget(self._namespace, invocation.INTERNAL_SERVICE)


def make(url: str, resolved: peers.Peers, platform_namespace: str) -> Routers:
    """The URL of the settings where there is one, else what the API says."""
    return Fixed(url) if url else Resolved(resolved, platform_namespace)
