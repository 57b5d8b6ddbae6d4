"""One fetcher for the pods of a node: pods are added and removed over a control socket.

Messages are JSON datagrams (SEQPACKET) with descriptors beside them:

====================================================================  =========================
``{"op":"add","id",…,"args","env","volumes","sockets"}`` + sockets    ``{"op":"added","id"}``
``{"op":"remove","id"}``                                              ``{"op":"removed","id"}``
====================================================================  =========================

What fails is answered ``{"op":"failed","id","error"}``. A pod that cannot go on by itself, as a
process would exit, is removed and reported unasked: ``{"op":"ended","id","code","message"}``.
Adding a pod that is there replaces it: whoever holds the other end does so after it was restarted.
The other end closing is the end of this process; whoever restarts it adds every pod again, and
claims are read back from the pods' volumes. What is said of one pod is done in order; pods do not
wait for one another, and one's failure never touches another's: a pod that is removed in the middle
of a large archive takes its time alone.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import json
import logging
import os
import socket
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from fission.base import errors

logger = logging.getLogger(__name__)

CONTROL_VARIABLE: Final = "SHARED_CONTROL_FD"
MAX_MESSAGE_BYTES: Final = 1 << 20
"""An environment and arguments with a specialize request in them."""
MAX_DESCRIPTORS: Final = 16
MAX_CAUSE_BYTES: Final = 4096
"""What Kubernetes keeps of a termination message."""


@dataclass(frozen=True)
class Addition:
    """A pod's container, as it would have been started as a process."""

    id: str
    args: list[str]
    env: dict[str, str]
    sockets: dict[str, list[socket.socket]] = field(default_factory=dict)


class Running(Protocol):
    """A pod that is being served."""

    async def aclose(self) -> None: ...


OnEnd = Callable[[str], None]
"""Called once, with the cause, by a pod that cannot go on."""
Start = Callable[[Addition, OnEnd], Awaitable[Running]]


def cut(text: str, limit: int) -> str:
    """The end of a text, in at most so many bytes: of a traceback what happened."""
    data = text.strip().encode()
    if len(data) <= limit:
        return data.decode()
    return "…" + data[3 - limit :].decode(errors="ignore")


def control_socket(env: Mapping[str, str]) -> socket.socket | None:
    """The control socket that was handed over, if this process serves a node."""
    number = env.get(CONTROL_VARIABLE)
    if not number:
        return None
    if not number.isdigit():
        raise errors.SettingsError(f"{CONTROL_VARIABLE}: {number!r} is not a descriptor")
    return socket.socket(fileno=int(number))


class Node:
    """The pods of this node."""

    def __init__(self, control: socket.socket, start: Start) -> None:
        self._control = control
        self._start = start
        self._pods: dict[str, Running] = {}
        self._markers: dict[str, object] = {}
        """Tells the addition that serves a pod now from those before it."""
        self._turns: dict[str, asyncio.Task[None]] = {}
        """The last message for each pod that is not done with yet."""
        self._sending = asyncio.Lock()

    async def run(self) -> None:
        """Serve until the other end closes."""
        self._control.setblocking(False)
        try:
            while True:
                data, descriptors = await self._receive()
                if not data:
                    logger.info("control socket closed")
                    return
                self._take(data, descriptors)
        finally:
            turns = list(self._turns.values())
            for turn in turns:
                turn.cancel()
            await asyncio.gather(*turns, return_exceptions=True)
            await asyncio.gather(*(running.aclose() for running in self._pods.values()))
            self._pods.clear()

    def _take(self, data: bytes, descriptors: list[int]) -> None:
        """Have a message handled after those before it that are about the same pod."""
        sockets = [socket.socket(fileno=descriptor) for descriptor in descriptors]
        try:
            message = json.loads(data)
            pod_id = str(message["id"])
        except (ValueError, KeyError, TypeError):
            message, pod_id = {}, ""
        before = self._turns.get(pod_id)
        turn = asyncio.ensure_future(self._handle_after(before, pod_id, message, sockets))
        self._turns[pod_id] = turn
        turn.add_done_callback(lambda done: self._done(pod_id, done))

    def _done(self, pod_id: str, turn: asyncio.Task[None]) -> None:
        if self._turns.get(pod_id) is turn:
            del self._turns[pod_id]

    async def _handle_after(
        self,
        before: asyncio.Task[None] | None,
        pod_id: str,
        message: dict[str, Any],
        sockets: list[socket.socket],
    ) -> None:
        if before is not None:
            await asyncio.wait([before])
        reply = await self._handle(pod_id, message, sockets)
        with contextlib.suppress(OSError):  # the other end is gone, which ends this process anyway
            await self._reply(reply)

    def _ended(self, pod_id: str, marker: object, cause: str) -> None:
        """Take a pod away that cannot go on, unless it has been replaced meanwhile."""
        before = self._turns.get(pod_id)
        turn = asyncio.ensure_future(self._end_after(before, pod_id, marker, cause))
        self._turns[pod_id] = turn
        turn.add_done_callback(lambda done: self._done(pod_id, done))

    async def _end_after(
        self, before: asyncio.Task[None] | None, pod_id: str, marker: object, cause: str
    ) -> None:
        if before is not None:
            await asyncio.wait([before])
        if self._markers.get(pod_id) is not marker:
            return
        await self._remove(pod_id)
        with contextlib.suppress(OSError):
            message = cut(cause, MAX_CAUSE_BYTES)
            await self._reply({"op": "ended", "id": pod_id, "code": 1, "message": message})

    async def _handle(
        self, pod_id: str, message: dict[str, Any], sockets: list[socket.socket]
    ) -> dict[str, Any]:
        try:
            operation = message["op"]
            if operation == "add":
                await self._remove(pod_id)
                marker = self._markers[pod_id] = object()
                self._pods[pod_id] = await self._start(
                    _addition(message, sockets),
                    functools.partial(self._ended, pod_id, marker),
                )
                sockets = []
                return {"op": "added", "id": pod_id}
            if operation == "remove":
                await self._remove(pod_id)
                return {"op": "removed", "id": pod_id}
            raise errors.InvalidInput(f"unknown operation {operation!r}; known: add, remove")
        except (errors.Error, OSError, ValueError, KeyError, TypeError) as error:
            logger.exception("control message failed", extra={"pod": pod_id})
            return {"op": "failed", "id": pod_id, "error": str(error)}
        finally:
            for handed in sockets:
                handed.close()

    async def _remove(self, pod_id: str) -> None:
        self._markers.pop(pod_id, None)
        running = self._pods.pop(pod_id, None)
        if running is not None:
            await running.aclose()

    async def _receive(self) -> tuple[bytes, list[int]]:
        while True:
            try:
                data, descriptors, flags, _ = socket.recv_fds(
                    self._control, MAX_MESSAGE_BYTES, MAX_DESCRIPTORS
                )
            except BlockingIOError:
                await _readable(self._control)
                continue
            except ConnectionResetError:
                return b"", []
            if flags & (socket.MSG_TRUNC | socket.MSG_CTRUNC):
                for descriptor in descriptors:
                    os.close(descriptor)
                raise errors.InvalidInput("a control message was cut off")
            return data, list(descriptors)

    async def _reply(self, message: dict[str, Any]) -> None:
        loop = asyncio.get_running_loop()
        async with self._sending:
            await loop.sock_sendall(self._control, json.dumps(message).encode())


def _addition(message: dict[str, Any], handed: list[socket.socket]) -> Addition:
    names = [str(name) for name in message.get("sockets") or ()]
    if len(names) != len(handed):
        raise errors.InvalidInput(f"{len(names)} sockets named, {len(handed)} handed over")
    sockets: dict[str, list[socket.socket]] = {}
    for name, each in zip(names, handed, strict=True):
        sockets.setdefault(name, []).append(each)
    env = {str(name): str(value) for name, value in (message.get("env") or {}).items()}
    volumes = message.get("volumes")
    if volumes:
        env["POD_VOLUME_PATHS"] = json.dumps(volumes)
    args = [str(arg) for arg in message.get("args") or ()]
    return Addition(str(message["id"]), args, env, sockets)


async def _readable(watched: socket.socket) -> None:
    loop = asyncio.get_running_loop()
    ready: asyncio.Future[None] = loop.create_future()
    loop.add_reader(watched, _finish, ready)
    try:
        await ready
    finally:
        loop.remove_reader(watched)


def _finish(ready: asyncio.Future[None]) -> None:
    if not ready.done():
        ready.set_result(None)
