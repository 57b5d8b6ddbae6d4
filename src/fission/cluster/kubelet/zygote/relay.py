"""The first process of a container whose program listens for itself: it holds the handed sockets.

Connections that come in on them are passed on, byte by byte, to the port on which the program
listens. Nothing is accepted while the program cannot take it, before it listens or when its own
backlog is full: connections wait in ours, as they do for programs that take over the sockets. One
thread does all of it, so nothing here may wait. Beside that it is an init: it passes signals on,
reaps, and ends with the program's status, after the last bytes are delivered.
"""

import contextlib
import errno
import os
import select
import selectors
import signal
import socket
import struct
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

CHUNK_BYTES = 64 * 1024
BATCH = 64
"""Connections accepted at a time."""
ANSWER_MILLISECONDS = 5
"""A kernel that is busy may take this long to join two loopback sockets; then a backlog is full."""
FIRST_TRY_SECONDS = 0.005
LONGEST_TRY_SECONDS = 0.1
LAST_BYTES_SECONDS = 2.0
"""How long clients may take to read what the program said before it ended."""
_RESET = struct.pack("ii", 1, 0)


class Busy(Exception):
    """The program listens and takes nothing more at the moment, or we have no descriptor left."""


@dataclass(eq=False)
class Door:
    """A handed socket and the port behind it."""

    listener: socket.socket
    port: int
    hosts: tuple[str, ...]
    """Tried in turn: programs listen on the pod's address, on loopback, or everywhere."""
    waiting: socket.socket | None = None
    """A connection that was accepted before the program turned out to be busy."""

    def connect(self) -> socket.socket | None:
        """A connection to the program, without waiting; None while nobody listens. Raises Busy."""
        for host in self.hosts:
            try:
                one = socket.socket(socket.AF_INET, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
            except OSError as error:
                raise Busy from error
            one.setblocking(False)
            found = _connect(one, (host, self.port))
            if found == 0:
                return one
            one.close()
            if found in (errno.EALREADY, errno.EINPROGRESS):
                raise Busy
        return None


def _connect(one: socket.socket, address: tuple[str, int]) -> int:
    """Ask for a connection; loopback answers at once, unless the other side's backlog is full."""
    found = one.connect_ex(address)
    if found == errno.EINPROGRESS:
        poll = select.poll()
        poll.register(one, select.POLLOUT)
        if poll.poll(ANSWER_MILLISECONDS):
            found = one.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
    return found


@dataclass(eq=False)
class End:
    """One side of a connection that is passed on."""

    sock: socket.socket
    peer: "End" = field(init=False, repr=False)
    pending: bytearray = field(default_factory=bytearray)
    """What the other side said and this one has not taken yet."""
    has_said_all: bool = False
    is_told_all: bool = False
    is_closed: bool = False


class Relay:
    """Passes connections on while the program lives."""

    def __init__(self, program: int, doors: Sequence[Door]) -> None:
        self._program = program
        self._doors = doors
        self._selector = selectors.DefaultSelector()
        self._ends: set[End] = set()
        self._closed_doors = list(doors)
        self._code: int | None = None
        self._wake_read, wake_write = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        signal.set_wakeup_fd(wake_write, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        for number in (
            signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2,
        ):  # fmt: skip
            signal.signal(number, self._forward)
        self._selector.register(self._wake_read, selectors.EVENT_READ)

    def serve(self) -> int:
        """Until the program has ended; its exit code, or 128 and the signal's number."""
        pause = FIRST_TRY_SECONDS
        end_by = float("inf")
        while True:
            self._reap()
            if self._code is not None:
                end_by = min(end_by, time.monotonic() + LAST_BYTES_SECONDS)
                if not any(end.pending or not end.has_said_all for end in self._ends):
                    return self._code
                if time.monotonic() >= end_by:
                    return self._code
            elif self._closed_doors:
                self._open_doors()
                pause = min(LONGEST_TRY_SECONDS, pause * 1.1)
            waits = self._closed_doors or self._code is not None
            for key, events in self._selector.select(pause if waits else None):
                self._serve_one(key, events)

    def _open_doors(self) -> None:
        """Accept where the program can be reached by now."""
        for door in list(self._closed_doors):
            try:
                first = door.connect()
            except Busy:
                continue
            if first is None:
                continue
            if door.waiting is not None:
                self._join(door.waiting, first)
                door.waiting = None
            else:
                first.close()
            self._closed_doors.remove(door)
            door.listener.setblocking(False)
            self._selector.register(door.listener, selectors.EVENT_READ, door)

    def _close_door(self, door: Door) -> None:
        """For a moment; who comes meanwhile waits in the backlog."""
        self._selector.unregister(door.listener)
        self._closed_doors.append(door)

    def _serve_one(self, key: selectors.SelectorKey, events: int) -> None:
        if isinstance(key.data, Door):
            self._accept(key.data)
        elif isinstance(key.data, End):
            if events & selectors.EVENT_WRITE:
                self._write(key.data)
            if events & selectors.EVENT_READ and not key.data.is_closed:
                self._read(key.data)
        else:
            with contextlib.suppress(BlockingIOError):
                os.read(self._wake_read, 4096)

    def _accept(self, door: Door) -> None:
        for _ in range(BATCH):
            try:
                outside, _ = door.listener.accept()
            except BlockingIOError:
                return
            except OSError:  # no descriptor is left; asking again at once would not change that
                self._close_door(door)
                return
            try:
                inside = door.connect()
            except Busy:
                door.waiting = outside
                self._close_door(door)
                return
            if inside is None:
                outside.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
                outside.close()
                continue
            self._join(outside, inside)

    def _join(self, outside: socket.socket, inside: socket.socket) -> None:
        first, second = End(outside), End(inside)
        first.peer, second.peer = second, first
        for end in (first, second):
            end.sock.setblocking(False)
            end.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._ends.add(end)
            self._selector.register(end.sock, selectors.EVENT_READ, end)

    def _read(self, end: End) -> None:
        try:
            data = end.sock.recv(CHUNK_BYTES)
        except BlockingIOError:
            return
        except OSError:
            self._break(end)
            return
        if data:
            end.peer.pending += data
        else:
            end.has_said_all = True
        self._write(end.peer)

    def _write(self, end: End) -> None:
        """Tell one side what the other has said, as far as it takes it."""
        if end.is_closed:
            return
        try:
            if end.pending:
                del end.pending[: end.sock.send(end.pending)]
        except BlockingIOError:
            pass
        except OSError:
            self._break(end)
            return
        if end.peer.has_said_all and not end.pending and not end.is_told_all:
            end.is_told_all = True
            with contextlib.suppress(OSError):
                end.sock.shutdown(socket.SHUT_WR)
        if end.is_told_all and end.peer.is_told_all:
            self._close(end, end.peer)
            return
        self._watch(end)
        self._watch(end.peer)

    def _watch(self, end: End) -> None:
        """Read from a side while the other keeps up; write to it while something waits."""
        events = 0
        if not end.has_said_all and not end.peer.pending:
            events |= selectors.EVENT_READ
        if end.pending:
            events |= selectors.EVENT_WRITE
        known = end.sock in self._selector.get_map()
        if events and known:
            self._selector.modify(end.sock, events, end)
        elif events:
            self._selector.register(end.sock, events, end)
        elif known:
            self._selector.unregister(end.sock)

    def _break(self, end: End) -> None:
        """One side is gone: the other hears of it as it would have without us."""
        with contextlib.suppress(OSError):
            end.peer.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        self._close(end, end.peer)

    def _close(self, *ends: End) -> None:
        for end in ends:
            end.is_closed = True
            end.pending.clear()
            self._ends.discard(end)
            if end.sock in self._selector.get_map():
                self._selector.unregister(end.sock)
            end.sock.close()

    def _forward(self, number: int, _frame: object) -> None:
        if self._code is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._program, number)

    def _reap(self) -> None:
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            if pid == self._program:
                code = os.waitstatus_to_exitcode(status)
                self._code = code if code >= 0 else 128 - code
                for door in self._doors:
                    if door not in self._closed_doors:
                        self._selector.unregister(door.listener)
                    door.listener.close()


def run(program: int, sockets: Sequence[int], ports: Sequence[int], hosts: tuple[str, ...]) -> int:
    """Serve these descriptors for the program, which is a child, until it ends; its exit code."""
    doors = [
        Door(socket.socket(fileno=descriptor), port, hosts)
        for descriptor, port in zip(sockets, ports, strict=True)
    ]
    return Relay(program, doors).serve()
