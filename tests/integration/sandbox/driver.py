"""Sets a scene of platform, victim and attacker, lets the attacker try everything, prints outcomes.

Run as a program by the user in question: ``python driver.py '{"mode": …, "outbound": …}'``. The
platform's part of the scene (token, sockets, ports) belongs to this process, which plays kubelet.
"""

import asyncio
import contextlib
import ctypes
import json
import os
import pathlib
import shutil
import signal
import socket
import sys
import tempfile
import threading
from typing import Any

from fission.cluster.kubelet.zygote import client, messages

HERE = os.path.dirname(os.path.abspath(__file__))
MEMORY_LIMIT = 400 * 1024 * 1024
DEADLINE_SECONDS = 60.0


class Scene:
    """What the platform owns, and the paths of the two volumes."""

    def __init__(self, folder: pathlib.Path) -> None:
        self.home = folder / "home"
        self.run = folder / "run"
        self.volumes = {name: folder / name for name in ("attacker", "sibling", "tmp")}
        for path in (self.home, self.run, *self.volumes.values()):
            path.mkdir(mode=0o700)
        self.token = self.home / "token"
        self.token.write_text("secret")
        self.token.chmod(0o600)
        self.abstract = f"fission-test-{os.getpid()}"
        self.sockets: list[socket.socket] = []
        unix = self._socket(socket.AF_UNIX, socket.SOCK_STREAM, str(self.home / "platform.sock"))
        unix.listen()
        self._socket(socket.AF_UNIX, socket.SOCK_DGRAM, str(self.home / "datagram.sock"))
        self._socket(socket.AF_UNIX, socket.SOCK_STREAM, "\0" + self.abstract).listen()
        self.ports = {
            name: self._listen(host)
            for name, host in (
                ("platform", "127.0.0.1"),
                ("neighbour", "127.9.9.9"),
                ("other", "127.0.0.1"),
                ("allowed", "127.0.0.1"),
            )
        }
        udp = self._socket(socket.AF_INET, socket.SOCK_DGRAM, ("127.9.9.9", 0))
        self.udp_address = udp.getsockname()
        threading.Thread(target=_echo, args=(udp,), daemon=True).start()
        with socket.socket() as probe:
            probe.bind(("127.9.9.10", 0))
            self.free_address = probe.getsockname()

    def _socket(self, family: int, kind: int, address: Any) -> socket.socket:
        made = socket.socket(family, kind)
        made.bind(address)
        self.sockets.append(made)
        return made

    def _listen(self, host: str) -> int:
        made = self._socket(socket.AF_INET, socket.SOCK_STREAM, (host, 0))
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_FASTOPEN, 5)
        made.listen(64)
        return int(made.getsockname()[1])


def _echo(udp: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while True:
            data, sender = udp.recvfrom(10)
            udp.sendto(data, sender)


async def play(config: dict[str, Any], folder: pathlib.Path) -> dict[str, str]:
    scene = Scene(folder)
    mode, outbound = config["mode"], config["outbound"]
    if outbound == "ports":
        outbound = (scene.ports["allowed"],)
    blocked = tuple((scene.ports[name], scene.ports[name]) for name in ("platform", "neighbour"))
    image = messages.ImageLaunch(
        name="attacks",
        python=sys.executable,
        entry="attacks:run_attacks",
        pythonpath=(HERE,),
        env={"LEAK": str(scene.token)},
        confined=mode != "none",
        outbound="default" if outbound == "default" else "chosen",
        blocked_ports=blocked,
    )
    spawner = await client.SpawnerClient.launch(image, scene.run, mode)
    try:
        return await _attack(spawner, scene, mode, outbound)
    finally:
        await spawner.shutdown()


async def _attack(
    spawner: client.SpawnerClient, scene: Scene, mode: messages.Mode, outbound: messages.Outbound
) -> dict[str, str]:
    full = mode == "full"
    targets: dict[str, Any] = {
        "full": full,
        "confined": mode != "none",
        "own_network": full and outbound == "none",
        "volume": "/userfunc" if full else str(scene.volumes["attacker"]),
        "token": str(scene.token),
        "neighbour_file": str(scene.volumes["sibling"] / "sibling.json"),
        "spawner_pid": spawner.pid,
        "spawner_socket": spawner.socket_path,
        "platform_socket": str(scene.home / "platform.sock"),
        "datagram_socket": str(scene.home / "datagram.sock"),
        "abstract": scene.abstract,
        "sibling_abstract": scene.abstract + "-sibling",
        "platform_port": scene.ports["platform"],
        "neighbour_address": ("127.9.9.9", scene.ports["neighbour"]),
        "other_port": scene.ports["other"],
        "allowed_port": scene.ports["allowed"],
        "udp_address": scene.udp_address,
        "free_address": scene.free_address,
        "memory_limit": MEMORY_LIMIT,
    }
    sibling_targets = {**targets}
    if not full:
        sibling_targets["volume"] = str(scene.volumes["sibling"])
    sibling = await _start(spawner, scene, "sibling", "be_a_sibling", sibling_targets, outbound)
    niceness = os.getpriority(os.PRIO_PROCESS, sibling.pid)
    said = await _read_json(scene.volumes["sibling"] / "sibling.json")
    targets["sibling_pid"] = sibling.pid
    targets["sibling_address"] = said["address"]
    targets["sibling_shmid"] = said["shmid"]
    try:
        await _start(spawner, scene, "attacker", "run_attacks", targets, outbound)
        outcome = await _read_json(scene.volumes["attacker"] / "outcome.json")
        if scene.token.stat().st_mode & 0o777 != 0o600:
            outcome["chmod_the_platforms_token"] = "done"
        if os.getpriority(os.PRIO_PROCESS, sibling.pid) == niceness:
            outcome["slow_every_process_of_the_user_down"] = "refused: without effect"
        outcome["sibling_lives_on"] = "done" if _alive(sibling.pid) else "broken: it has ended"
        outcome["killing_ends_descendants"] = await _kill_descendants(spawner, scene, outbound)
        return outcome
    finally:
        if not full and said["shmid"] >= 0:
            ctypes.CDLL(None).shmctl(said["shmid"], 0, None)


async def _start(
    spawner: client.SpawnerClient,
    scene: Scene,
    name: str,
    entry: str,
    targets: dict[str, Any],
    outbound: messages.Outbound,
    extra: dict[str, int] | None = None,
) -> messages.ContainerState:
    mounts = [messages.Mount(str(scene.volumes[name]), "/userfunc")]
    if spawner.mode != "full":
        mounts.append(messages.Mount(str(scene.volumes["tmp"]), "/tmp"))
    uid = None
    if os.geteuid() == 0 and spawner.mode != "none":
        uid = {"attacker": 31001, "sibling": 31002}[name]
        for mount in mounts:
            os.chown(mount.host_path, uid, uid)
    spec = messages.ContainerSpec(
        id=f"{name}/{entry}",
        argv=[name],
        entry=f"attacks:{entry}",
        env={"TARGETS": json.dumps(targets), "PRIVATE": name, "PATH": "/usr/bin:/bin"},
        mounts=tuple(mounts),
        limits=messages.Limits(memory_bytes=MEMORY_LIMIT, max_processes=60, max_open_files=512),
        confinement=messages.Confinement(spawner.mode, outbound, uid=uid, hostname=name),
        extra_fd_names=tuple(extra or ()),
    )
    state, logs = await spawner.start(spec, list((extra or {}).values()))
    for descriptor in logs:
        threading.Thread(target=_copy_to_stderr, args=(descriptor,), daemon=True).start()
    return state


def _copy_to_stderr(descriptor: int) -> None:
    with open(descriptor, "rb") as pipe:
        for line in pipe:
            sys.stderr.buffer.write(line)
            sys.stderr.flush()


async def _kill_descendants(
    spawner: client.SpawnerClient, scene: Scene, outbound: messages.Outbound
) -> str:
    """Every descendant holds the pipe's write end: its end of file means that all are gone."""
    read_end, write_end = os.pipe()
    os.set_blocking(read_end, False)
    reader = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    pipe = os.fdopen(read_end, "rb", buffering=0)
    transport, _ = await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), pipe)
    state = await _start(
        spawner, scene, "attacker", "leave_descendants", {}, outbound, {"ALIVE_FD": write_end}
    )
    os.close(write_end)
    async with asyncio.timeout(DEADLINE_SECONDS):
        await reader.readexactly(5)
        await spawner.signal(state.id, signal.SIGKILL)
        await reader.read()
    transport.close()
    return "done"


async def _read_json(path: pathlib.Path) -> dict[str, Any]:
    async with asyncio.timeout(DEADLINE_SECONDS):
        while (found := _json_of(path)) is None:  # noqa: ASYNC110 - written by another process
            await asyncio.sleep(0.01)
    return found


def _json_of(path: pathlib.Path) -> dict[str, Any] | None:
    try:
        found: dict[str, Any] = json.loads(path.read_text())
    except FileNotFoundError:
        return None
    return found


def _alive(pid: int) -> bool:
    try:
        state = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state not in "ZX"


def main() -> None:
    config = json.loads(sys.argv[1])
    if config["mode"] == "none" and os.geteuid() == 0:
        raise SystemExit("the unconfined baseline acts on the host: never as root")
    folder = pathlib.Path(tempfile.mkdtemp(prefix="fission-sandbox-"))
    if os.geteuid() == 0 and config["mode"] == "landlock":
        folder.chmod(0o711)
    try:
        print(json.dumps(asyncio.run(play(config, folder))))
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
