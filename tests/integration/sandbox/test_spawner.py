"""A spawner and its client, with real processes, in every mode that this host and user have."""

import asyncio
import contextlib
import dataclasses
import json
import os
import pathlib
import shutil
import signal
import socket
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator

import pytest

from fission.cluster.kubelet.sandbox import probe
from fission.cluster.kubelet.zygote import client, messages
from tests.support import waiting

HERE = str(pathlib.Path(__file__).parent)
DEADLINE_SECONDS = 20.0


@pytest.fixture(scope="session")
def isolation() -> probe.Isolation:
    return probe.detect()


@pytest.fixture(params=["none", "full"])
def mode(request: pytest.FixtureRequest, isolation: probe.Isolation) -> messages.Mode:
    if request.param == "full" and isolation.mode != "full":
        pytest.skip(f"full mode fails here at: {isolation.failed_step}")
    chosen: messages.Mode = request.param
    return chosen


@dataclasses.dataclass
class Desk:
    """A kubelet's desk: one spawner, its events, and what is to be closed."""

    spawner: client.SpawnerClient
    folder: pathlib.Path
    exits: asyncio.Queue[messages.ContainerState]
    open_descriptors: list[int]

    def spec(self, name: str, entry: str | None, *argv: str) -> messages.ContainerSpec:
        confined = self.spawner.mode != "none"
        return messages.ContainerSpec(
            id=name,
            argv=list(argv),
            entry=f"programs:{entry}" if entry else None,
            env={"PATH": "/usr/bin:/bin", "GREETING": "hi"},
            confinement=messages.Confinement(
                self.spawner.mode,
                "open" if self.spawner.mode == "none" else "none",
                uid=32001 if confined and os.geteuid() == 0 else None,
            ),
        )

    async def start(
        self, spec: messages.ContainerSpec, *handed: int
    ) -> tuple[messages.ContainerState, list[int]]:
        state, logs = await self.spawner.start(spec, handed)
        self.open_descriptors += logs
        return state, logs

    async def exit_of(self, name: str) -> messages.ContainerState:
        async with asyncio.timeout(DEADLINE_SECONDS):
            while True:
                state = await self.exits.get()
                if state.id == name:
                    return state

    async def output(self, spec: messages.ContainerSpec, *handed: int) -> tuple[str, str]:
        """Run to the end; what was printed to stdout and stderr."""
        state, logs = await self.start(spec, *handed)
        await self.exit_of(state.id)
        return _read_all(logs[0]), _read_all(logs[1])


def _read_all(descriptor: int) -> str:
    parts = []
    while part := os.read(descriptor, 1 << 20):
        parts.append(part)
    return b"".join(parts).decode()


def launch_of(name: str = "programs", **changes: object) -> messages.ImageLaunch:
    launch = messages.ImageLaunch(
        name=name, python=sys.executable, entry="programs:report", pythonpath=(HERE,)
    )
    return dataclasses.replace(launch, **changes)  # type: ignore[arg-type]


@pytest.fixture
async def desk(mode: messages.Mode, tmp_path: pathlib.Path) -> AsyncIterator[Desk]:
    launch = launch_of(confined=mode != "none")
    spawner = await client.SpawnerClient.launch(launch, tmp_path, mode)
    made = Desk(spawner, tmp_path, asyncio.Queue(), [])
    spawner.on_exit = made.exits.put_nowait
    try:
        yield made
    finally:
        await made.spawner.shutdown()
        for descriptor in made.open_descriptors:
            with contextlib.suppress(OSError):
                os.close(descriptor)
        await waiting.until(lambda: not _is_alive(spawner.pid), DEADLINE_SECONDS)
        assert _found(tmp_path, "*.sock") == []
        assert _found(tmp_path, "*.root") == []


@pytest.fixture
def listening() -> Iterator[socket.socket]:
    with socket.socket() as made:
        made.bind(("127.3.3.3", 0))
        made.listen(16)
        yield made


def _make_image_below_tmp() -> pathlib.Path:
    image = pathlib.Path(tempfile.mkdtemp(prefix="image-", dir="/tmp"))
    image.chmod(0o755)
    (image / "early.py").write_text("def main(argv):\n    import late\n    return late.CODE\n")
    (image / "late.py").write_text("CODE = 7\n")
    return image


def _found(folder: pathlib.Path, pattern: str) -> list[str]:
    return [str(path) for path in folder.glob(pattern)]


def _is_alive(pid: int) -> bool:
    try:
        stat = pathlib.Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return stat.rpartition(")")[2].split()[0] not in "ZX"


async def say(address: tuple[str, int], words: bytes) -> bytes:
    reader, writer = await asyncio.open_connection(*address)
    try:
        writer.write(words)
        async with asyncio.timeout(DEADLINE_SECONDS):
            return await reader.read(100)
    finally:
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()


async def test_a_container_serves_its_handed_socket_and_a_dead_one_refuses(
    desk: Desk, listening: socket.socket
) -> None:
    address = listening.getsockname()
    spec = dataclasses.replace(desk.spec("pod", "echo", "a", "7"), socket_names=("http",))
    state, logs = await desk.start(spec, listening.fileno())
    listening.close()
    assert state.running
    assert _is_alive(state.pid)
    assert await say(address, b"hey") == b"HEY"
    assert await say(address, b"bye") == b"BYE"
    ended = await desk.exit_of("pod")
    assert (ended.exit_code, ended.signal, ended.running) == (7, None, False)
    assert ended.finished_at is not None
    assert ended.finished_at >= ended.started_at
    assert (_read_all(logs[0]), _read_all(logs[1])) == ("out a 7\n", "err\n")
    with pytest.raises(ConnectionRefusedError):
        await say(address, b"hey")
    await desk.spawner.acknowledge("pod")
    assert await desk.spawner.list() == []


async def test_a_container_finds_what_it_was_given_and_nothing_else(
    desk: Desk, listening: socket.socket
) -> None:
    given = desk.spec("pod", "report", "word")
    read_end, write_end = os.pipe()
    spec = dataclasses.replace(
        given, socket_names=("http", "http"), extra_fd_names=("CONTROL_FD",), cwd="/usr"
    )
    handed = (listening.fileno(), listening.fileno(), write_end)
    out, err = await desk.output(spec, *handed)
    os.close(read_end)
    os.close(write_end)
    assert err == ""
    found = json.loads(out)
    assert found["argv"] == found["sys_argv"] == ["word"]
    assert found["cwd"] == "/usr"
    assert found["descriptors"] == [0, 1, 2, 3, 4, 5]
    assert found["stdin"] == ""
    assert found["group_leader"]
    pid = found["env"].pop("LISTEN_PID")
    assert (pid == "1") == (desk.spawner.mode == "full")
    assert found["env"] == {
        "PATH": "/usr/bin:/bin",
        "GREETING": "hi",
        "LISTEN_FDS": "2",
        "LISTEN_FDNAMES": "http:http",
        "CONTROL_FD": "5",
    }


async def test_siblings_draw_different_random_numbers(desk: Desk) -> None:
    drawn = [json.loads((await desk.output(desk.spec(n, "report")))[0])["random"] for n in "ab"]
    assert drawn[0] != drawn[1]


async def test_an_exception_is_printed_and_exits_with_1(desk: Desk) -> None:
    state, logs = await desk.start(desk.spec("pod", "fail"))
    assert (await desk.exit_of(state.id)).exit_code == 1
    assert "ValueError: on purpose" in _read_all(logs[1])


async def test_sys_exit_gives_the_exit_code(desk: Desk) -> None:
    await desk.start(desk.spec("pod", "leave", "9"))
    assert (await desk.exit_of("pod")).exit_code == 9


async def test_a_program_without_entry_is_executed_as_listen_pid_says(
    desk: Desk, listening: socket.socket
) -> None:
    script = "echo pid $$ listen $LISTEN_PID; kill -TERM $$; exit 3"
    spec = dataclasses.replace(
        desk.spec("pod", None, "sh", "-c", script), socket_names=("http",), init=True
    )
    state, logs = await desk.start(spec, listening.fileno())
    ended = await desk.exit_of(state.id)
    words = _read_all(logs[0]).split()
    assert words[1] == words[3]
    assert ended.exit_code == 128 + signal.SIGTERM


async def test_a_program_that_does_not_exist_is_refused_and_leaves_nothing(desk: Desk) -> None:
    with pytest.raises(client.StartError, match="execute no-such-program: No such file"):
        await desk.start(desk.spec("pod", None, "no-such-program"))
    assert await desk.spawner.list() == []


async def test_a_working_directory_that_is_not_there_is_refused_by_name(desk: Desk) -> None:
    spec = dataclasses.replace(desk.spec("pod", "report"), cwd="/not/there")
    with pytest.raises(client.StartError, match="working directory /not/there"):
        await desk.start(spec)


async def test_a_second_container_of_the_same_id_is_refused(desk: Desk) -> None:
    await desk.start(desk.spec("pod", "wait"))
    with pytest.raises(client.StartError, match="container pod exists already"):
        await desk.start(desk.spec("pod", "wait"))


async def test_a_running_container_cannot_be_acknowledged(desk: Desk) -> None:
    await desk.start(desk.spec("pod", "wait"))
    with pytest.raises(client.SpawnerError, match="still runs"):
        await desk.spawner.acknowledge("pod")
    with pytest.raises(client.SpawnerError, match="no container 'other'"):
        await desk.spawner.acknowledge("other")


async def test_a_killed_container_ends_by_its_signal(desk: Desk) -> None:
    await desk.start(desk.spec("pod", "wait"))
    await desk.spawner.signal("pod", signal.SIGKILL)
    assert (await desk.exit_of("pod")).signal == signal.SIGKILL
    await desk.spawner.signal("pod", signal.SIGKILL)


async def test_a_program_that_handles_no_signal_ends_on_sigterm(desk: Desk) -> None:
    """Also as process 1 of its namespace, which the kernel shields from signals."""
    _, logs = await desk.start(desk.spec("pod", "wait"))
    assert os.read(logs[0], 100) == b"waiting\n"
    await desk.spawner.signal("pod", signal.SIGTERM)
    ended = await desk.exit_of("pod")
    assert signal.SIGTERM in (ended.signal, (ended.exit_code or 0) - 128)


async def test_pods_outlive_their_kubelet(desk: Desk, listening: socket.socket) -> None:
    spec = dataclasses.replace(
        desk.spec("platform", "echo", "5"), socket_names=("http",), hold_sockets=True
    )
    address = listening.getsockname()
    running, _ = await desk.start(spec, listening.fileno())
    await desk.start(desk.spec("ending", "leave", "4"))
    listening.close()
    await desk.exit_of("ending")
    desk.spawner.close()

    assert await say(address, b"alone") == b"ALONE"
    desk.spawner = await client.SpawnerClient.attach(desk.spawner.socket_path)
    desk.spawner.on_exit = desk.exits.put_nowait
    states = {state.id: state for state in await desk.spawner.list()}
    assert states["platform"] == running
    assert states["ending"].exit_code == 4

    logs, sockets = await desk.spawner.recover("platform")
    desk.open_descriptors += [*logs, *sockets]
    assert os.read(logs[0], 100) == b"out 5\n"
    assert [os.fstat(held).st_ino > 0 for held in sockets] == [True]
    await say(address, b"bye")
    assert (await desk.exit_of("platform")).exit_code == 5
    early = asyncio.ensure_future(say(address, b"again"))
    again = dataclasses.replace(spec, id="platform-2")
    await desk.start(again, *sockets)
    assert await early == b"AGAIN"


async def test_a_spawner_that_dies_takes_its_containers_along(desk: Desk) -> None:
    lost = asyncio.Event()
    desk.spawner.on_lost = lost.set
    state, _ = await desk.start(desk.spec("pod", "wait"))
    os.kill(desk.spawner.pid, signal.SIGKILL)
    async with asyncio.timeout(DEADLINE_SECONDS):
        await lost.wait()
    await waiting.until(lambda: not _is_alive(state.pid), DEADLINE_SECONDS)
    with pytest.raises(client.SpawnerLost):
        await desk.spawner.list()


async def test_nobody_reads_the_log_and_nothing_is_lost(desk: Desk) -> None:
    out, _ = await desk.output(desk.spec("pod", "print_much", "10000"))
    assert out.splitlines() == [f"line {number}" for number in range(10000)]


async def test_a_burst_is_served_by_forking(desk: Desk) -> None:
    names = [f"pod-{number}" for number in range(30)]
    async with asyncio.timeout(DEADLINE_SECONDS):
        await asyncio.gather(*(desk.start(desk.spec(name, "wait")) for name in names))
    states = await desk.spawner.list()
    assert sorted(state.id for state in states) == sorted(names)
    assert all(_is_alive(state.pid) for state in states)
    assert len({state.pid for state in states}) == len(names)


async def test_no_descriptor_or_child_stays_behind(desk: Desk, listening: socket.socket) -> None:
    async def one(name: str) -> None:
        spec = dataclasses.replace(desk.spec(name, "leave", "0"), socket_names=("http",))
        _, logs = await desk.start(spec, listening.fileno())
        await desk.exit_of(name)
        await desk.spawner.acknowledge(name)
        for descriptor in logs:
            os.close(descriptor)
            desk.open_descriptors.remove(descriptor)

    def count() -> tuple[int, int]:
        pid = desk.spawner.pid
        children = pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        return len(os.listdir(f"/proc/{pid}/fd")), len(children)

    await one("first")
    before = count()
    for number in range(10):
        await one(f"pod-{number}")
    assert count() == before


async def test_an_image_below_the_temporary_folder_stays_visible(
    mode: messages.Mode, tmp_path: pathlib.Path
) -> None:
    image = _make_image_below_tmp()
    launch = launch_of(confined=mode != "none", entry="early:main", pythonpath=(str(image),))
    spawner = await client.SpawnerClient.launch(launch, tmp_path, mode)
    desk = Desk(spawner, tmp_path, asyncio.Queue(), [])
    spawner.on_exit = desk.exits.put_nowait
    try:
        _, logs = await desk.start(dataclasses.replace(desk.spec("late", None), entry="early:main"))
        assert (await desk.exit_of("late")).exit_code == 7, _read_all(logs[1])
    finally:
        await spawner.shutdown()
        for descriptor in desk.open_descriptors:
            os.close(descriptor)
        shutil.rmtree(image)


async def test_a_preload_that_starts_a_thread_is_refused_by_name(tmp_path: pathlib.Path) -> None:
    launch = launch_of(confined=False, preload=("starts_a_thread",))
    with pytest.raises(client.SpawnerError, match="preload 'starts_a_thread' starts 1 thread"):
        await client.SpawnerClient.launch(launch, tmp_path, "none")


async def test_a_preload_that_is_not_there_is_refused_by_name(tmp_path: pathlib.Path) -> None:
    launch = launch_of(confined=False, preload=("not_there",))
    with pytest.raises(client.SpawnerError, match="preload 'not_there' cannot be imported"):
        await client.SpawnerClient.launch(launch, tmp_path, "none")


async def test_attaching_to_nobody_is_lost(tmp_path: pathlib.Path) -> None:
    with pytest.raises(client.SpawnerLost, match="no spawner answers"):
        await client.SpawnerClient.attach(tmp_path / "gone.sock")


async def test_a_policy_that_this_spawner_cannot_keep_is_refused(desk: Desk) -> None:
    given = desk.spec("pod", "report")
    other: messages.Mode = "landlock"
    asked = dataclasses.replace(given.confinement, mode=other)
    with pytest.raises(client.StartError, match="asks for 'landlock'"):
        await desk.start(dataclasses.replace(given, confinement=asked))
    if desk.spawner.mode == "none":
        return
    asked = dataclasses.replace(given.confinement, outbound="default")
    with pytest.raises(client.StartError, match="need different spawners"):
        await desk.start(dataclasses.replace(given, confinement=asked))
    wrong_user = None if os.geteuid() == 0 else 12345
    asked = dataclasses.replace(given.confinement, uid=wrong_user)
    with pytest.raises(client.StartError, match=r"uid"):
        await desk.start(dataclasses.replace(given, confinement=asked))


@pytest.mark.sandbox
async def test_root_limits_memory_by_a_group_and_removes_it(
    tmp_path: pathlib.Path, isolation: probe.Isolation
) -> None:
    if os.geteuid() != 0 or "memory" not in isolation.cgroup_controllers:
        pytest.skip("no memory control group can be made by this user")
    spawner = await client.SpawnerClient.launch(launch_of(confined=False), tmp_path, "none")
    desk = Desk(spawner, tmp_path, asyncio.Queue(), [])
    spawner.on_exit = desk.exits.put_nowait
    try:
        name = f"grows-{os.getpid()}"
        limits = messages.Limits(memory_bytes=64 << 20, max_processes=20, cpu_millis=500)
        await desk.start(dataclasses.replace(desk.spec(name, "grow"), limits=limits))
        ended = await desk.exit_of(name)
        assert (ended.signal, ended.oom) == (signal.SIGKILL, True)
    finally:
        await spawner.shutdown()
        for descriptor in desk.open_descriptors:
            os.close(descriptor)
    assert _found(pathlib.Path("/sys/fs/cgroup"), f"**/fission-*{name}") == []


@pytest.mark.parametrize(
    ("outbound", "own_ports", "outcome"),
    [
        ("default", ((21000, 21999),), "connected\n"),
        ("default", (), "refused\n"),
        ((443,), ((21000, 21999),), "connected\n"),
        ((443,), (), "refused\n"),
    ],
)
async def test_programs_listen_on_ports_of_their_own_where_the_image_may(
    isolation: probe.Isolation,
    tmp_path: pathlib.Path,
    outbound: messages.Outbound,
    own_ports: tuple[messages.PortRange, ...],
    outcome: str,
) -> None:
    if isolation.mode == "none" or isolation.landlock_abi < 4:
        pytest.skip(f"no rules for TCP ports: mode {isolation.mode}, {isolation.gaps}")
    launch = launch_of(
        outbound="default" if outbound == "default" else "chosen",
        blocked_ports=((21000, 21999),),
        own_ports=own_ports,
    )
    spawner = await client.SpawnerClient.launch(launch, tmp_path, isolation.mode)
    desk = Desk(spawner, tmp_path, asyncio.Queue(), [])
    spawner.on_exit = desk.exits.put_nowait
    try:
        given = desk.spec("pod", "listen_and_connect", "21000", "21999")
        confinement = dataclasses.replace(given.confinement, outbound=outbound, own_ports=own_ports)
        out, err = await desk.output(dataclasses.replace(given, confinement=confinement))
        assert (out, err) == (outcome, "")
    finally:
        await spawner.shutdown()
        for descriptor in desk.open_descriptors:
            os.close(descriptor)
