"""The spawner: one process per image that imports once, forks containers and holds what is theirs.

One thread and one ``poll`` loop over its listening socket, the kubelets' connections, a wake-up
pipe for ended children, and one status pipe per child that is not confined yet. Per container it
keeps the state, the log pipes' read ends and, where asked, the sockets, until the end of the
container is acknowledged. Descriptors are plain numbers and sockets are detached in a fork: nothing
that closes itself may exist twice.
"""

import contextlib
import fcntl
import json
import os
import select
import signal
import site
import socket
import sys
import time
from dataclasses import dataclass, field, replace
from typing import Any

from fission.cluster.kubelet.sandbox import cgroups, enter, policy, spaces
from fission.cluster.kubelet.zygote import beside, child, messages, preload, processes, wire

PIPE_BYTES_AS_ROOT = 1024 * 1024
PIPE_BYTES = 256 * 1024
"""What a container may print while no kubelet reads. All pipes of an ordinary user together may
hold 64 MiB (``pipe-user-pages-soft``): this leaves room for 128 containers."""
GROUP_REMOVAL_INTERVAL_SECONDS = 0.5


class Refused(Exception):
    """A request cannot be granted; the message goes to the kubelet."""


@dataclass(frozen=True)
class Options:
    image: messages.ImageLaunch
    mode: messages.Mode
    run_dir: str

    @property
    def effective_mode(self) -> messages.Mode:
        return self.mode if self.image.confined else "none"


@dataclass
class Container:
    """One child, from its fork until it is acknowledged."""

    spec: messages.ContainerSpec
    state: messages.ContainerState
    local_pid: int
    logs: list[int]
    sockets: list[int]
    group: cgroups.Group | None
    preparation: enter.Preparation
    status: int
    """Read end of the pipe on which the child reports; -1 once it has become its container."""
    asked_by: socket.socket | None = None
    number: int = 0
    report: bytes = b""

    @property
    def starting(self) -> bool:
        return self.status >= 0


def run(options: Options, listening: socket.socket, connection: socket.socket) -> int:
    """Set up, serve until told to stop, return the exit code."""
    base = os.path.join(options.run_dir, f"{options.image.name}.root")
    try:
        grounds = _prepare_image(options, base)
    except (OSError, preload.PreloadError, policy.PolicyError, ValueError) as error:
        with contextlib.suppress(OSError):
            wire.send(connection, {"event": "failed", "message": str(error)}, [])
        return 1
    server = Spawner(options, grounds, listening)
    server.add_connection(connection)
    return server.serve()


def _prepare_image(options: Options, base: str) -> enter.Grounds:
    image = options.image
    mode = options.effective_mode
    visible = visible_paths(image)
    if mode == "full":
        with contextlib.suppress(FileExistsError):
            os.mkdir(base, 0o700)  # alone: a home that was removed meanwhile does not come back
    blocked = image.blocked_ports if image.outbound == "default" else None
    grounds = enter.make_grounds(mode, base, visible, blocked, image.own_ports)
    modules = [*image.preload]
    if image.entry is not None:
        modules.append(preload.entry_module(image.entry))
    if os.path.isdir(image.working_dir):
        os.chdir(image.working_dir)
    if mode != "none":
        enter.warm_up(grounds)
    preload.load(modules, image.pythonpath)
    return grounds


def visible_paths(image: messages.ImageLaunch) -> list[str]:
    """What a Python child needs of the host: interpreter, libraries, the image's own folders."""
    paths = [sys.base_prefix, sys.base_exec_prefix, sys.prefix, sys.exec_prefix]
    paths += [*site.getsitepackages(), *image.pythonpath, *image.visible]
    paths += [path for path in sys.path if path not in ("", "/")]
    return [path for path in dict.fromkeys(paths) if os.path.exists(path)]


@dataclass
class Spawner:
    """The table of containers and the loop that serves it."""

    options: Options
    grounds: enter.Grounds
    listening: socket.socket
    containers: dict[str, Container] = field(default_factory=dict)
    connections: dict[int, socket.socket] = field(default_factory=dict)
    stopping: bool = False

    def __post_init__(self) -> None:
        self._poll = select.poll()
        self._space = spaces.ProcessSpace() if self.options.effective_mode == "full" else None
        self._wake_read, self._wake_write = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        self._boot_id = processes.boot_id()
        self._groups_to_remove: list[cgroups.Group] = []
        self._beside: set[int] = set()
        """Processes that run a program in a container; see ``beside``."""
        self.listening.setblocking(False)

    def add_connection(self, connection: socket.socket) -> None:
        connection.setblocking(False)
        wire.prepare(connection)
        self.connections[connection.fileno()] = connection
        self._poll.register(connection.fileno(), select.POLLIN)
        ready = {
            "event": "ready",
            "pid": processes.own_host_pid(),
            "mode": self.options.effective_mode,
            "name": self.options.image.name,
        }
        self._tell(connection, ready)

    def serve(self) -> int:
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.signal(signal.SIGTERM, self._on_terminate)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        signal.set_wakeup_fd(self._wake_write, warn_on_full_buffer=False)
        self._poll.register(self.listening.fileno(), select.POLLIN)
        self._poll.register(self._wake_read, select.POLLIN)
        while not self.stopping:
            waiting = GROUP_REMOVAL_INTERVAL_SECONDS * 1000 if self._groups_to_remove else None
            for descriptor, _ in self._poll.poll(waiting):
                self._serve_one(descriptor)
            self._reap()
            self._remove_groups()
        self._end_all()
        return 0

    def _serve_one(self, descriptor: int) -> None:
        if descriptor == self.listening.fileno():
            with contextlib.suppress(BlockingIOError, ConnectionError):
                self.add_connection(self.listening.accept()[0])
        elif descriptor == self._wake_read:
            with contextlib.suppress(BlockingIOError):
                os.read(self._wake_read, 4096)
        elif descriptor in self.connections:
            self._serve_connection(self.connections[descriptor])
        else:
            for container in list(self.containers.values()):
                if container.status == descriptor:
                    self._read_status(container)

    def _serve_connection(self, connection: socket.socket) -> None:
        try:
            packet = wire.receive(connection)
        except BlockingIOError:
            return
        except ValueError:
            return
        except OSError:
            packet = None
        if packet is None:
            self._drop(connection)
            return
        message, descriptors = packet
        number = message.get("seq", 0)
        try:
            self._answer(connection, number, message, descriptors)
        except (Refused, OSError, policy.PolicyError, KeyError, TypeError, ValueError) as error:
            text = str(error) if not isinstance(error, KeyError) else f"no container {error}"
            reply = {"re": number, "error": text, "refused": message.get("op")}
            self._tell(connection, reply)
        finally:
            wire.close_all(descriptors)

    def _answer(
        self,
        connection: socket.socket,
        number: int,
        message: dict[str, Any],
        descriptors: list[int],
    ) -> None:
        """Serve one request; the descriptors are closed by the caller."""
        operation = message.get("op")
        if operation == "start":
            spec = messages.ContainerSpec.from_dict(message["spec"])
            container = self._start(spec, descriptors)
            container.asked_by = connection
            container.number = number
            return
        reply: dict[str, Any] = {"re": number}
        copies: list[int] = []
        if operation == "list":
            known = [item.state for item in self.containers.values() if not item.starting]
            reply["states"] = [messages.to_dict(state) for state in known]
        elif operation == "recover":
            container = self.containers[message["id"]]
            copies = [*container.logs, *container.sockets]
            reply["logs"] = len(container.logs)
        elif operation == "signal":
            self._signal(self.containers[message["id"]], message["signal"])
        elif operation == "run":
            self._run_beside(self.containers[message["id"]], message, descriptors)
        elif operation == "acknowledge":
            self._forget(self.containers[message["id"]])
        elif operation == "shutdown":
            self.stopping = True
        else:
            raise Refused(f"unknown operation {operation!r}")
        self._tell(connection, reply, copies)

    def _start(self, spec: messages.ContainerSpec, handed: list[int]) -> Container:
        if spec.id in self.containers:
            raise Refused(f"container {spec.id} exists already")
        if len(handed) != len(spec.socket_names) + len(spec.extra_fd_names):
            raise Refused(f"container {spec.id} was handed {len(handed)} descriptors, names differ")
        if spec.entry is None and not spec.argv:
            raise Refused(f"container {spec.id} has neither an entry nor arguments")
        if spec.entry is not None:
            preload.entry_module(spec.entry)
        preparation = enter.prepare(
            self.grounds,
            spec.id.replace("/", "_"),
            spec.confinement,
            spec.limits,
            spec.mounts,
            spec.image_root,
        )
        opened: list[int] = []
        try:
            return self._fork(spec, handed, preparation, opened)
        except BaseException:
            wire.close_all(opened)
            if preparation.group is not None:
                preparation.group.remove()
            raise

    def _fork(
        self,
        spec: messages.ContainerSpec,
        handed: list[int],
        preparation: enter.Preparation,
        opened: list[int],
    ) -> Container:
        """Fork the child; ``opened`` lists what is to be closed if that fails."""
        stdout = _log_pipe(opened)
        stderr = _log_pipe(opened)
        status = os.pipe2(os.O_CLOEXEC)
        opened.extend(status)
        birth = child.Birth(
            spec, preparation, stdout[1], stderr[1], status[1], tuple(handed), os.getpid()
        )
        sys.stdout.flush()
        sys.stderr.flush()
        pid = self._space.fork() if self._space is not None else os.fork()
        if pid == 0:
            self._let_go()
            child.run(birth)
        opened.clear()
        wire.close_all([stdout[1], stderr[1], status[1]])
        container = Container(
            spec=spec,
            state=processes.describe(pid, spec.id, self._boot_id, preparation.notes),
            local_pid=pid,
            logs=[stdout[0], stderr[0]],
            sockets=_duplicates(handed[: len(spec.socket_names)]) if spec.hold_sockets else [],
            group=preparation.group,
            preparation=preparation,
            status=status[0],
        )
        os.set_blocking(status[0], False)
        self._poll.register(status[0], select.POLLIN)
        self.containers[spec.id] = container
        return container

    def _let_go(self) -> None:
        """In a child: objects of the spawner must not close numbers that are others' soon."""
        self.listening.detach()
        for connection in self.connections.values():
            connection.detach()

    def _read_status(self, container: Container) -> None:
        """Take in what a starting child says; at the end of it, answer the kubelet."""
        with contextlib.suppress(BlockingIOError):
            while True:
                piece = os.read(container.status, 65536)
                container.report += piece
                if not piece:
                    self._started(container)
                    return

    def _started(self, container: Container) -> None:
        self._poll.unregister(container.status)
        os.close(container.status)
        container.status = -1
        lines = [json.loads(line) for line in container.report.splitlines()]
        errors = [line["error"] for line in lines if "error" in line]
        connection, container.asked_by = container.asked_by, None
        reply: dict[str, Any] = {"re": container.number}
        copies: list[int] = []
        if lines and not errors:
            reply["state"] = messages.to_dict(container.state)
            copies = container.logs
        else:
            reply["error"] = (
                errors[0] if errors else "the process ended while it was being confined"
            )
            reply["refused"] = "start"
            self._abandon(container)
        if connection is not None:
            self._tell(connection, reply, copies)

    def _abandon(self, container: Container) -> None:
        """A child that never became its container leaves no trace."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(container.local_pid, signal.SIGKILL)
        with contextlib.suppress(ChildProcessError):
            os.waitpid(container.local_pid, 0)
        self._release(container)

    def _signal(self, container: Container, number: int) -> None:
        """The child is ours and not reaped while it runs: its pid cannot be another's."""
        if container.state.running:
            os.kill(container.local_pid, number)

    def _run_beside(
        self, container: Container, message: dict[str, Any], descriptors: list[int]
    ) -> None:
        """Run a program in the container; its exit code goes to the descriptor that came along."""
        if not container.state.running or container.starting:
            raise Refused(f"container {container.spec.id} does not run")
        if len(descriptors) != 1 or not message["argv"]:
            raise Refused(f"container {container.spec.id}: nothing to run, or nowhere to tell")
        order = beside.Order(
            container.spec,
            container.preparation,
            container.local_pid,
            [str(word) for word in message["argv"]],
            float(message["timeoutSeconds"]),
            descriptors[0],
        )
        pid = os.fork()
        if pid == 0:
            self._let_go()
            beside.run(order)
        self._beside.add(pid)

    def _forget(self, container: Container) -> None:
        if container.state.running:
            raise Refused(f"container {container.spec.id} still runs")
        self._release(container)

    def _release(self, container: Container) -> None:
        wire.close_all([*container.logs, *container.sockets])
        del self.containers[container.spec.id]
        if container.group is not None:
            self._groups_to_remove.append(container.group)
            container.group = None

    def _reap(self) -> None:
        """Collect ended children; what a dead container left behind is ended and collected too."""
        while True:
            try:
                found = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
            except ChildProcessError:
                return
            if found is None:
                return
            container = self._by_pid(found.si_pid)
            if container is not None and container.starting:
                self._read_status(container)
                if container.starting:
                    return  # a descendant still has the status pipe; its end wakes us
                container = self._by_pid(found.si_pid)
                if container is None:
                    continue  # abandoned, and collected there
            _, status = os.waitpid(found.si_pid, 0)
            self._beside.discard(found.si_pid)
            self._end_orphans()
            if container is not None:
                self._ended(container, os.waitstatus_to_exitcode(status))

    def _ended(self, container: Container, code: int) -> None:
        group = container.group
        container.state = replace(
            container.state,
            exit_code=code if code >= 0 else None,
            signal=-code if code < 0 else None,
            # An init above the program ends with the signal's number instead of the signal.
            oom=code in (-signal.SIGKILL, 128 + signal.SIGKILL)
            and group is not None
            and group.was_out_of_memory(),
            finished_at=time.time(),
        )
        if group is not None:
            self._groups_to_remove.append(group)
            container.group = None
        for connection in list(self.connections.values()):
            self._tell(connection, {"event": "exit", "state": messages.to_dict(container.state)})

    def _by_pid(self, pid: int) -> Container | None:
        for container in self.containers.values():
            if container.local_pid == pid and container.state.running:
                return container
        return None

    def _end_orphans(self) -> None:
        """Kill adopted processes: a living container adopts its own, so these have none.

        A pid namespace does this by itself; without one, this process is the subreaper.
        """
        if self._space is not None:
            return
        known = {item.local_pid for item in self.containers.values() if item.state.running}
        known |= self._beside
        for pid in processes.own_children():
            if pid not in known:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)

    def _remove_groups(self) -> None:
        self._groups_to_remove = [group for group in self._groups_to_remove if not group.remove()]

    def _tell(
        self, connection: socket.socket, message: dict[str, Any], copies: list[int] | None = None
    ) -> None:
        """Send or, to a peer that does not read, hang up: it comes back and asks for the list."""
        if connection.fileno() < 0:
            return
        try:
            wire.send(connection, message, copies or [])
        except OSError:
            self._drop(connection)

    def _drop(self, connection: socket.socket) -> None:
        descriptor = connection.fileno()
        if self.connections.pop(descriptor, None) is not None:
            self._poll.unregister(descriptor)
            connection.close()

    def _on_terminate(self, _number: int, _frame: object) -> None:
        self.stopping = True

    def _end_all(self) -> None:
        """Kill every container, wait for each, and leave no group behind."""
        running = [item for item in self.containers.values() if item.state.running]
        for pid in self._beside:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        for container in running:
            with contextlib.suppress(ProcessLookupError):
                os.kill(container.local_pid, signal.SIGKILL)
        while True:
            self._end_orphans()
            try:
                os.wait()
            except ChildProcessError:
                break
        groups = [*self._groups_to_remove]
        groups += [item.group for item in running if item.group is not None]
        for group in groups:
            group.remove()


def _log_pipe(opened: list[int]) -> tuple[int, int]:
    ends = os.pipe2(os.O_CLOEXEC)
    opened.extend(ends)
    size = PIPE_BYTES_AS_ROOT if os.geteuid() == 0 else PIPE_BYTES
    with contextlib.suppress(OSError):
        fcntl.fcntl(ends[1], fcntl.F_SETPIPE_SZ, size)
    return ends


def _duplicates(descriptors: list[int]) -> list[int]:
    return [fcntl.fcntl(item, fcntl.F_DUPFD_CLOEXEC, 3) for item in descriptors]
