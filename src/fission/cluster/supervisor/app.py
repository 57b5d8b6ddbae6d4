"""The supervisor's loop: one thread, one selector, no wait that blocks it for long.

Phases: `starting` (sockets, then both processes) → `running` → `stopping` (pods and kubelet
first, then the API server, then whatever still hangs below us) → `stopped`. Orphans of the
whole tree end up here (subreaper) and are reaped.
"""

from __future__ import annotations

import contextlib
import ctypes
import logging
import os
import selectors
import signal
import socket
import time
from typing import TYPE_CHECKING, Any

from fission.cluster.supervisor import children, controlserver, hostports, processes, takeover, wire

if TYPE_CHECKING:
    from fission.cluster.supervisor import config, home

log = logging.getLogger(__name__)

PR_SET_CHILD_SUBREAPER = 36
RECOVERY_SECONDS = 20.0
"""How long a fresh kubelet may take to hand back sockets that only pods have kept."""
KUBELET_EXTRA_SECONDS = 10.0
APISERVER_STOP_SECONDS = 10.0
HOUSEKEEPING_SECONDS = 60.0


class Supervisor:
    """Everything that happens to one home between its lock and its release."""

    def __init__(self, place: home.Home, settings: config.Config) -> None:
        self._home = place
        self._config = settings
        self._run = place.make_run_dir()
        self._phase = "starting"
        self._error: str | None = None
        self._boot_id = processes.boot_id()
        self._identity = processes.identify(os.getpid()) or processes.Identity(os.getpid(), 0)
        self._bound: dict[str, hostports.Bound] = {}
        self._missing: dict[str, tuple[config.HostPort, int]] = {}
        self._recover_until = 0.0
        self._selector = selectors.DefaultSelector()
        self._apiserver = children.Child(settings.apiserver, place.logs / "apiserver.log")
        self._kubelet = children.Child(settings.kubelet, place.logs / "kubelet.log")
        self._children = (self._apiserver, self._kubelet)
        self._deadline = 0.0
        self._apiserver_deadline = 0.0
        self._housekeeping = 0.0
        self._started_at = time.time()

    # -- life -------------------------------------------------------------------------------

    def run(self) -> int:
        """Serve until told to stop; the process's exit code."""
        _become_subreaper()
        self._open_sockets()
        wakeups = self._watch_signals()
        control = controlserver.ControlServer(
            self._run / "supervisor.sock", self._selector, self._answer
        )
        try:
            while True:
                self._tick()
                if self._phase == "stopped":
                    break
                for key, _ in self._selector.select(self._wait_seconds()):
                    key.data()
        finally:
            control.close()
            signal.set_wakeup_fd(-1)
            for end in wakeups:
                end.close()
            self._selector.close()
            self._write_state()
            if self._phase == "stopped":
                self._home.remove_run_dir()
        log.info("supervisor stopped")
        return 1 if self._error else 0

    def _open_sockets(self) -> None:
        """Own every host port: from what survived, else freshly opened."""
        state = self._home.read_state()
        same_boot = state.get("bootId") == self._boot_id
        alive = takeover.survivors(state, self._boot_id)
        found = (
            takeover.fetch_sockets(self._run / "kubelet.sock", 3.0) if "kubelet" in alive else []
        )
        takeover.end_old(alive)
        earlier = {
            (entry["namespace"], entry["service"], entry["port"]): int(entry["hostPort"])
            for entry in state.get("hostPorts", [])
            if same_boot and state.get("phase") != "stopped"
        }
        for spec in (*self._config.host_ports, self._config.apiserver_port):
            number = earlier.get((spec.namespace, spec.service, spec.port), 0)
            if spec.host_port and number != spec.host_port:
                number = spec.host_port
            kept = hostports.match(spec, number, found)
            if kept is not None:
                self._bound[spec.key] = kept
                continue
            try:
                self._bound[spec.key] = hostports.Bound(spec, hostports.open_one(spec, number))
            except hostports.PortTaken:
                # A pod of the killed cluster may hold it: ask the new kubelet before giving up.
                if (spec.namespace, spec.service, spec.port) not in earlier:
                    self._close_sockets()
                    self._home.remove_run_dir()
                    raise
                self._missing[spec.key] = (spec, number)
        used = {id(sock) for bound in self._bound.values() for sock in bound.sockets}
        for sock in found:
            if id(sock) not in used:
                sock.close()
        self._recover_until = time.monotonic() + RECOVERY_SECONDS

    def _recover_missing(self) -> None:
        found = takeover.fetch_sockets(self._run / "kubelet.sock", 1.0)
        for key, (spec, number) in list(self._missing.items()):
            bound = hostports.match(spec, number, found)
            if bound is None:
                with contextlib.suppress(hostports.PortTaken):
                    bound = hostports.Bound(spec, hostports.open_one(spec, number))
            if bound is not None:
                self._bound[key] = bound
                del self._missing[key]
        used = {id(sock) for bound in self._bound.values() for sock in bound.sockets}
        for sock in found:
            if id(sock) not in used:
                sock.close()
        if self._missing and time.monotonic() > self._recover_until:
            spec, number = next(iter(self._missing.values()))
            self._error = f"port {number} for {spec.service} is taken ({spec.flag})"
            log.error("host port is lost: %s", self._error)
            self._begin_stop()

    def _close_sockets(self) -> None:
        for bound in self._bound.values():
            for sock in bound.sockets:
                sock.close()
        self._bound.clear()

    # -- the loop ---------------------------------------------------------------------------

    def _watch_signals(self) -> tuple[socket.socket, socket.socket]:
        reader, writer = socket.socketpair()
        reader.setblocking(False)
        writer.setblocking(False)
        signal.set_wakeup_fd(writer.fileno(), warn_on_full_buffer=False)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD):
            signal.signal(number, _ignore_in_handler)

        def on_signals() -> None:
            for number in reader.recv(4096):
                if number != signal.SIGCHLD:
                    log.info("received %s", signal.Signals(number).name)
                    self._begin_stop()

        self._selector.register(reader, selectors.EVENT_READ, on_signals)
        return reader, writer

    def _wait_seconds(self) -> float:
        now = time.monotonic()
        times = [self._housekeeping]
        times += [child.next_start for child in self._children if child.next_start is not None]
        if self._missing:
            times.append(now + 0.1)
        if self._phase == "stopping":
            times.append(now + 0.2)
        return max(0.0, min(times) - now)

    def _tick(self) -> None:
        self._reap()
        now = time.monotonic()
        if self._phase == "stopping":
            self._continue_stop(now)
            return
        if self._missing and self._kubelet.identity is not None:
            self._recover_missing()
        for child in self._children:
            if child.next_start is None or now < child.next_start:
                continue
            if child is self._apiserver and self._config.apiserver_port.key not in self._bound:
                child.next_start = now + 0.1
                continue
            self._start(child)
        if self._phase == "starting" and not self._missing:
            self._phase = "running"
            self._write_state()
        if now >= self._housekeeping:
            self._housekeeping = now + HOUSEKEEPING_SECONDS
            for child in self._children:
                child.bound_log()

    def _start(self, child: children.Child) -> None:
        sockets: list[tuple[str, int]] = []
        if child is self._apiserver:
            bound = self._bound[self._config.apiserver_port.key]
            sockets = [("https", sock.fileno()) for sock in bound.sockets]
        try:
            child.start(sockets, {"FISSION_RUN_DIR": str(self._run)})
        except OSError as error:
            delay = child.start_failed(error)
            log.error("%s did not start, next try in %.1f s: %s", child.name, delay, error)
        else:
            pid = child.identity.pid if child.identity else 0
            log.info("started %s (pid %d, restart %d)", child.name, pid, child.restarts)
        self._write_state()

    def _reap(self) -> None:
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            for child in self._children:
                if child.identity is not None and child.identity.pid == pid:
                    delay = child.exited(status, restart=self._phase != "stopping")
                    if self._phase != "stopping":
                        log.warning(
                            "%s ended (%s), starts again in %.1f s",
                            child.name, child.last_exit, delay,
                        )  # fmt: skip
                    self._write_state()

    # -- stopping ---------------------------------------------------------------------------

    def _begin_stop(self) -> None:
        if self._phase in ("stopping", "stopped"):
            return
        self._phase = "stopping"
        self._write_state()
        for child in self._children:
            child.forbid_start()
        grace = self._config.stop_grace_seconds
        self._deadline = time.monotonic() + grace + KUBELET_EXTRA_SECONDS
        if self._kubelet.identity is not None:
            try:
                wire.ask(
                    str(self._run / "kubelet.sock"),
                    {"op": "shutdown", "graceSeconds": grace},
                    2.0,
                )
            except (OSError, wire.WireError) as error:
                log.warning("kubelet was not told to end its pods: %s", error)
                self._kubelet.signal(signal.SIGTERM)

    def _continue_stop(self, now: float) -> None:
        if self._kubelet.identity is not None:
            if now > self._deadline:
                log.warning("kubelet did not end its pods in time")
                self._kubelet.signal(signal.SIGKILL)
            return
        if self._apiserver.identity is not None:
            if not self._apiserver_deadline:
                self._apiserver.signal(signal.SIGTERM)
                self._apiserver_deadline = now + APISERVER_STOP_SECONDS
            elif now > self._apiserver_deadline:
                log.warning("apiserver did not end in time")
                self._apiserver.signal(signal.SIGKILL)
            return
        leftover = processes.children_of(os.getpid())
        for pid in leftover:
            # Our own descendants only: a spawner whose kubelet could not end it.
            log.warning("ended a process left below the supervisor (pid %d)", pid)
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        if not leftover:
            self._close_sockets()
            for path in self._run.glob("*.sock"):
                if path.name != "supervisor.sock":
                    path.unlink(missing_ok=True)
            self._phase = "stopped"

    # -- what others see --------------------------------------------------------------------

    def _answer(self, message: dict[str, Any]) -> tuple[dict[str, Any], list[int]]:
        op = message.get("op")
        if op == "status":
            return self._status(), []
        if op == "stop":
            log.info("asked to stop")
            self._begin_stop()
            return {"ok": True, "pid": self._identity.pid}, []
        if op == "sockets":
            listed: list[dict[str, Any]] = []
            fds: list[int] = []
            for bound in self._bound.values():
                listed += [{**bound.describe(), "host": s.getsockname()[0]} for s in bound.sockets]
                fds += [sock.fileno() for sock in bound.sockets]
            return {"sockets": listed}, fds
        return {"error": f"unknown op {op!r}; known are sockets, status, stop"}, []

    def _status(self) -> dict[str, Any]:
        return {
            "version": 1,
            "bootId": self._boot_id,
            "phase": self._phase,
            "error": self._error,
            "startedAt": self._started_at,
            "runDir": str(self._run),
            "supervisor": {"pid": self._identity.pid, "startTime": self._identity.start_time},
            "processes": [
                {
                    "name": "supervisor",
                    "role": "supervisor",
                    "pid": self._identity.pid,
                    "startTime": self._identity.start_time,
                    "startedAt": self._started_at,
                    "restarts": 0,
                    "lastExit": None,
                },
                *(child.describe() for child in self._children),
            ],
            "hostPorts": [bound.describe() for bound in self._bound.values()],
            "urls": {
                bound.spec.service.replace("-", "_"): _url(bound) for bound in self._bound.values()
            },
        }

    def _write_state(self) -> None:
        try:
            self._home.write_state(self._status())
        except OSError as error:
            log.error("state.json was not written: %s", error)


def _url(bound: hostports.Bound) -> str:
    host = bound.sockets[0].getsockname()[0] if bound.sockets else bound.spec.hosts[0]
    shown = f"[{host}]" if ":" in host else host
    return f"{'https' if bound.spec.port == 'https' else 'http'}://{shown}:{bound.port}"


def _ignore_in_handler(number: int, frame: object) -> None:
    """Nothing happens in a handler: the number arrives through the wakeup descriptor."""


def _become_subreaper() -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
        log.warning("this system has no subreaper: orphans go to init")
