"""What a function can do to the platform, to its neighbours and to the machine: on a real platform,
under every account. ``probe_function`` tries, these tests say what must come of it.
"""

from __future__ import annotations

import base64
import contextlib
import dataclasses
import errno
import json
import pathlib
import signal
import socket
import ssl
import sys
import threading
import urllib.request
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.e2e import accounts, ownnetwork
from tests.e2e import platform as platforms

PROBE = pathlib.Path(__file__).with_name("probe_function.py").read_text()
SIBLING = "def main():\n    return 'the sibling'\n"
OUTCOMES = ("done", "refused")
EACCES = f"refused PermissionError: [Errno {errno.EACCES}]"
EPERM = f"refused PermissionError: [Errno {errno.EPERM}]"
MPTCP = 262
NAMESPACES = {"user": 0x10000000, "mount": 0x20000, "pid": 0x20000000, "net": 0x40000000}
SYSTEM_CALLS = {"io_uring_setup": 425, "open_tree": 428, "fsopen": 430}
"""Numbers that are the same on every architecture."""

Outcome = dict[str, str]


@dataclasses.dataclass
class Scene:
    """A platform with a probe and a sibling, and what an attacker would like to know of it."""

    platform: platforms.Platform
    mode: str
    stranger: int
    """The port of a program that has nothing to do with the platform."""

    def ask(self, function: str, tries: dict[str, list[Any]]) -> Outcome:
        answer = self.platform.call(f"/{function}", "POST", json.dumps(tries).encode())
        assert answer.status == 200, answer
        outcome: Outcome = json.loads(answer.body)
        assert {n: o for n, o in outcome.items() if o.split()[0] not in OUTCOMES} == {}
        return outcome

    def one(self, function: str, *words: Any) -> str:
        return self.ask(function, {"it": list(words)})["it"]

    def pod_of(self, function: str) -> dict[str, Any]:
        for pod in pods(self.platform):
            if pod["metadata"]["labels"].get("functionName") == function:
                return pod
        raise AssertionError(f"{function} has no pod")

    def pids(self) -> dict[str, int]:
        """Processes of the platform and of other pods, by name."""
        probe = self.pod_of("probe")["metadata"]["name"]
        return {
            process["name"]: process["pid"]
            for process in self.platform.status()["processes"]
            if f"/{probe}/" not in process["name"]
        }


def api(platform: platforms.Platform, path: str) -> Any:
    """Ask the API server as its administrator."""
    context = ssl.create_default_context(cafile=platform.home / "pki" / "ca.crt")
    token = (platform.home / "pki" / "admin.token").read_text()
    request = urllib.request.Request(
        platform.status()["apiserver"] + path, headers={"Authorization": f"Bearer {token}"}
    )
    with urllib.request.urlopen(request, context=context, timeout=10) as answer:
        return json.load(answer)


def pods(platform: platforms.Platform) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = api(platform, "/api/v1/pods")["items"]
    return found


def deploy(platform: platforms.Platform, name: str, source: str, environment: str) -> None:
    code = platform.write(f"{name}.py", source)
    platform.fission("fn", "create", "--name", name, "--env", environment, "--code", code)
    platform.fission(
        *("route", "create", "--name", name, "--url", f"/{name}", "--function", name),
        *("--method", "POST", "--method", "GET"),
    )
    body = b'{"it": ["user"]}'
    platforms.eventually(
        lambda: platform.call(f"/{name}", "POST", body), lambda answer: answer.status == 200
    )


def create_environment(platform: platforms.Platform, name: str, *flags: str) -> None:
    image = "fission/python-env"
    platform.fission("env", "create", "--name", name, "--image", image, "--poolsize", "1", *flags)


@contextlib.contextmanager
def serving() -> Iterator[int]:
    """A stranger's program on this machine: takes connections, answers datagrams."""
    with socket.create_server(("127.0.0.1", 0), backlog=100) as server:
        port: int = server.getsockname()[1]
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagrams:
            datagrams.bind(("127.0.0.1", port))
            thread = threading.Thread(target=_answer, args=(datagrams,), daemon=True)
            thread.start()
            yield port
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as last:
                last.sendto(b"end", ("127.0.0.1", port))
            thread.join()


def _answer(datagrams: socket.socket) -> None:
    while True:
        said, caller = datagrams.recvfrom(10)
        if said == b"end":
            return
        datagrams.sendto(b"heard", caller)


@pytest.fixture(scope="module")
def scene(any_platform: platforms.Platform) -> Iterator[Scene]:
    platform = any_platform
    deploy(platform, "probe", PROBE, "python")
    deploy(platform, "sibling", SIBLING, "python")
    with serving() as stranger:
        yield Scene(platform, platform.status()["isolation"]["mode"], stranger)


def those(outcome: Outcome, word: str) -> set[str]:
    return {name for name, text in outcome.items() if text.split()[0] == word}


# what is the platform's


def files_of(scene: Scene) -> tuple[list[pathlib.Path], list[pathlib.Path]]:
    """Files and folders of the home that are not the probe's own volumes."""
    uid = scene.pod_of("probe")["metadata"]["uid"]
    own = [
        scene.platform.home / "pods" / uid / "volumes" / name
        for name in ("userfunc", "secrets", "configmaps", "podinfo")
    ]
    own.append(scene.platform.home / "pods" / uid / "tmp")
    files, folders = [], [scene.platform.home]
    for path in platforms.everything_below(scene.platform.home):
        if any(path == folder or folder in path.parents for folder in own):
            continue
        (folders if path.is_dir() else files).append(path)
    return files, folders


def test_no_file_of_the_home_can_be_read_written_or_removed(scene: Scene) -> None:
    files, folders = files_of(scene)
    names = {path.name for path in files}
    assert {"kubeconfig", "admin.token", "tokens.key", "cluster.json", "apiserver.log"} <= names
    assert any("fission-fetcher-sa-token" in str(path) for path in files)
    assert any(path.is_socket() for path in files)
    tries: dict[str, list[Any]] = {}
    for path in files:
        tries[f"read {path}"] = ["read", str(path)]
        tries[f"write {path}"] = ["write", str(path)]
        tries[f"remove {path}"] = ["remove", str(path)]
    for path in folders:
        tries[f"list {path}"] = ["enumerate_folder", str(path)]
        tries[f"plant in {path}"] = ["write", str(path / "planted")]
    assert those(scene.ask("probe", tries), "done") == set()
    home = platforms.everything_below(scene.platform.home)
    assert [path for path in home if path.name == "planted"] == []
    assert [path for path in files if not path.exists() and "logs" not in path.parts] == []


def test_the_mode_of_a_platforms_file_cannot_be_changed(scene: Scene) -> None:
    token = scene.platform.home / "pki" / "admin.token"
    scene.one("probe", "make_public", str(token))  # Landlock mode pretends
    assert token.stat().st_mode & 0o777 == 0o600


def test_no_credential_is_in_sight_of_a_function(scene: Scene) -> None:
    platform = scene.platform
    needles = [(platform.home / "pki" / "admin.token").read_text().strip()]
    secrets = api(platform, "/api/v1/secrets")["items"]
    assert "fission-internal-auth" in {secret["metadata"]["name"] for secret in secrets}
    for secret in secrets:
        for value in (secret.get("data") or {}).values():
            needles += [value, base64.b64decode(value).decode(errors="replace")]
    needles.append("eyJ" + "hbGciOi")  # how every signed token begins
    needles.append("PRIVATE " + "KEY-----")
    starts = ["/", "/home", "/root", "/tmp", "/var", "/run", "/etc", str(platform.home)]
    found = scene.one("probe", "search", starts, [needle for needle in needles if needle])
    assert found.startswith("done ([], "), found
    assert int(found.rpartition(", ")[2].rstrip(")")) > 5, "the search saw next to nothing"
    names = scene.one("probe", "variables")
    for word in ("SECRET", "TOKEN", "KEY", "PASSWORD", "FISSION_HOME"):
        assert word not in names


def test_no_socket_file_of_the_platform_can_be_connected_to(scene: Scene) -> None:
    home = platforms.everything_below(scene.platform.home)
    sockets = [path for path in home if path.is_socket()]
    assert {"apiserver.sock", "kubelet.sock", "supervisor.sock"} <= {path.name for path in sockets}
    assert len(sockets) > 4, "spawners have sockets, too"
    tries = {path.name: ["connect_to_file", str(path)] for path in sockets}
    assert those(scene.ask("probe", tries), "done") == set()


# network


def listeners(scene: Scene) -> dict[str, tuple[str, int]]:
    """Every TCP address that the platform or a pod listens on, but the public router's."""
    ips = {pod["status"]["podIP"] for pod in pods(scene.platform)}
    status = scene.platform.status()
    host = [int(status[n].rpartition(":")[2]) for n in ("router_internal", "controller")]
    host.append(int(status["apiserver"].rpartition(":")[2]))
    found = {("127.0.0.1", port) for port in host}
    for line in pathlib.Path("/proc/thread-self/net/tcp").read_text().splitlines()[1:]:
        address, state = line.split()[1], line.split()[3]
        ip = socket.inet_ntoa(bytes.fromhex(address[:8])[::-1])
        if state == "0A" and ip in ips:
            found.add((ip, int(address[9:], 16)))
    return {f"{ip}:{port}": (ip, port) for ip, port in found}


def test_of_the_platform_only_the_public_router_can_be_connected_to(scene: Scene) -> None:
    addresses = listeners(scene)
    assert len(addresses) > 3 + 5 + 4, "host ports, platform pods, function pods and fetchers"
    outcome = scene.ask("probe", {name: ["connect", *a] for name, a in addresses.items()})
    assert {name: text for name, text in outcome.items() if not text.startswith(EACCES)} == {}
    mapped = {name: ["connect", f"::ffff:{a[0]}", a[1]] for name, a in addresses.items()}
    assert those(scene.ask("probe", mapped), "done") == set()
    by_mptcp = {name: ["connect", *a, MPTCP] for name, a in addresses.items()}
    by_mptcp |= {f"fast {name}": ["connect_by_fast_open", *a] for name, a in addresses.items()}
    outcome = scene.ask("probe", by_mptcp)
    assert {name: text for name, text in outcome.items() if not text.startswith(EPERM)} == {}


def test_a_function_calls_another_through_the_public_router(scene: Scene) -> None:
    names = scene.one("probe", "variables")
    assert "FISSION_ROUTER_URL" in names
    assert "FISSION_ROUTER_INTERNAL_URL" in names
    assert scene.one("probe", "fetch", "/sibling") == "done 'the sibling'"


def test_a_function_cannot_listen_where_others_do(scene: Scene) -> None:
    sibling = scene.pod_of("sibling")["status"]["podIP"]
    for ip in (sibling, "127.0.0.1"):
        for port in (8888, 8000, 20500, 34567):
            assert scene.one("probe", "listen", ip, port).startswith(EACCES)
    assert scene.one("probe", "listen", "127.0.0.1", 0) == "done None"


def test_strangers_can_be_called_by_default(scene: Scene) -> None:
    outcome = scene.ask(
        "probe",
        {
            "tcp": ["connect", "127.0.0.1", scene.stranger],
            "udp": ["send_udp", "127.0.0.1", scene.stranger],
        },
    )
    assert outcome == {"tcp": "done None", "udp": "done 'heard'"}


def test_odd_sockets_are_refused(scene: Scene) -> None:
    raw, stream, datagram = socket.SOCK_RAW, socket.SOCK_STREAM, socket.SOCK_DGRAM
    outcome = scene.ask(
        "probe",
        {
            "raw": ["open_socket", socket.AF_INET, raw, socket.IPPROTO_ICMP],
            "netlink": ["open_socket", socket.AF_NETLINK, raw, 0],
            "packet": ["open_socket", socket.AF_PACKET, datagram, 0],
            "vsock": ["open_socket", socket.AF_VSOCK, stream, 0],
            "alg": ["open_socket", socket.AF_ALG, socket.SOCK_SEQPACKET, 0],
            "sctp": ["open_socket", socket.AF_INET, stream, 132],
        },
    )
    assert {name: text for name, text in outcome.items() if not text.startswith(EPERM)} == {}


def test_outbound_none_reaches_nobody(scene: Scene) -> None:
    create_environment(scene.platform, "closed", "--annotation", "fission.io/outbound=none")
    deploy(scene.platform, "closed", PROBE, "closed")
    outcome = scene.ask(
        "closed",
        {
            "stranger": ["connect", "127.0.0.1", scene.stranger],
            "datagram": ["send_udp", "127.0.0.1", scene.stranger],
            "router": ["fetch", "/sibling"],
            **{name: ["connect", *a] for name, a in listeners(scene).items()},
        },
    )
    assert those(outcome, "done") == set()


def test_outbound_ports_reaches_these_and_no_other(scene: Scene) -> None:
    with serving() as allowed:
        policy = f"fission.io/outbound=ports:443,{allowed}"
        create_environment(scene.platform, "listed", "--annotation", policy)
        deploy(scene.platform, "listed", PROBE, "listed")
        outcome = scene.ask(
            "listed",
            {
                "allowed": ["connect", "127.0.0.1", allowed],
                "stranger": ["connect", "127.0.0.1", scene.stranger],
                "datagram": ["send_udp", "127.0.0.1", allowed],
                "mptcp": ["connect", "127.0.0.1", allowed, MPTCP],
                "router": ["fetch", "/sibling"],
                **{name: ["connect", *a] for name, a in listeners(scene).items()},
            },
        )
    assert those(outcome, "done") == {"allowed"}


def test_outbound_open_reaches_everybody(scene: Scene) -> None:
    create_environment(scene.platform, "open", "--annotation", "fission.io/outbound=open")
    deploy(scene.platform, "open", PROBE, "open")
    own = scene.pod_of("open")["status"]["podIP"]
    addresses = {n: a for n, a in listeners(scene).items() if a[0] != own}
    outcome = scene.ask("open", {name: ["connect", *a] for name, a in addresses.items()})
    assert those(outcome, "refused") == set()
    # A port is not a credential.
    internal = scene.platform.status()["router_internal"]
    answer = scene.one("open", "fetch", f"{internal}/fission-function/default/sibling")
    assert answer.startswith("refused HTTPError: HTTP Error 401"), answer


def test_a_wrong_policy_is_refused_by_name(scene: Scene) -> None:
    platform = scene.platform
    flags = ("--image", "fission/python-env", "--poolsize", "1", "--annotation")
    done = platform.fission(
        *("env", "create", "--name", "odd", *flags, "fission.io/outbound=all"), check=False
    )
    assert done.returncode == 1
    assert "metadata.annotations[fission.io/outbound]" in done.stderr
    assert "all" in done.stderr
    if platform.account != accounts.everyone()[0]:
        return  # what follows takes as long as a hopeless pool is waited for
    # The port of the fetchers: only the node knows that it is one of its own.
    create_environment(platform, "greedy", "--annotation", "fission.io/outbound=ports:8000")
    code = platform.write("greedy.py", SIBLING)
    platform.fission("fn", "create", "--name", "greedy", "--env", "greedy", "--code", code)
    done = platform.fission("fn", "test", "--name", "greedy", check=False)
    assert done.returncode == 1
    assert "port 8000 is one of the platform's" in done.stdout + done.stderr
    platform.fission("fn", "delete", "--name", "greedy")
    platform.fission("env", "delete", "--name", "greedy")


def test_on_the_usual_ports_pods_keep_out_of_reach(
    fresh: Callable[[], platforms.Platform],
) -> None:
    """There the public router has the number that function pods declare, and the executor."""
    if not ownnetwork.is_possible():
        pytest.skip("needs root: a network without others")
    platform = fresh()

    def body() -> None:
        platform.fission("up", "-d")
        create_environment(platform, "python")
        deploy(platform, "probe", PROBE, "python")
        deploy(platform, "sibling", SIBLING, "python")
        scene = Scene(platform, "", 0)
        assert platform.router.endswith(":8888")
        assert scene.one("probe", "fetch", "/sibling") == "done 'the sibling'"
        addresses = listeners(scene)
        assert len(addresses) > 3 + 5 + 4
        outcome = scene.ask("probe", {name: ["connect", *a] for name, a in addresses.items()})
        assert {name: text for name, text in outcome.items() if not text.startswith(EACCES)} == {}

    ownnetwork.run(body)


def test_where_nothing_is_confined_everybody_is_told(
    fresh: Callable[[], platforms.Platform],
) -> None:
    """The same tries succeed there: their refusal elsewhere is the sandbox's doing."""
    platform = fresh()
    up = ("up", "-d", "--ports", "auto")
    platform.fission(*up, env={"FISSION_SANDBOX_MODE": "none"})
    create_environment(platform, "python")
    deploy(platform, "probe", PROBE, "python")
    scene = Scene(platform, "none", 0)
    assert platform.status()["isolation"]["mode"] == "none"
    condition = next(
        c for c in scene.pod_of("probe")["status"]["conditions"] if c["type"] == "Confined"
    )
    assert condition["status"] == "False"
    assert "functions are not confined" in condition["message"]
    tries: dict[str, list[Any]] = {
        "kubeconfig": ["read", str(platform.home / "kubeconfig")],
        "socket": ["connect_to_file", str(next(platform.home.rglob("apiserver.sock")))],
        "signal": ["send_signal", scene.pids()["kubelet"]],
        "environment": ["read", f"/proc/{scene.pids()['kubelet']}/environ"],
        **{name: ["connect", *a] for name, a in listeners(scene).items()},
    }
    assert those(scene.ask("probe", tries), "refused") == set()
    needle = (platform.home / "pki" / "admin.token").read_text().strip()
    assert "admin.token" in scene.one("probe", "search", [str(platform.home)], [needle], False)


# neighbours


def test_no_process_of_others_can_be_touched(scene: Scene) -> None:
    pids = scene.pids()
    sibling = scene.pod_of("sibling")["metadata"]["name"]
    roles = {"supervisor", "apiserver", "kubelet", f"default/{sibling}/python"}
    assert roles <= set(pids)
    ways = (
        "send_signal",
        "send_signal_by_descriptor",
        "trace",
        "read_memory",
        "take_descriptor",
        "limit",
        "slow_down",
    )
    tries: dict[str, list[Any]] = {}
    for name, pid in pids.items():
        tries |= {f"{way} {name}": [way, pid] for way in ways}
        for entry in ("environ", "cmdline", "maps", "root/etc/hostname"):
            tries[f"{entry} {name}"] = ["read", f"/proc/{pid}/{entry}"]
        tries[f"mem {name}"] = ["write", f"/proc/{pid}/mem"]
        tries[f"oom {name}"] = ["write", f"/proc/{pid}/oom_score_adj"]
        tries[f"fd {name}"] = ["enumerate_folder", f"/proc/{pid}/fd"]
    assert those(scene.ask("probe", tries), "done") == set()
    assert scene.pids().items() >= pids.items() or scene.platform.call("/sibling").status == 200


# kernel


def test_what_leads_out_of_a_sandbox_is_refused(scene: Scene) -> None:
    tries: dict[str, list[Any]] = {
        "mount": ["mount", "/tmp"],
        "change_root": ["change_root"],
        "become root": ["change_user", 0],
        "become another": ["change_user", 12345],
        "make_device": ["make_device", "/userfunc"],
        "change_personality": ["change_personality"],
        "kernel setting": ["write", "/proc/sys/kernel/core_pattern"],
        "kernel log": ["read", "/dev/kmsg"],
        "disk": ["read", "/dev/vda"],
        **{f"{name} namespace": ["new_namespace", flag] for name, flag in NAMESPACES.items()},
        **{name: ["call_number", number] for name, number in SYSTEM_CALLS.items()},
    }
    assert those(scene.ask("probe", tries), "done") == set()
    privileges = scene.one("probe", "privileges")
    assert privileges == "done {'CapPrm': 0, 'CapEff': 0, 'NoNewPrivs': 1, 'Seccomp': 2}"
    assert scene.one("probe", "user") != "done 0"


def test_writing_outside_of_its_volumes_is_refused(scene: Scene) -> None:
    python = pathlib.Path(sys.prefix)
    sources = pathlib.Path(__file__).parents[2]
    places = ["/usr", "/etc", "/", "/var/tmp", "/root", "/home", python, sources]
    places += [sources / "environments" / "python", sources / "src" / "fission"]
    tries: dict[str, list[Any]] = {f"{p}": ["write", f"{p}/planted"] for p in places}
    assert those(scene.ask("probe", tries), "done") == set()


# resources


def test_a_fork_bomb_ends_at_the_limit(scene: Scene) -> None:
    said = scene.one("probe", "start_without_end", 1500)
    assert said.startswith("refused Refused: after "), said
    assert 400 < int(said.rpartition(" ")[2]) < 1024
    assert scene.platform.call("/sibling").text == "the sibling"
    assert scene.one("probe", "user").startswith("done")


def test_memory_and_processor_time_are_limited_or_the_pod_says_how_far(scene: Scene) -> None:
    flags = ("--maxmemory", "160", "--maxcpu", "200")
    create_environment(scene.platform, "bounded", *flags)
    deploy(scene.platform, "bounded", PROBE, "bounded")
    outcome = scene.ask("bounded", {"little": ["take_memory", 16], "cpu": ["burn", 1]})
    assert outcome["little"] == "done None"
    share = int(outcome["cpu"].split()[1])
    conditions = {c["type"]: c for c in scene.pod_of("bounded")["status"]["conditions"]}
    confined = conditions.get("Confined", {"status": "True", "message": ""})
    if "processor time is not enforced" in confined["message"]:
        assert confined["status"] == "False"
        assert any("processor" in gap for gap in scene.platform.status()["isolation"]["missing"])
    else:
        assert share < 40
    # The process that asked is ended or, where the kernel so chooses, the whole container.
    much = scene.platform.call("/bounded", "POST", b'{"it": ["take_memory", 400]}')
    assert "done" not in much.text
    assert "refused" in much.text or much.status == 500
    assert scene.platform.call("/sibling").text == "the sibling"
    again = platforms.eventually(
        lambda: scene.platform.call("/bounded", "POST", b'{"it": ["take_memory", 16]}'),
        lambda answer: answer.status == 200,
    )
    assert json.loads(again.body) == {"it": "done None"}


def test_the_temporary_folder_is_bounded_where_it_is_private(scene: Scene) -> None:
    said = scene.one("probe", "fill", "/tmp/big", 100)
    if scene.mode == "full":
        assert "No space left on device" in said
    else:
        assert said.startswith(EACCES), "the machine's /tmp is not a function's"


# what must go on working


def test_ordinary_programs_work(scene: Scene) -> None:
    tries = {
        "own code": ["use_volume", "/userfunc"],
        "temporary files": ["use_temporary_files"],
        "programs": ["use_programs"],
        "threads": ["use_threads"],
        "process pool": ["use_process_pool"],
        "a child": ["end_a_child"],
        "database": ["use_database"],
        "tls": ["use_tls"],
        "event loop": ["use_event_loop"],
    }
    outcome = scene.ask("probe", tries)
    assert {name: text for name, text in outcome.items() if not text.startswith("done")} == {}
    assert outcome["a child"] == f"done {-signal.SIGTERM}"
