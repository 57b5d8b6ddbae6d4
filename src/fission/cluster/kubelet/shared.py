"""One process of the node that serves one container of every pod (an image with `shared: node`).

The kubelet tells it of each container over a sequenced-packet socket: `add` with arguments,
environment, volumes and the listening sockets, `remove` when the pod ends. If the process dies it
is started again and told of everything anew; the kubelet keeps copies of these sockets (it is
platform code), so connections wait meanwhile. After the kubelet's own death both ends of the
control socket are still held by the spawner: the next kubelet goes on where this one stopped.
A container that cannot go on is reported by the process, `ended` with code and message, as if a
process of its own had exited.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import socket
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fission.cluster.kubelet import environment, errors, images, logs, spawners
from fission.cluster.kubelet.zygote import client, messages, wire

log = logging.getLogger(__name__)

ANSWER_SECONDS = 10.0
FIRST_RESTART_SECONDS = 0.1
LONGEST_RESTART_SECONDS = 10.0
STEADY_SECONDS = 30.0
SOCKET_NAMES = ("shared-control", "shared-control-kubelet")
CONTROL_DESCRIPTOR = 3
"""The first handed-over descriptor."""


@dataclass(frozen=True)
class Member:
    """One pod's container, as the shared process is told of it."""

    id: str
    args: tuple[str, ...]
    env: Mapping[str, str]
    volumes: Mapping[str, str]
    socket_names: tuple[str, ...]
    descriptors: tuple[int, ...]
    """Owned by the member: kept for a restart of the process."""

    def message(self) -> dict[str, Any]:
        return {
            "op": "add",
            "id": self.id,
            "args": list(self.args),
            "env": dict(self.env),
            "volumes": dict(self.volumes),
            "sockets": list(self.socket_names),
        }


class SharedProcess:
    """The node's one process of an image."""

    def __init__(
        self,
        image: images.Image,
        pool: spawners.Spawners,
        log_path: Path,
        variables: Mapping[str, str],
        on_forgotten: Callable[[str], None],
        on_ended: Callable[[str, int, str], None],
    ) -> None:
        """`on_forgotten` is told of containers that a fresh process cannot be told of here,
        `on_ended` of those that cannot go on, with code and message.
        """
        self.log_path = log_path
        self._on_forgotten = on_forgotten
        self._on_ended = on_ended
        self._image = image
        self._spawners = pool
        self._variables = variables
        self._members: dict[str, Member | None] = {}
        """None: served since before this kubelet; what it was told is not known any more."""
        self._control: socket.socket | None = None
        self._answers: dict[str, asyncio.Future[None]] = {}
        self._pump: logs.Pump | None = None
        self._id: str | None = None
        self._pid = 0
        self._starts = 0
        self._started_at = 0.0
        self._delay = FIRST_RESTART_SECONDS
        self._starting = asyncio.Lock()
        self._restarts: set[asyncio.Task[None]] = set()
        self._closed = False

    @property
    def is_running(self) -> bool:
        return self._id is not None

    @property
    def pid(self) -> int | None:
        """The process; None while there is none."""
        return self._pid if self._id is not None else None

    async def add(self, member: Member) -> None:
        """Have a container served; CannotRun when the process does not take it."""
        old = self._members.get(member.id)
        self._members[member.id] = member
        try:
            if await self._ensure():
                await self._ask(member.id, member.message(), member.descriptors)
        except errors.CannotRun:
            if self._members.get(member.id) is member:  # else it was removed and closed meanwhile
                del self._members[member.id]
                _close(member)
            raise
        finally:
            if old is not None:
                _close(old)

    async def remove(self, identifier: str) -> None:
        if identifier not in self._members:
            return
        member = self._members.pop(identifier)
        if member is not None:
            _close(member)
        if self._control is not None:
            with contextlib.suppress(errors.CannotRun):
                await self._ask(identifier, {"op": "remove", "id": identifier}, ())

    def adopt_member(self, identifier: str) -> bool:
        self._members.setdefault(identifier, None)
        return True

    async def adopt(self, found: Mapping[str, messages.ContainerState]) -> None:
        """Go on with the process of an earlier kubelet, if it is still there."""
        prefix = f"shared.{self._image.name.replace('.', '-')}."
        mine = [state for cid, state in found.items() if cid.startswith(prefix)]
        for state in mine:
            number = int(state.id.rsplit(".", 1)[1])
            self._starts = max(self._starts, number)
            one = self._spawners.owner(state.id)
            if one is None:
                continue
            if not state.running or self._id is not None:
                await self._spawners.signal(state.id, 9)
                await self._spawners.acknowledge(state.id)
                continue
            try:
                pipes, kept = await one.recover(state.id)
            except client.SpawnerError as error:
                log.error("shared process was not recovered: %s", error)
                continue
            self._pump = logs.Pump(self.log_path, pipes[0], pipes[1], time.time_ns)
            theirs, ours = kept[0], kept[1]
            os.close(theirs)
            self._listen(socket.socket(fileno=ours))
            self._id, self._pid = state.id, state.pid
            self._started_at = time.monotonic()
            log.info("adopted shared process", extra={"image": self._image.name, "pid": state.pid})

    async def _ensure(self) -> bool:
        """Have the process run; False when starting it has already told it of every member."""
        async with self._starting:
            if self._id is not None:
                return True
            await self._start()
            return False

    async def _start(self) -> None:
        self._starts += 1
        identifier = f"shared.{self._image.name.replace('.', '-')}.{self._starts}"
        env = {
            "PATH": environment.PATH,
            **self._variables,
            **self._image.env,
            "SHARED_CONTROL_FD": str(CONTROL_DESCRIPTOR),
        }
        spec = messages.ContainerSpec(
            id=identifier,
            argv=[] if self._image.entry else list(self._image.command),
            entry=self._image.entry,
            env=env,
            cwd=self._image.working_dir,
            confinement=messages.Confinement(mode="none", outbound="open"),
            socket_names=SOCKET_NAMES,
            image_root=self._image.root,
            hold_sockets=True,
        )
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        try:
            with theirs:
                for end in (ours, theirs):
                    wire.prepare(end)
                one = await self._spawners.get(self._image)
                self._spawners.own(identifier, one)
                state, (stdout, stderr) = await one.start(spec, [theirs.fileno(), ours.fileno()])
        except (client.SpawnerError, ValueError, errors.CannotRun) as error:
            ours.close()
            await self._spawners.acknowledge(identifier)
            raise errors.CannotRun(f"shared process of {self._image.name}: {error}") from error
        self._pump = logs.Pump(self.log_path, stdout, stderr, time.time_ns)
        self._id, self._pid = identifier, state.pid
        self._started_at = time.monotonic()
        self._listen(ours)
        for member in list(self._members.values()):
            if member is not None:
                await self._ask(member.id, member.message(), member.descriptors)

    def _listen(self, control: socket.socket) -> None:
        control.setblocking(False)
        self._control = control
        asyncio.get_running_loop().add_reader(control, self._readable)

    def _readable(self) -> None:
        while self._control is not None:
            try:
                packet = wire.receive(self._control)
            except BlockingIOError:
                return
            except (OSError, ValueError):
                return
            if packet is None:
                self._leave_control()
                return
            message, descriptors = packet
            wire.close_all(descriptors)
            if message.get("op") == "ended":
                self._member_ended(message)
                continue
            waiter = self._answers.pop(f"{message.get('op')}:{message.get('id')}", None)
            if waiter is None and message.get("op") == "failed":
                waiter = self._answers.pop(f"added:{message.get('id')}", None)
            if waiter is None or waiter.done():
                continue
            if message.get("op") == "failed":
                waiter.set_exception(errors.CannotRun(str(message.get("error"))))
            else:
                waiter.set_result(None)

    def _member_ended(self, message: dict[str, Any]) -> None:
        identifier = str(message.get("id"))
        if identifier not in self._members:
            return
        member = self._members.pop(identifier)
        if member is not None:
            _close(member)
        self._on_ended(identifier, int(message.get("code") or 1), str(message.get("message") or ""))

    async def _ask(
        self, identifier: str, message: dict[str, Any], descriptors: tuple[int, ...]
    ) -> None:
        if self._control is None:
            raise errors.CannotRun(f"the shared process of {self._image.name} is not running")
        answer = "added" if message["op"] == "add" else "removed"
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._answers[f"{answer}:{identifier}"] = waiter
        try:
            wire.send(self._control, message, list(descriptors))
            async with asyncio.timeout(ANSWER_SECONDS):
                await waiter
        except (OSError, TimeoutError) as error:
            raise errors.CannotRun(
                f"the shared process of {self._image.name} did not answer {message['op']}: "
                f"{json.dumps(str(error))}"
            ) from error
        finally:
            self._answers.pop(f"{answer}:{identifier}", None)

    def take_exit(self, state: messages.ContainerState) -> bool:
        if state.id != self._id:
            return False
        log.error(
            "shared process ended",
            extra={"image": self._image.name, "exit_code": state.exit_code, "signal": state.signal},
        )
        self._id = None
        self._leave_control()
        if self._pump is not None:
            self._pump.finish()
            self._pump = None
        steady = time.monotonic() - self._started_at >= STEADY_SECONDS
        self._delay = (
            FIRST_RESTART_SECONDS if steady else min(LONGEST_RESTART_SECONDS, self._delay * 2)
        )
        for member in [member for member, known in self._members.items() if known is None]:
            del self._members[member]
            self._on_forgotten(member)
        task = asyncio.get_running_loop().create_task(self._again(state.id, steady))
        self._restarts.add(task)
        task.add_done_callback(self._restarts.discard)
        return True

    async def _again(self, ended: str, steady: bool) -> None:
        await self._spawners.acknowledge(ended)
        wait = 0.0 if steady or self._starts <= 1 else self._delay
        while not self._closed:
            await asyncio.sleep(wait)
            if not self._members or self._id is not None:
                return
            try:
                await self._ensure()
            except errors.CannotRun as error:
                log.error("shared process was not started again: %s", error)
                self._delay = wait = min(LONGEST_RESTART_SECONDS, self._delay * 2)
            else:
                return

    def _leave_control(self) -> None:
        if self._control is not None:
            asyncio.get_running_loop().remove_reader(self._control)
            self._control.close()
            self._control = None
        for waiter in self._answers.values():
            if not waiter.done():
                waiter.set_exception(errors.CannotRun("the shared process ended"))
        self._answers.clear()

    async def close(self) -> None:
        """Leave it running."""
        self._closed = True
        for task in list(self._restarts):
            task.cancel()
        self._leave_control()
        if self._pump is not None:
            self._pump.close()
        for member in self._members.values():
            if member is not None:
                _close(member)
        self._members.clear()


def _close(member: Member) -> None:
    for fd in member.descriptors:
        with contextlib.suppress(OSError):
            os.close(fd)
