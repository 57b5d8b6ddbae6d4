"""The kubelet's end of a spawner: launch, attach, start, list, recover, signal, acknowledge.

One connection, one reader callback on the event loop, replies matched to requests by number. The
spawner is never a child that dies with its kubelet: the launched program forks the real one into a
session of its own and ends. Descriptors handed out belong to the caller.
"""

import asyncio
import contextlib
import json
import logging
import os
import socket
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from fission.base import errors
from fission.cluster.kubelet.zygote import messages, wire

log = logging.getLogger(__name__)

LAUNCH_TIMEOUT_SECONDS = 60.0
"""Imports of a large preload list on a busy machine."""
REQUEST_TIMEOUT_SECONDS = 30.0


States = list[messages.ContainerState]
Descriptors = list[int]


class SpawnerError(errors.Error):
    """A spawner could not be started, or refused a request; the message says why."""

    reason = "SpawnerFailed"


class StartError(SpawnerError):
    """A container could not be started as its spec asks."""

    reason = "ContainerCannotRun"


class SpawnerLost(SpawnerError):
    """The spawner ended; its containers ended with it."""

    reason = "SpawnerLost"
    retryable = True


class SpawnerClient:
    """A connection to one running spawner."""

    def __init__(self, connection: socket.socket, socket_path: str) -> None:
        connection.setblocking(False)
        wire.prepare(connection)
        self.socket_path = socket_path
        self.pid = 0
        """The spawner's, as the host counts."""
        self.mode: messages.Mode = "none"
        self.name = ""
        self.on_exit: Callable[[messages.ContainerState], None] | None = None
        self.on_lost: Callable[[], None] | None = None
        self._connection = connection
        self._loop = asyncio.get_running_loop()
        self._replies: dict[int, asyncio.Future[tuple[dict[str, Any], Descriptors]]] = {}
        self._last_number = 0
        self._sending = asyncio.Lock()
        self._ready: asyncio.Future[None] = self._loop.create_future()
        self._lost: asyncio.Future[None] = self._loop.create_future()
        self._closed = False
        self._loop.add_reader(connection, self._readable)

    @classmethod
    async def launch(
        cls,
        image: messages.ImageLaunch,
        run_dir: str | os.PathLike[str],
        mode: messages.Mode,
        log_path: str | os.PathLike[str] | None = None,
        timeout_seconds: float = LAUNCH_TIMEOUT_SECONDS,
    ) -> "SpawnerClient":
        """Start a spawner for ``image``, listening on ``run_dir/NAME.sock``; wait for its imports.

        What it prints itself goes to ``log_path`` (default ``run_dir/NAME.log``). SpawnerError
        tells what failed: a preload that starts threads, a namespace that was refused.
        """
        directory = Path(run_dir)
        path = directory / f"{image.name}.sock"
        log_file = Path(log_path) if log_path else directory / f"{image.name}.log"
        listening = _listen(path)
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        client = cls(ours, str(path))
        try:
            with listening, theirs:
                await _run_launcher(image, mode, directory, listening, theirs, log_file)
            await client._wait_ready(timeout_seconds)
        except BaseException:
            client.close()
            _remove(str(path))
            raise
        return client

    @classmethod
    async def attach(
        cls, socket_path: str | os.PathLike[str], timeout_seconds: float = REQUEST_TIMEOUT_SECONDS
    ) -> "SpawnerClient":
        """Connect to a spawner that an earlier kubelet started; SpawnerLost when there is none."""
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        try:
            connection.connect(os.fspath(socket_path))
        except OSError as error:
            connection.close()
            raise SpawnerLost(f"no spawner answers at {socket_path}: {error.strerror}") from error
        client = cls(connection, os.fspath(socket_path))
        try:
            await client._wait_ready(timeout_seconds)
        except BaseException:
            client.close()
            raise
        return client

    async def start(
        self, spec: messages.ContainerSpec, listen_fds: Sequence[int] = ()
    ) -> tuple[messages.ContainerState, Descriptors]:
        """Start a container; answer when it is confined and its program is about to run.

        ``listen_fds`` are duplicated on the way, first the sockets, then the extra descriptors.
        Returns its state and the read ends of stdout and stderr. StartError: nothing was started.
        """
        request = {"op": "start", "spec": messages.to_dict(spec)}
        reply, descriptors = await self._request(request, [*listen_fds])
        return messages.ContainerState.from_dict(reply["state"]), descriptors

    async def list(self) -> States:
        """All containers that run, or ended and were not acknowledged."""
        reply, _ = await self._request({"op": "list"})
        return [messages.ContainerState.from_dict(raw) for raw in reply["states"]]

    async def recover(self, container_id: str) -> tuple[Descriptors, Descriptors]:
        """Copies of the log pipes (stdout, stderr) and of the held sockets of a container."""
        reply, descriptors = await self._request({"op": "recover", "id": container_id})
        logs = int(reply["logs"])
        return descriptors[:logs], descriptors[logs:]

    async def signal(self, container_id: str, signum: int) -> None:
        """Send a signal to the container's first process; to one that has ended, nothing.

        SIGKILL ends every process of the container.
        """
        await self._request({"op": "signal", "id": container_id, "signal": int(signum)})

    async def run(self, container_id: str, argv: Sequence[str], timeout_seconds: float) -> int:
        """Run a program in a container that runs, beside its own; its exit code.

        SpawnerError when there is no such container or the program had no chance to start. One that
        takes longer is killed, which is code 137.
        """
        read_end, write_end = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        try:
            try:
                message = {
                    "id": container_id,
                    "argv": list(argv),
                    "timeoutSeconds": timeout_seconds,
                }
                await self._request({"op": "run", **message}, [write_end])
            finally:
                os.close(write_end)
            said = await self._read(read_end)
        finally:
            os.close(read_end)
        answer = json.loads(said or b'{"error": "it ended without a word"}')
        if "error" in answer:
            raise SpawnerError(f"{argv[0]} was not run: {answer['error']}")
        return int(answer["code"])

    async def _read(self, descriptor: int) -> bytes:
        """What comes out of a pipe at once, when something does or nobody can write any more."""
        readable: asyncio.Future[None] = self._loop.create_future()

        def wake() -> None:
            if not readable.done():
                readable.set_result(None)

        self._loop.add_reader(descriptor, wake)
        try:
            await readable
            return os.read(descriptor, 4096)
        finally:
            self._loop.remove_reader(descriptor)

    async def acknowledge(self, container_id: str) -> None:
        """Let the spawner forget a container that has ended, and close what it held of it."""
        await self._request({"op": "acknowledge", "id": container_id})

    async def shutdown(self, timeout_seconds: float = REQUEST_TIMEOUT_SECONDS) -> None:
        """End every container and the spawner itself, and remove its socket."""
        self.on_lost = None
        if not self._lost.done():
            with contextlib.suppress(SpawnerLost):
                await self._request({"op": "shutdown"})
            async with asyncio.timeout(timeout_seconds):
                await asyncio.shield(self._lost)
        self.close()
        _remove(self.socket_path)

    def close(self) -> None:
        """Leave; the spawner and its containers go on."""
        if self._closed:
            return
        self._closed = True
        self._loop.remove_reader(self._connection)
        self._loop.remove_writer(self._connection)
        self._connection.close()
        self._fail_all(SpawnerLost(f"connection to spawner {self.name} was closed"))
        for future in (self._ready, self._lost):
            if not future.done():
                future.cancel()

    async def _request(
        self, message: dict[str, Any], descriptors: Descriptors | None = None
    ) -> tuple[dict[str, Any], Descriptors]:
        if self._closed or self._lost.done():
            raise SpawnerLost(f"spawner {self.name} has ended")
        self._last_number += 1
        number = self._last_number
        future: asyncio.Future[tuple[dict[str, Any], Descriptors]] = self._loop.create_future()
        self._replies[number] = future
        try:
            async with asyncio.timeout(REQUEST_TIMEOUT_SECONDS):
                await self._send({**message, "seq": number}, descriptors or [])
                return await future
        except TimeoutError as error:
            name = message["op"]
            raise SpawnerError(f"spawner {self.name} did not answer {name!r} in time") from error
        finally:
            self._replies.pop(number, None)
            if future.cancelled() is False and future.done():
                future.exception()

    async def _send(self, message: dict[str, Any], descriptors: Descriptors) -> None:
        async with self._sending:
            while True:
                try:
                    wire.send(self._connection, message, descriptors)
                    return
                except BlockingIOError:
                    await self._writable()
                except OSError as error:
                    if isinstance(error, (BrokenPipeError, ConnectionError)):
                        raise SpawnerLost(f"spawner {self.name} has ended") from error
                    raise SpawnerError(f"cannot ask the spawner: {error}") from error

    async def _writable(self) -> None:
        writable: asyncio.Future[None] = self._loop.create_future()

        def wake() -> None:
            if not writable.done():
                writable.set_result(None)

        self._loop.add_writer(self._connection, wake)
        try:
            await writable
        finally:
            self._loop.remove_writer(self._connection)

    def _readable(self) -> None:
        while not self._closed:
            try:
                packet = wire.receive(self._connection)
            except BlockingIOError:
                return
            except ConnectionError:
                packet = None
            except ValueError as error:
                log.error("spawner %s sent an unreadable packet: %s", self.name, error)
                continue
            if packet is None:
                self._end_of_stream()
                return
            self._dispatch(*packet)

    def _dispatch(self, message: dict[str, Any], descriptors: Descriptors) -> None:
        if "re" in message:
            future = self._replies.pop(message["re"], None)
            if future is None or future.done():
                wire.close_all(descriptors)
            elif "error" in message:
                wire.close_all(descriptors)
                kind = StartError if message.get("refused") == "start" else SpawnerError
                future.set_exception(kind(message["error"]))
            else:
                future.set_result((message, descriptors))
            return
        wire.close_all(descriptors)
        if message.get("event") == "exit":
            if self.on_exit is not None:
                self.on_exit(messages.ContainerState.from_dict(message["state"]))
        elif message.get("event") == "ready" and not self._ready.done():
            self.pid = message["pid"]
            self.mode = message["mode"]
            self.name = message["name"]
            self._ready.set_result(None)
        elif message.get("event") == "failed" and not self._ready.done():
            self._ready.set_exception(SpawnerError(message["message"]))

    def _end_of_stream(self) -> None:
        self._loop.remove_reader(self._connection)
        if not self._lost.done():
            self._lost.set_result(None)
        if not self._ready.done():
            self._ready.set_exception(
                SpawnerError(f"the spawner at {self.socket_path} ended while starting; see its log")
            )
        self._fail_all(SpawnerLost(f"spawner {self.name} has ended"))
        if self.on_lost is not None:
            self.on_lost()

    def _fail_all(self, error: SpawnerError) -> None:
        replies, self._replies = self._replies, {}
        for future in replies.values():
            if not future.done():
                future.set_exception(error)

    async def _wait_ready(self, timeout_seconds: float) -> None:
        try:
            async with asyncio.timeout(timeout_seconds):
                await asyncio.shield(self._ready)
        except TimeoutError as error:
            raise SpawnerError(
                f"the spawner at {self.socket_path} was not ready in {timeout_seconds:g} s"
            ) from error


def _remove(socket_path: str) -> None:
    """The socket and the place where the spawner's root was mounted."""
    with contextlib.suppress(OSError):
        os.unlink(socket_path)
    with contextlib.suppress(OSError):
        os.rmdir(socket_path.removesuffix(".sock") + ".root")


def _listen(path: Path) -> socket.socket:
    path.unlink(missing_ok=True)
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    try:
        listening.bind(str(path))
        path.chmod(0o600)
        listening.listen(8)
    except OSError as error:
        listening.close()
        raise SpawnerError(f"cannot listen at {path}: {error.strerror or error}") from error
    return listening


async def _run_launcher(
    image: messages.ImageLaunch,
    mode: messages.Mode,
    directory: Path,
    listening: socket.socket,
    connection: socket.socket,
    log_file: Path,
) -> None:
    descriptors = (listening.fileno(), connection.fileno())
    settings = {
        "image": messages.to_dict(image),
        "mode": mode,
        "run_dir": str(directory),
        "listen_fd": descriptors[0],
        "connection_fd": descriptors[1],
    }
    with log_file.open("ab") as output:
        process = await asyncio.create_subprocess_exec(
            image.python,
            "-P",
            "-m",
            "fission.cluster.kubelet.zygote",
            stdin=asyncio.subprocess.PIPE,
            stdout=output,
            stderr=output,
            env=_environment(image),
            pass_fds=descriptors,
            start_new_session=True,
            cwd="/",
        )
    async with asyncio.timeout(LAUNCH_TIMEOUT_SECONDS):
        await process.communicate(json.dumps(settings).encode())
    if process.returncode != 0:
        raise SpawnerError(
            f"the spawner of image {image.name} ended with {process.returncode}; see {log_file}"
        )


def _environment(image: messages.ImageLaunch) -> dict[str, str]:
    """What the spawner itself runs with; its containers get exactly their spec's environment."""
    inherited = ("PATH", "PYTHONPATH", "LANG", "LC_ALL", "HOME", "TZ", "LD_LIBRARY_PATH")
    kept = {name: os.environ[name] for name in inherited if name in os.environ}
    return {**kept, **image.env}
