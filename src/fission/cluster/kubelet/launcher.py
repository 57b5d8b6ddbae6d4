"""From one container of one pod's spec to a running process, and the process's later fate.

`Launcher` gathers what a start needs (image, environment, mounts, sockets, limits), asks the right
spawner, and connects the output to its log file. It keeps the containers that run, by id. It
decides nothing about when to start or stop: that is `podstate`'s.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import socket
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fission.cluster.kubelet import (
    addresses,
    admission,
    binding,
    environment,
    errors,
    hostsockets,
    images,
    logs,
    mounts,
    outbound,
    paths,
    preparing,
    records,
    shared,
    spawners,
    users,
)
from fission.cluster.kubelet.zygote import client, messages
from fission.meta import quantity

log = logging.getLogger(__name__)

Obj = dict[str, Any]

PRELOAD_ANNOTATION = "kubelet/preload"
"""Comma-separated modules that a pod's zygote imports beside its image's own."""


@dataclass(frozen=True)
class NodeFacts:
    """What every container of this node is told."""

    host_ip: str
    variables: Mapping[str, str]
    """KUBERNETES_SERVICE_HOST and the like."""
    blocked_ports: tuple[messages.PortRange, ...] = ()
    is_root: bool = False
    max_pids: int | None = None
    """Processes and threads that one confined container may have."""


@dataclass
class Running:
    """One process of a container, as long as somebody may ask about it."""

    id: str
    pump: logs.Pump | None
    is_shared: bool = False
    pid: int = 0
    unconfined: tuple[str, ...] = ()
    host_ports: frozenset[tuple[str, int]] | None = None
    """The machine's addresses that it was handed; None when an earlier kubelet handed them."""


@dataclass(frozen=True)
class Request:
    """Everything about one start."""

    pod: Obj
    container: Obj
    attempt: int
    endpoint: addresses.Endpoint
    volumes: Mapping[str, Path]
    secrets: environment.Lookup
    config_maps: environment.Lookup
    sockets: dict[int, socket.socket] = field(default_factory=dict)
    """Already opened ones, by declared port; taken over by the start."""


class Launcher:
    """Starts containers and keeps those that run."""

    def __init__(
        self,
        places: paths.Paths,
        catalog: images.Catalog,
        pool: spawners.Spawners,
        pool_addresses: addresses.Pool,
        host: hostsockets.HostSockets,
        facts: NodeFacts,
    ) -> None:
        self.catalog = catalog
        self._places = places
        self._spawners = pool
        self._addresses = pool_addresses
        self._host = host
        self._facts = facts
        self._running: dict[str, Running] = {}
        self._held: dict[tuple[str, str], str] = {}
        """(pod uid, container) → ended container whose sockets the spawner still keeps."""
        self._preparer = preparing.Preparer(places.image_logs)
        self._shared: dict[str, shared.SharedProcess] = {}
        self.on_forgotten: Callable[[str], None] = lambda member: None
        """Told of `<pod uid>/<container>` that its shared process has to be told of anew."""
        self.on_shared_ended: Callable[[str, int, str], None] = lambda *_: None
        """Told of `<pod uid>/<container>` that its shared process cannot serve: code, message."""

    def is_startable(self, image: images.Image) -> bool:
        """Whether nothing has to be done for the image before its spawner starts."""
        return not images.missing_needs(image) and self._preparer.is_ready(image)

    @property
    def running(self) -> Mapping[str, Running]:
        return self._running

    def unconfined(self, identifiers: Iterable[str]) -> tuple[str, ...]:
        """What this machine does not keep of the confinement of these containers."""
        mine = [self._running[one] for one in identifiers if one in self._running]
        return tuple(dict.fromkeys(sentence for one in mine for sentence in one.unconfined))

    def is_confined(self, pod: Obj) -> bool:
        """Whether any container of the pod runs foreign code. Unknown images count as such."""
        for container in (*(pod["spec"].get("initContainers") or ()), *pod["spec"]["containers"]):
            try:
                if self.catalog.find(container.get("image") or "").confined:
                    return True
            except errors.UnknownImage:
                return True
        return False

    def owner_of(self, pod: Obj, ip: str) -> int | None:
        """The user whose files the pod's volumes are; None for the kubelet's own."""
        if not self._facts.is_root or self._spawners.mode == "none" or not self.is_confined(pod):
            return None
        return users.of_pod(pod, ip)

    def user_of(self, pod: Obj) -> admission.User:
        """Whose rights the pod's processes will have."""
        confined = self._spawners.mode != "none" and self.is_confined(pod)
        if self._facts.is_root and confined:
            return admission.User(None)
        return admission.User(os.getuid(), confined)

    def asked_outbound(self, pod: Obj) -> messages.Outbound:
        """Where the pod may connect to; ContainerConfigError names a wrong annotation."""
        text = (pod["metadata"].get("annotations") or {}).get(outbound.ANNOTATION)
        asked = outbound.parse(text)
        outbound.check(asked, self._facts.blocked_ports)
        return asked

    def declared_ports(self, pod: Obj) -> dict[str, dict[int, str]]:
        """Container → declared ports with the names of their sockets."""
        return binding.ports_of(pod, self._known_image)

    def image_ids(self, pod: Obj) -> dict[str, str]:
        """Image as a container of the pod names it → what this node has under that name."""
        found: dict[str, str] = {}
        for container in (*(pod["spec"].get("initContainers") or ()), *pod["spec"]["containers"]):
            image = self._known_image(container)
            if image is not None:
                found[container["image"]] = image.id
        return found

    def _known_image(self, container: Obj) -> images.Image | None:
        try:
            return self.catalog.find(container.get("image") or "")
        except errors.UnknownImage:
            return None

    # -- starting ---------------------------------------------------------------------------

    async def start(self, request: Request) -> tuple[Running, float]:
        """Start the container; ContainerError says why not. Returns it and its start time."""
        try:
            return await self._start(request)
        finally:
            for sock in request.sockets.values():
                sock.close()

    async def _start(self, request: Request) -> tuple[Running, float]:
        pod, container = request.pod, request.container
        image = self.catalog.find(container.get("image") or "")
        missing = images.missing_needs(image)
        if missing:
            raise errors.MissingNeed(missing)
        await self._preparer.ready(image)
        env = self._environment(request, image)
        uses_entry, argv = environment.arguments(container, image, env)
        volumes = self._mounts(request, image)
        identifier = records.container_id(
            pod["metadata"]["uid"], container["name"], request.attempt
        )
        remapped = not image.confined or self._spawners.mode != "full"
        env |= environment.port_variables(
            request.endpoint.port_map,
            {m.mount_path: m.host_path for m in volumes} if remapped else {},
        )
        if image.listens:
            ((first, last),) = outbound.OWN_PORTS
            env[outbound.OWN_PORTS_VARIABLE] = f"{first}-{last}"
        asked = self.asked_outbound(pod)
        bound = binding.plan(
            image,
            self._spawners.mode,
            asked,
            self.declared_ports(pod).get(container["name"], {}),
            request.endpoint.ip,
            self._addresses.own_port,
        )
        env |= bound.env or {}
        handed = self._host_ports(pod, container["name"], image)
        names, opened = await self._sockets(request, image)
        try:
            if image.shared:
                return await self._start_shared(
                    request, image, identifier, argv, env, volumes, names, opened
                )
            spec = messages.ContainerSpec(
                id=identifier,
                argv=argv,
                entry=image.entry if uses_entry else None,
                env=env,
                cwd=container.get("workingDir") or image.working_dir,
                mounts=tuple(volumes),
                limits=limits_of(container, self._facts.max_pids if image.confined else None),
                confinement=self._confinement(request, image, bound.outbound),
                socket_names=tuple(names),
                image_root=image.root,
                hold_sockets=not image.confined,
                init=image.init,
                relay_ports=bound.relay_ports,
                relay_hosts=bound.relay_hosts,
            )
            preload = (pod["metadata"].get("annotations") or {}).get(PRELOAD_ANNOTATION) or ""
            one = await self._spawners.get(
                image,
                tuple(m.strip() for m in preload.split(",") if m.strip()),
                chosen_outbound=bound.outbound != "default",
            )
            try:
                # Owned before it exists: its end may arrive before this answer does.
                self._spawners.own(identifier, one)
                state, (stdout, stderr) = await one.start(spec, opened)
            except (client.SpawnerError, ValueError) as error:
                await self._spawners.acknowledge(identifier)
                raise errors.CannotRun(str(error)) from error
        finally:
            for fd in opened:
                os.close(fd)
        await self._release_held(request)
        running = Running(
            identifier,
            logs.Pump(self._log_path(request), stdout, stderr, time.time_ns),
            pid=state.pid,
            unconfined=state.confinement,
            host_ports=handed,
        )
        self._running[identifier] = running
        return running, state.started_at or time.time()

    def _host_ports(
        self, pod: Obj, container: str, image: images.Image
    ) -> frozenset[tuple[str, int]]:
        if image.confined or image.shared:
            return frozenset()
        return self._host.addresses_for(pod, self.declared_ports(pod).get(container, {}))

    def lacks_host_port(self, pod: Obj, container: Obj, attempt: int) -> bool:
        """Whether a Service has come to select the container since it was started."""
        identifier = records.container_id(pod["metadata"]["uid"], container["name"], attempt)
        running, image = self._running.get(identifier), self._known_image(container)
        if running is None or running.host_ports is None or image is None:
            return False
        return bool(self._host_ports(pod, container["name"], image) - running.host_ports)

    def _environment(self, request: Request, image: images.Image) -> dict[str, str]:
        return environment.make(
            request.pod,
            request.container,
            image,
            self._facts.variables,
            request.endpoint.ip,
            self._facts.host_ip,
            request.secrets,
            request.config_maps,
        )

    def _mounts(self, request: Request, image: images.Image) -> list[messages.Mount]:
        found = mounts.of_volumes(request.container, request.volumes)
        if not image.confined or self._spawners.mode == "none":
            return found
        uid, name = request.pod["metadata"]["uid"], request.container["name"]
        owner = self.owner_of(request.pod, request.endpoint.ip)
        if self._spawners.mode == "landlock":
            return found + mounts.temporary(self._places.temporary(uid, name), found, owner)
        file = self._places.message(uid, name, request.attempt)
        return found + mounts.message_file(request.container, file, found, owner)

    def _confinement(
        self, request: Request, image: images.Image, asked: messages.Outbound
    ) -> messages.Confinement:
        if not image.confined:
            return messages.Confinement(mode="none", outbound="open")
        name = environment.hostname(request.pod)
        is_user = self._facts.is_root and self._spawners.mode != "none"
        return messages.Confinement(
            mode=self._spawners.mode,
            outbound=asked,
            uid=users.of_pod(request.pod, request.endpoint.ip) if is_user else None,
            hostname=name,
            blocked_ports=self._facts.blocked_ports,
            own_ports=outbound.OWN_PORTS if image.listens else (),
        )

    async def _sockets(self, request: Request, image: images.Image) -> tuple[list[str], list[int]]:
        """Names and descriptors to hand over; the descriptors are the caller's to close."""
        names: list[str] = []
        opened: list[int] = []
        ports = self.declared_ports(request.pod).get(request.container["name"], {})
        kept = await self._recover_held(request)
        for port, name in ports.items():
            key = (request.endpoint.ip, request.endpoint.real(port))
            sock = request.sockets.pop(port, None)
            if sock is None:
                sock = kept.pop(key, None)
            if sock is None:
                try:
                    sock = self._addresses.reopen(request.endpoint, [port])[port]
                except errors.AddressError as error:
                    for fd in opened:
                        os.close(fd)
                    raise errors.CannotRun(str(error)) from error
            names.append(name)
            opened.append(sock.detach())
        for sock in kept.values():
            sock.close()
        if not image.confined:
            for name, fd in self._host.copies_for(request.pod, ports):
                names.append(name)
                opened.append(fd)
        return names, opened

    async def _recover_held(self, request: Request) -> dict[tuple[str, int], socket.socket]:
        """The sockets that the spawner kept of the container's last run, by address."""
        held = self._held.get((request.pod["metadata"]["uid"], request.container["name"]))
        one = self._spawners.owner(held) if held else None
        if held is None or one is None:
            return {}
        try:
            pipes, kept = await one.recover(held)
        except client.SpawnerError:
            return {}
        for fd in pipes:
            os.close(fd)
        found: dict[tuple[str, int], socket.socket] = {}
        for fd in kept:
            sock = socket.socket(fileno=fd)
            host, port = sock.getsockname()[:2]
            found[(host, port)] = sock
        return found

    async def _release_held(self, request: Request) -> None:
        key = (request.pod["metadata"]["uid"], request.container["name"])
        held = self._held.pop(key, None)
        if held is not None:
            await self._spawners.acknowledge(held)

    def _log_path(self, request: Request) -> Path:
        return self.log_path(request.pod, request.container["name"], request.attempt)

    def log_path(self, pod: Obj, container: str, attempt: int) -> Path:
        meta = pod["metadata"]
        folder = self._places.logs(meta["namespace"], meta["name"], meta["uid"], container)
        return folder / f"{attempt}.log"

    # -- shared containers ------------------------------------------------------------------

    async def _start_shared(
        self,
        request: Request,
        image: images.Image,
        identifier: str,
        argv: list[str],
        env: dict[str, str],
        volumes: list[messages.Mount],
        names: list[str],
        opened: list[int],
    ) -> tuple[Running, float]:
        process = self.shared_process(image)
        await process.add(
            shared.Member(
                id=f"{request.pod['metadata']['uid']}/{request.container['name']}",
                args=tuple(argv),
                env=env,
                volumes={m.mount_path: m.host_path for m in volumes},
                socket_names=tuple(names),
                descriptors=tuple(os.dup(fd) for fd in opened),
            )
        )
        path = self._log_path(request)
        file = logs.LogFile(path)
        stamp = logs.timestamp(time.time_ns())
        text = f"served by this node's one process of {image.name}; its output: {process.log_path}"
        file.write(f"{stamp} stdout F {text}\n".encode())
        file.close()
        running = Running(identifier, None, is_shared=True)
        self._running[identifier] = running
        return running, time.time()

    def shared_process(self, image: images.Image) -> shared.SharedProcess:
        process = self._shared.get(image.name)
        if process is None:
            path = self._places.home / "logs" / "shared" / f"{image.name}.log"
            # As systemd's CacheDirectory=: a place of its own that outlives the process.
            cache = self._places.home / "cache" / image.name
            variables = {**self._facts.variables, "CACHE_DIRECTORY": str(cache)}
            process = shared.SharedProcess(
                image,
                self._spawners,
                path,
                variables,
                lambda member: self.on_forgotten(member),
                lambda member, code, message: self.on_shared_ended(member, code, message),
            )
            self._shared[image.name] = process
        return process

    def shared_pids(self) -> dict[str, int]:
        """Image → its one process on this node."""
        found = {name: process.pid for name, process in self._shared.items()}
        return {name: pid for name, pid in found.items() if pid is not None}

    def shared_exit(self, state: messages.ContainerState) -> bool:
        """Tell the shared process whose end this is; False when it is nobody's."""
        return any(process.take_exit(state) for process in self._shared.values())

    async def adopt_shared(self, found: Mapping[str, messages.ContainerState]) -> None:
        """Take over the shared processes of an earlier kubelet."""
        for image in self.catalog.images:
            if image.shared:
                await self.shared_process(image).adopt(found)

    def log_shared_end(self, pod: Obj, container: str, attempt: int, message: str) -> None:
        """The last words of a container without a process, where its log is looked for."""
        file = logs.LogFile(self.log_path(pod, container, attempt))
        stamp = logs.timestamp(time.time_ns())
        for line in message.splitlines():
            file.write(f"{stamp} stderr F {line}\n".encode())
        file.close()

    # -- later fate -------------------------------------------------------------------------

    async def adopt(
        self, pod: Obj, container: str, attempt: int, state: messages.ContainerState
    ) -> Running:
        """Take over a process of an earlier kubelet, with the output that nobody has read."""
        pump: logs.Pump | None = None
        one = self._spawners.owner(state.id)
        if one is not None:
            try:
                (stdout, stderr), kept = await one.recover(state.id)
            except (client.SpawnerError, ValueError) as error:
                log.error("output was not recovered: %s", error, extra={"container": state.id})
            else:
                self._host.keep_recovered(kept)
                pump = logs.Pump(
                    self.log_path(pod, container, attempt), stdout, stderr, time.time_ns
                )
        running = Running(state.id, pump, pid=state.pid, unconfined=state.confinement)
        self._running[state.id] = running
        return running

    def adopt_shared_member(
        self, pod: Obj, container: Obj, attempt: int, image: images.Image
    ) -> bool:
        """Whether the shared process still serves this container."""
        uid = pod["metadata"]["uid"]
        process = self.shared_process(image)
        if not process.is_running or not process.adopt_member(f"{uid}/{container['name']}"):
            return False
        identifier = records.container_id(uid, container["name"], attempt)
        self._running[identifier] = Running(identifier, None, is_shared=True)
        return True

    async def stop(self, pod: Obj, container: Obj, attempt: int, number: int) -> bool:
        """Signal the container; True when it is over already (a shared one just leaves)."""
        identifier = records.container_id(pod["metadata"]["uid"], container["name"], attempt)
        running = self._running.get(identifier)
        if running is None:
            return True
        if running.is_shared:
            image = self.catalog.find(container.get("image") or "")
            await self.shared_process(image).remove(f"{pod['metadata']['uid']}/{container['name']}")
            return True
        await self._spawners.signal(identifier, number)
        return False

    async def run(
        self, pod: Obj, container: str, attempt: int, argv: Sequence[str], timeout_seconds: float
    ) -> int:
        """Run a program in a container, beside its own; its exit code. CannotRun says why not."""
        identifier = records.container_id(pod["metadata"]["uid"], container, attempt)
        one = self._spawners.owner(identifier)
        if one is None:
            raise errors.CannotRun(f"container {container} has no process of its own")
        try:
            return await one.run(identifier, argv, timeout_seconds)
        except (client.SpawnerError, OSError) as error:
            raise errors.CannotRun(str(error)) from error

    async def ended(self, pod: Obj, container: str, attempt: int, *, restarts: bool) -> None:
        """Take the last output; let the spawner forget, unless it keeps sockets for a next run."""
        uid = pod["metadata"]["uid"]
        identifier = records.container_id(uid, container, attempt)
        running = self._running.pop(identifier, None)
        if running is not None and running.pump is not None:
            running.pump.finish()
        if restarts and self._keeps_sockets(pod, container):
            self._held[(uid, container)] = identifier
            return
        await self._spawners.acknowledge(identifier)

    def last_words(self, pod: Obj, container: Obj, attempt: int, *, failed: bool) -> str:
        """The termination message: what the container wrote for it, or its log's end if it failed
        and asked for that.
        """
        uid, name = pod["metadata"]["uid"], container["name"]
        said = mounts.read_message(self._places.message(uid, name, attempt))
        if said or not failed:
            return said
        if container.get("terminationMessagePolicy") != "FallbackToLogsOnError":
            return ""
        return logs.last_words(self.log_path(pod, name, attempt))

    def _keeps_sockets(self, pod: Obj, container: str) -> bool:
        for spec in pod["spec"]["containers"]:
            if spec["name"] == container:
                image = self._known_image(spec)
                return image is not None and not image.confined and not image.shared
        return False

    async def forget(self, pod: Obj) -> None:
        """Release what is kept for a pod that ends."""
        uid = pod["metadata"]["uid"]
        for key in [key for key in self._held if key[0] == uid]:
            await self._spawners.acknowledge(self._held.pop(key))
        for identifier in [i for i in self._running if i.startswith(f"{uid}.")]:
            running = self._running.pop(identifier)
            if running.pump is not None:
                running.pump.finish()
            if not running.is_shared:
                await self._spawners.signal(identifier, signal.SIGKILL)
                await self._spawners.acknowledge(identifier)

    async def close(self) -> None:
        """Stop reading output; processes go on, their pipes are kept by their spawners."""
        for running in self._running.values():
            if running.pump is not None:
                running.pump.close()
        self._running.clear()
        for process in self._shared.values():
            await process.close()
        await asyncio.sleep(0)


def limits_of(container: Obj, max_pids: int | None = None) -> messages.Limits:
    resources = container.get("resources") or {}
    limits, requests = resources.get("limits") or {}, resources.get("requests") or {}
    memory, cpu = limits.get("memory"), limits.get("cpu")
    request = requests.get("cpu")
    return messages.Limits(
        memory_bytes=quantity.whole(memory) if memory else None,
        cpu_millis=quantity.millis(cpu) if cpu else None,
        cpu_request_millis=quantity.millis(request) if request else None,
        max_processes=max_pids,
    )
