"""What a hostile function tries, run inside a container; one function per line of the table.

An attack that works returns; one that is refused raises OSError, MemoryError or ``Refused``. The
targets (paths, ports, process ids) come in the environment. ``WORKS`` holds what must go on
working.
"""

import ctypes
import faulthandler
import fcntl
import json
import os
import resource
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from typing import Any

import seccompy

ATTACKS: dict[str, Callable[[dict[str, Any]], None]] = {}
WORKS: dict[str, Callable[[dict[str, Any]], None]] = {}
LIBC = ctypes.CDLL(None, use_errno=True)
LIBC.syscall.restype = ctypes.c_long
LEAKED = os.open(os.environ["LEAK"], os.O_RDONLY) if "LEAK" in os.environ else -1
"""Opened while the image was imported, as a careless preload does."""


class Refused(Exception):
    """The attack did not have its effect."""


def attack(function: Callable[[dict[str, Any]], None]) -> Callable[[dict[str, Any]], None]:
    ATTACKS[function.__name__] = function
    return function


def works(function: Callable[[dict[str, Any]], None]) -> Callable[[dict[str, Any]], None]:
    WORKS[function.__name__] = function
    return function


def call(name: str, *arguments: Any) -> int:
    number = seccompy.syscall_nr(name)
    return raw_call(number, *arguments)


def raw_call(number: int, *arguments: Any) -> int:
    converted = [ctypes.c_long(a) if isinstance(a, int) else a for a in arguments]
    result = LIBC.syscall(ctypes.c_long(number), *converted)
    if result < 0:
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error))
    return int(result)


# 1-6: files


@attack
def read_a_neighbours_volume(targets: dict[str, Any]) -> None:
    with open(targets["neighbour_file"]) as file:
        file.read()


@attack
def write_a_neighbours_volume(targets: dict[str, Any]) -> None:
    with open(os.path.join(os.path.dirname(targets["neighbour_file"]), "planted"), "w") as file:
        file.write("x")


@attack
def read_the_platforms_token(targets: dict[str, Any]) -> None:
    with open(targets["token"]) as file:
        file.read()


@attack
def list_the_platforms_home(targets: dict[str, Any]) -> None:
    os.listdir(os.path.dirname(targets["token"]))


@attack
def stat_the_platforms_token(targets: dict[str, Any]) -> None:
    os.stat(targets["token"])


@attack
def chmod_the_platforms_token(targets: dict[str, Any]) -> None:
    os.chmod(targets["token"], 0o604)
    if os.stat(targets["token"]).st_mode & 0o777 != 0o604:
        raise Refused("pretended")


@attack
def read_an_inherited_descriptor(targets: dict[str, Any]) -> None:
    os.pread(LEAKED, 100, 0)


@attack
def follow_a_link_to_the_token(targets: dict[str, Any]) -> None:
    link = os.path.join(targets["volume"], "symbolic")
    os.symlink(targets["token"], link)
    with open(link) as file:
        file.read()


@attack
def hard_link_the_token(targets: dict[str, Any]) -> None:
    os.link(targets["token"], os.path.join(targets["volume"], "hard"))


@attack
def reach_the_token_through_process_1(targets: dict[str, Any]) -> None:
    with open("/proc/1/root" + targets["token"]) as file:
        file.read()


@attack
def reach_the_token_through_the_spawner(targets: dict[str, Any]) -> None:
    with open(f"/proc/{targets['spawner_pid']}/root{targets['token']}") as file:
        file.read()


# 7-12: sockets


def connect(family: int, address: Any, protocol: int = 0) -> None:
    with socket.socket(family, socket.SOCK_STREAM, protocol) as client:
        client.settimeout(3)
        client.connect(address)


@attack
def connect_to_the_platforms_socket_file(targets: dict[str, Any]) -> None:
    connect(socket.AF_UNIX, targets["platform_socket"])


@attack
def connect_to_the_spawners_socket_file(targets: dict[str, Any]) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as client:
        client.connect(targets["spawner_socket"])


@attack
def send_to_a_socket_file_by_a_pair(targets: dict[str, Any]) -> None:
    one, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    with one, other:
        one.sendto(b"x", targets["datagram_socket"])


@attack
def connect_to_the_platforms_abstract_socket(targets: dict[str, Any]) -> None:
    connect(socket.AF_UNIX, "\0" + targets["abstract"])


@attack
def connect_to_a_siblings_abstract_socket(targets: dict[str, Any]) -> None:
    connect(socket.AF_UNIX, "\0" + targets["sibling_abstract"])


@attack
def connect_to_the_internal_router(targets: dict[str, Any]) -> None:
    connect(socket.AF_INET, ("127.0.0.1", targets["platform_port"]))


@attack
def connect_to_another_pod(targets: dict[str, Any]) -> None:
    connect(socket.AF_INET, tuple(targets["neighbour_address"]))


@attack
def connect_over_ipv6_to_an_ipv4_neighbour(targets: dict[str, Any]) -> None:
    host, port = targets["neighbour_address"]
    connect(socket.AF_INET6, (f"::ffff:{host}", port))


@attack
def connect_by_mptcp(targets: dict[str, Any]) -> None:
    connect(socket.AF_INET, tuple(targets["neighbour_address"]), 262)


@attack
def connect_by_fast_open(targets: dict[str, Any]) -> None:
    with socket.socket() as client:
        client.sendto(b"x", 0x20000000, tuple(targets["neighbour_address"]))
        client.getpeername()


@attack
def send_udp_to_a_neighbour(targets: dict[str, Any]) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.connect(tuple(targets["udp_address"]))
        client.send(b"x")
        client.settimeout(3)
        client.recv(1)


@attack
def connect_to_another_port(targets: dict[str, Any]) -> None:
    connect(socket.AF_INET, ("127.0.0.1", targets["other_port"]))


@attack
def connect_to_the_allowed_port(targets: dict[str, Any]) -> None:
    connect(socket.AF_INET, ("127.0.0.1", targets["allowed_port"]))


@attack
def bind_another_pods_address(targets: dict[str, Any]) -> None:
    with socket.socket() as server:
        server.bind(tuple(targets["free_address"]))
        if targets["own_network"]:
            raise Refused("in a network of its own")


# 13-17: neighbours


@attack
def signal_a_sibling(targets: dict[str, Any]) -> None:
    os.kill(targets["sibling_pid"], signal.SIGCONT)


@attack
def signal_the_spawner(targets: dict[str, Any]) -> None:
    os.kill(targets["spawner_pid"], signal.SIGCONT)


@attack
def signal_a_sibling_by_pidfd(targets: dict[str, Any]) -> None:
    signal.pidfd_send_signal(os.pidfd_open(targets["sibling_pid"]), signal.SIGCONT)


@attack
def trace_a_sibling(targets: dict[str, Any]) -> None:
    call("ptrace", 0x4206, targets["sibling_pid"], 0, 0)  # PTRACE_SEIZE


@attack
def read_a_siblings_memory(targets: dict[str, Any]) -> None:
    buffer = ctypes.create_string_buffer(8)
    local = (ctypes.c_void_p * 2)(ctypes.addressof(buffer), 8)
    remote = (ctypes.c_void_p * 2)(targets["sibling_address"], 8)
    call("process_vm_readv", targets["sibling_pid"], local, 1, remote, 1, 0)


@attack
def take_a_siblings_descriptor(targets: dict[str, Any]) -> None:
    call("pidfd_getfd", os.pidfd_open(targets["sibling_pid"]), 0, 0)


@attack
def read_a_siblings_environment(targets: dict[str, Any]) -> None:
    with open(f"/proc/{targets['sibling_pid']}/environ", "rb") as file:
        file.read()


@attack
def read_a_siblings_command(targets: dict[str, Any]) -> None:
    with open(f"/proc/{targets['sibling_pid']}/cmdline", "rb") as file:
        file.read()


@attack
def offer_a_sibling_to_the_oom_killer(targets: dict[str, Any]) -> None:
    with open(f"/proc/{targets['sibling_pid']}/oom_score_adj", "w") as file:
        file.write("1000")


@attack
def limit_a_sibling(targets: dict[str, Any]) -> None:
    resource.prlimit(targets["sibling_pid"], resource.RLIMIT_NOFILE)


@attack
def slow_a_sibling_down(targets: dict[str, Any]) -> None:
    os.setpriority(os.PRIO_PROCESS, targets["sibling_pid"], 5)


@attack
def slow_every_process_of_the_user_down(targets: dict[str, Any]) -> None:
    """The driver looks at the sibling afterwards."""
    if not targets["confined"]:
        raise Refused("it would slow down whoever runs these tests")
    os.setpriority(os.PRIO_USER, 0, os.getpriority(os.PRIO_PROCESS, 0) + 1)


@attack
def attach_a_siblings_shared_memory(targets: dict[str, Any]) -> None:
    call("shmat", targets["sibling_shmid"], 0, 0)


# 18-22: the kernel


@attack
def write_a_kernel_setting(targets: dict[str, Any]) -> None:
    os.close(os.open("/proc/sys/kernel/core_pattern", os.O_WRONLY))


@attack
def mount_something(targets: dict[str, Any]) -> None:
    path = os.path.join(targets["volume"], "mounted").encode()
    os.mkdir(path)
    call("mount", b"tmpfs", path, b"tmpfs", 0, 0)


@attack
def make_a_user_namespace_by_unshare(targets: dict[str, Any]) -> None:
    pid = os.fork()
    if pid == 0:
        os._exit(0 if LIBC.unshare(0x10000000) == 0 else 1)
    if os.waitpid(pid, 0)[1]:
        raise Refused("unshare")


@attack
def make_a_user_namespace_by_clone(targets: dict[str, Any]) -> None:
    if call("clone", 0x10000000 | signal.SIGCHLD, 0, 0, 0, 0) == 0:
        os._exit(0)
    os.wait()


@attack
def make_a_user_namespace_by_clone3(targets: dict[str, Any]) -> None:
    arguments = struct.pack("8Q", 0x10000000, 0, 0, 0, signal.SIGCHLD, 0, 0, 0)
    if call("clone3", arguments, len(arguments)) == 0:
        os._exit(0)
    os.wait()


@attack
def load_a_bpf_program(targets: dict[str, Any]) -> None:
    try:
        call("bpf", 0, ctypes.create_string_buffer(64), 64)
    except OSError as error:
        if error.errno == 22:
            return
        raise


@attack
def set_up_io_uring(targets: dict[str, Any]) -> None:
    os.close(call("io_uring_setup", 4, ctypes.create_string_buffer(120)))


@attack
def use_the_kernels_keyring(targets: dict[str, Any]) -> None:
    call("keyctl", 0, -3, 1)


@attack
def open_a_userfaultfd(targets: dict[str, Any]) -> None:
    os.close(call("userfaultfd", 1))


@attack
def open_a_performance_event(targets: dict[str, Any]) -> None:
    attributes = struct.pack("2IQ", 1, 112, 1) + bytes(16) + struct.pack("Q", 0) + bytes(72)
    os.close(call("perf_event_open", attributes, 0, -1, -1, 0))


@attack
def change_the_personality(targets: dict[str, Any]) -> None:
    call("personality", 0x0040000)


@attack
def call_by_an_x32_number(targets: dict[str, Any]) -> None:
    raw_call(0x40000000 | seccompy.syscall_nr("getpid"))


@attack
def call_a_number_not_yet_known(targets: dict[str, Any]) -> None:
    raw_call(999)


@attack
def become_root(targets: dict[str, Any]) -> None:
    os.setuid(0)


@attack
def gain_privileges_by_a_set_uid_program(targets: dict[str, Any]) -> None:
    with open("/proc/self/status") as file:
        if "NoNewPrivs:\t1" in file.read():
            raise Refused("no_new_privs")


@attack
def keep_a_capability(targets: dict[str, Any]) -> None:
    with open("/proc/self/status") as file:
        lines = [line for line in file if line.startswith(("CapPrm", "CapEff", "CapInh", "CapAmb"))]
    if all(int(line.split()[1], 16) == 0 for line in lines):
        raise Refused("none")


@attack
def make_a_device(targets: dict[str, Any]) -> None:
    os.mknod(os.path.join(targets["volume"], "null"), 0o020666, os.makedev(1, 3))


@attack
def read_the_kernels_log(targets: dict[str, Any]) -> None:
    os.close(os.open("/dev/kmsg", os.O_RDONLY))


@attack
def read_a_disk(targets: dict[str, Any]) -> None:
    names = [name for name in ("vda", "sda", "nvme0n1") if os.path.exists(f"/dev/{name}")]
    if not names:
        raise Refused("none in sight")
    os.close(os.open(f"/dev/{names[0]}", os.O_RDONLY))


@attack
def type_into_a_terminal(targets: dict[str, Any]) -> None:
    try:
        fcntl.ioctl(0, 0x5412, b"x")
    except OSError as error:
        if error.errno == 25:
            return  # not a terminal: the call itself went through
        raise


@attack
def open_a_packet_socket(targets: dict[str, Any]) -> None:
    socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM).close()


@attack
def open_a_vsock(targets: dict[str, Any]) -> None:
    socket.socket(socket.AF_VSOCK, socket.SOCK_STREAM).close()


@attack
def open_a_kernel_crypto_socket(targets: dict[str, Any]) -> None:
    socket.socket(socket.AF_ALG, socket.SOCK_SEQPACKET).close()


@attack
def open_a_netlink_socket(targets: dict[str, Any]) -> None:
    socket.socket(socket.AF_NETLINK, socket.SOCK_RAW).close()


@attack
def open_a_raw_socket(targets: dict[str, Any]) -> None:
    socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP).close()


# 23-25: resources


@attack
def start_three_hundred_processes(targets: dict[str, Any]) -> None:
    children: list[int] = []
    try:
        for _ in range(300):
            pid = os.fork()
            if pid == 0:
                signal.pause()
                os._exit(0)
            children.append(pid)
    finally:
        for pid in children:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)


@attack
def take_too_much_memory(targets: dict[str, Any]) -> None:
    pid = os.fork()
    if pid == 0:
        try:
            block = bytearray(targets["memory_limit"] * 2)
            block[::4096] = b"x" * len(block[::4096])
        except MemoryError:
            os._exit(9)
        os._exit(0)
    if os.waitpid(pid, 0)[1]:
        raise Refused("ended")


@attack
def fill_the_temporary_folder(targets: dict[str, Any]) -> None:
    path = "/tmp/fission-attack-fill"
    try:
        with open(path, "wb", buffering=0) as file:
            for _ in range(100):
                file.write(bytes(2 * 1024 * 1024))
    finally:
        if os.path.exists(path):
            os.unlink(path)


@attack
def write_a_system_file(targets: dict[str, Any]) -> None:
    with open("/usr/planted", "w"):
        pass


@attack
def write_the_interpreter(targets: dict[str, Any]) -> None:
    with open(os.path.join(sys.prefix, "planted"), "w"):
        pass


# what must go on working


@works
def own_volume(targets: dict[str, Any]) -> None:
    path = os.path.join(targets["volume"], "mine")
    with open(path, "w") as file:
        file.write("x")
    os.rename(path, path + "2")
    os.mkdir(os.path.join(targets["volume"], "folder"))
    assert "mine2" in os.listdir(targets["volume"])


@works
def moves_between_own_folders(targets: dict[str, Any]) -> None:
    """Package managers fill their caches so: Landlock has a right of its own for it."""
    origin, target = (os.path.join(targets["volume"], name) for name in ("here", "there"))
    for folder in (origin, target):
        os.mkdir(folder)
    with open(f"{origin}/file", "w") as file:
        file.write("x")
    os.rename(f"{origin}/file", f"{target}/file")
    os.link(f"{target}/file", f"{origin}/file")


@works
def libraries(targets: dict[str, Any]) -> None:
    import sqlite3
    import ssl

    ssl.create_default_context()
    assert sqlite3.connect(":memory:").execute("select 1").fetchone() == (1,)


@works
def programs(targets: dict[str, Any]) -> None:
    assert subprocess.run(["/bin/echo", "hi"], capture_output=True, check=True).stdout == b"hi\n"
    code = "import json; print(1)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout


@works
def temporary_files(targets: dict[str, Any]) -> None:
    with tempfile.TemporaryFile() as file:
        file.write(b"x")
    with tempfile.TemporaryDirectory() as folder, open(f"{folder}/x", "w"):
        pass


@works
def process_pools(targets: dict[str, Any]) -> None:
    import multiprocessing

    with multiprocessing.get_context("fork").Pool(2) as pool:
        assert pool.map(abs, [-1, -2]) == [1, 2]


@works
def event_loops(targets: dict[str, Any]) -> None:
    import asyncio

    async def main() -> int:
        await asyncio.to_thread(len, "x")
        return 5

    assert asyncio.run(main()) == 5


@works
def copying_files(targets: dict[str, Any]) -> None:
    source = os.path.join(targets["volume"], "source")
    with open(source, "w") as file:
        file.write("x")
    shutil.copy(source, source + "2")
    leave_out = shutil.ignore_patterns("tree", "symbolic", "hard", "null", "mounted", "pipe")
    tree = os.path.join(targets["volume"], "tree")
    shutil.copytree(targets["volume"], tree, symlinks=True, ignore=leave_out)


@works
def own_hostname_and_process_number(targets: dict[str, Any]) -> None:
    if targets["full"]:
        assert socket.gethostname() == "attacker"
        assert os.getpid() == 1


@works
def threads(targets: dict[str, Any]) -> None:
    thread = threading.Thread(target=lambda: None)
    thread.start()
    thread.join()


@works
def named_pipes(targets: dict[str, Any]) -> None:
    os.mkfifo(os.path.join(targets["volume"], "pipe"))


STUCK_SECONDS = 45
"""Then the attacker prints where it is, before those who wait for it give up."""


def run_attacks(argv: list[str]) -> int:
    """Entry of the attacker: try everything, write the outcomes into the own volume."""
    targets = json.loads(os.environ["TARGETS"])
    # No thread for this: the kernel refuses namespaces to programs that have several.
    faulthandler.register(signal.SIGALRM)
    signal.alarm(STUCK_SECONDS)
    outcome: dict[str, str] = {}
    for name, function in {**ATTACKS, **WORKS}.items():
        try:
            function(targets)
            outcome[name] = "done"
        except (OSError, MemoryError, Refused) as error:
            outcome[name] = f"refused: {type(error).__name__}: {error}"
        except Exception as error:
            outcome[name] = f"broken: {type(error).__name__}: {error}"
    path = os.path.join(targets["volume"], "outcome.json")
    with open(path + ".part", "w") as file:
        json.dump(outcome, file)
    os.rename(path + ".part", path)
    return 0


def be_a_sibling(argv: list[str]) -> int:
    """Entry of the victim: own something of every kind, say what, and wait to be killed."""
    targets = json.loads(os.environ["TARGETS"])
    secret = ctypes.create_string_buffer(b"private")
    found: dict[str, Any] = {"address": ctypes.addressof(secret)}
    try:
        found["shmid"] = call("shmget", 0, 4096, 0o1666)
    except OSError:
        found["shmid"] = -1
    try:
        server = socket.socket(socket.AF_UNIX)
        server.bind("\0" + targets["sibling_abstract"])
        server.listen()
    except OSError:
        pass
    path = os.path.join(targets["volume"], "sibling.json")
    with open(path + ".part", "w") as file:
        json.dump(found, file)
    os.rename(path + ".part", path)
    signal.pause()
    return 0


def leave_descendants(argv: list[str]) -> int:
    """Entry: twenty double-forked processes in sessions of their own, then wait to be killed."""
    for _ in range(20):
        if os.fork() == 0:
            os.setsid()
            if os.fork() == 0:
                while True:
                    time.sleep(3600)
            os._exit(0)
    for _ in range(20):
        os.wait()
    os.write(int(os.environ["ALIVE_FD"]), b"ready")
    signal.pause()
    return 0
