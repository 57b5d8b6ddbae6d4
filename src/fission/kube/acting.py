"""A component of which one process acts: all of them serve health and metrics, one works."""

from __future__ import annotations

import abc
import asyncio
import socket
from collections.abc import Mapping, Sequence

from fission.base import clock as clocks
from fission.base import ids, tasks
from fission.kube import client as client_module
from fission.kube import leadership, leases
from fission.web import listen, service

SOCKET_NAME = "http"
PORT = 8888
"""Health and metrics only; a pod of its own, so the port of its neighbours is free."""
INSTANCE_ID_LENGTH = 8


class Acting(abc.ABC):
    """A process of such a component; made inside its event loop."""

    def __init__(
        self,
        component: str,
        client: client_module.Client,
        namespace: str,
        instance_id: str,
        clock: clocks.Clock,
        *,
        is_elected: bool,
        timing: leases.Timing | None = None,
    ) -> None:
        """``is_elected``: there are several; without an election this process is the only."""
        self._ready = asyncio.Event()
        self._is_elected = is_elected
        self._leadership = leadership.Leadership(
            client,
            namespace,
            component,
            instance_id,
            is_elected=is_elected,
            clock=clock,
            timing=timing,
        )
        self.service = service.Service(component, checks={"informers": self._ready.is_set})

    @property
    def is_ready(self) -> bool:
        """It works, or waits for its turn."""
        return self._ready.is_set()

    async def run(self, sockets: Sequence[socket.socket]) -> None:
        """Serve until cancelled."""
        async with tasks.Tasks() as group:
            group.run(self.service.run(sockets), "service")
            group.run(self._lead(), "work")
            await group.wait()

    async def _lead(self) -> None:
        if self._is_elected:
            self._ready.set()  # whoever waits for its turn is ready to take over
        await self._leadership.run(self._work)

    @abc.abstractmethod
    async def _work(self) -> None:
        """Act, from the election to the end; says with ``_ready`` when all is known."""


def new_instance_id() -> str:
    """What tells this process from others of its component."""
    return ids.short_id(INSTANCE_ID_LENGTH)


def sockets(env: Mapping[str, str]) -> Sequence[socket.socket]:
    """Where health and metrics are served."""
    return listen.sockets(env, SOCKET_NAME, PORT)
