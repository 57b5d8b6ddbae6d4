"""Programs run in an interpreter of the kernel's instruction set, not in the kernel."""

import errno
import platform
import signal
import socket
import struct

import pytest
import seccompy

from fission.cluster.kubelet.sandbox import syscallfilter

ALLOW = 0x7FFF0000
ERRNO = 0x00050000
KILL = 0x80000000
CLONE_NEWUSER = 0x10000000

pytestmark = pytest.mark.skipif(
    platform.machine() not in ("x86_64", "aarch64"), reason="no call numbers for this machine"
)


def verdict(program: bytes, number: int, *arguments: int, arch: int | None = None) -> int:
    """What the kernel would do with one call."""
    padded = [*arguments, *([0] * (6 - len(arguments)))]
    values = [item & 0xFFFFFFFFFFFFFFFF for item in padded]
    machine = seccompy.audit_arch() if arch is None else arch
    data = struct.pack("<iIQ6Q", number & 0x7FFFFFFF, machine, 0, *values)
    instructions = list(struct.iter_unpack("<HBBI", program))
    accumulator, position = 0, 0
    while True:
        code, yes, no, value = instructions[position]
        position += 1
        if code == 0x20:
            accumulator = struct.unpack_from("<I", data, value)[0]
        elif code == 0x54:
            accumulator &= value
        elif code == 0x05:
            position += value
        elif code == 0x06:
            return int(value)
        else:
            tests = {
                0x15: accumulator == value,
                0x25: accumulator > value,
                0x35: accumulator >= value,
                0x45: bool(accumulator & value),
            }
            position += yes if tests[code] else no


def call(name: str, *arguments: int, strict: bool = False, network: str = "all") -> int:
    program = syscallfilter.compile_program(strict, network)  # type: ignore[arg-type]
    return verdict(program, seccompy.syscall_nr(name), *arguments)


def refused(code: int = errno.EPERM) -> int:
    return ERRNO | code


def test_ordinary_calls_pass() -> None:
    for strict in (False, True):
        for name in ("read", "openat", "mmap", "execve", "futex", "accept4", "kill", "wait4"):
            assert call(name, strict=strict) == ALLOW


@pytest.mark.parametrize("name", ["mount", "unshare", "ptrace", "bpf", "io_uring_setup", "keyctl"])
def test_calls_that_lead_out_are_refused(name: str) -> None:
    assert call(name) == refused()
    assert call(name, strict=True) == refused()


def test_numbers_not_yet_known_and_x32_do_not_exist() -> None:
    program = syscallfilter.compile_program(False, "all")
    newest = syscallfilter.NEWEST_KNOWN_CALL
    assert verdict(program, newest) == ALLOW
    assert verdict(program, newest + 1) == refused(errno.ENOSYS)
    assert verdict(program, 0x40000000 | 1) == refused(errno.ENOSYS)


def test_a_foreign_architecture_is_killed() -> None:
    program = syscallfilter.compile_program(False, "all")
    assert verdict(program, 1, arch=0x40000003) == KILL


def test_clone_makes_processes_and_threads_but_no_namespaces() -> None:
    assert call("clone", signal.SIGCHLD) == ALLOW
    assert call("clone", 0x3D0F00) == ALLOW
    assert call("clone", CLONE_NEWUSER | signal.SIGCHLD) == refused()
    assert call("clone3") == refused(errno.ENOSYS)


@pytest.mark.parametrize(
    ("network", "strict", "allowed"),
    [
        ("all", False, {"unix", "tcp", "udp"}),
        ("tcp", False, {"unix", "tcp"}),
        ("none", False, {"unix", "tcp", "udp"}),
        ("all", True, {"tcp", "udp"}),
        ("tcp", True, {"tcp"}),
        ("none", True, set()),
    ],
)
def test_sockets_of_each_policy(network: str, strict: bool, allowed: set[str]) -> None:
    """Where the network namespace is empty, internet sockets lead nowhere and may be made."""
    kinds = {
        "unix": (socket.AF_UNIX, socket.SOCK_STREAM, 0),
        "tcp": (socket.AF_INET, socket.SOCK_STREAM | socket.SOCK_CLOEXEC, 0),
        "udp": (socket.AF_INET6, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK, socket.IPPROTO_UDP),
        "raw": (socket.AF_INET, socket.SOCK_RAW, 0),
        "mptcp": (socket.AF_INET, socket.SOCK_STREAM, 262),
        "ping": (socket.AF_INET, socket.SOCK_DGRAM, 1),
        "netlink": (16, socket.SOCK_RAW, 0),
        "packet": (17, socket.SOCK_RAW, 0),
        "vsock": (40, socket.SOCK_STREAM, 0),
    }
    passed = {
        name
        for name, arguments in kinds.items()
        if call("socket", *arguments, strict=strict, network=network) == ALLOW
    }
    assert passed == allowed


def test_high_bits_that_the_kernel_ignores_do_not_help() -> None:
    high = 1 << 32
    assert call("socket", high | 17, socket.SOCK_RAW, 0) == refused()
    assert call("ioctl", 0, high | 0x5412) == refused()
    assert call("personality", 0x0040000) == refused()
    assert call("prlimit64", 77, strict=True) == refused()


def test_fast_open_is_refused_on_every_way_to_send() -> None:
    for name, position in (("sendto", 3), ("sendmsg", 2), ("sendmmsg", 3)):
        arguments = [0] * 6
        assert call(name, *arguments) == ALLOW
        arguments[position] = 0x20004000
        assert call(name, *arguments) == refused()


def test_strictly_paths_cannot_be_changed_and_programs_do_not_notice() -> None:
    assert call("fchmodat", strict=True) == refused(0)
    assert call("fchmodat") == ALLOW
    assert call("fchmod", strict=True) == ALLOW
    assert call("utimensat", 3, 0, strict=True) == ALLOW
    assert call("utimensat", 3, 0x7000, strict=True) == refused(0)


def test_strictly_only_oneself_can_be_limited_or_slowed() -> None:
    assert call("prlimit64", 0, strict=True) == ALLOW
    assert call("setpriority", 0, 0, strict=True) == ALLOW
    assert call("setpriority", 0, 77, strict=True) == refused()
    assert call("setpriority", 2, 0, strict=True) == refused()


def test_named_pipes_may_be_made_and_devices_not() -> None:
    assert call("mknodat", 0, 0, 0o010644) == ALLOW
    assert call("mknodat", 0, 0, 0o020644) == refused()
    assert call("mknodat", 0, 0, 0o060644) == refused()


def test_strictly_a_pair_must_be_connected_for_good() -> None:
    assert call("socketpair", 1, socket.SOCK_STREAM, strict=True) == ALLOW
    assert call("socketpair", 1, socket.SOCK_DGRAM, strict=True) == refused()
