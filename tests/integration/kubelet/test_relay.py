"""The relay above programs that listen for themselves, without a container around it."""

import contextlib
import os
import signal
import socket
import subprocess
import sys

import pytest

ABOVE = """
import os, resource, sys
from fission.cluster.kubelet.zygote import relay
outer, inner, port, files = map(int, sys.argv[1:])
program = os.fork()
if program == 0:
    os.close(outer)
    import socket
    listener = socket.socket(fileno=inner)
    held = [listener.accept()[0]]  # what the relay finds out with
    while True:
        one = listener.accept()[0]
        if one.recv(2) == b"go":
            one.sendall(b"x" * 8_000_000)
        one.close()
os.close(inner)
resource.setrlimit(resource.RLIMIT_NOFILE, (files, files))
os._exit(relay.run(program, [outer], [port], ("127.0.0.1",)))
"""


@pytest.fixture
def relayed():
    """Start a relay with so many descriptors, over a program with so small a backlog."""
    with contextlib.ExitStack() as stack:

        def start(backlog, files=256):
            outer, inner = (stack.enter_context(socket.socket()) for _ in range(2))
            for one, length in ((outer, 64), (inner, backlog)):
                one.bind(("127.0.0.1", 0))
                one.listen(length)
            numbers = outer.fileno(), inner.fileno(), inner.getsockname()[1], files
            one = subprocess.Popen(
                [sys.executable, "-c", ABOVE, *map(str, numbers)],
                pass_fds=numbers[:2],
                start_new_session=True,
            )
            stack.callback(one.wait)
            stack.callback(os.killpg, one.pid, signal.SIGKILL)
            return one, outer.getsockname()

        yield start


def ask(address, stack):
    one = stack.enter_context(socket.create_connection(address, timeout=10))
    one.sendall(b"go")
    return one


def received(one):
    return sum(len(piece) for piece in iter(lambda: one.recv(1 << 20), b""))


def test_a_full_backlog_does_not_hold_up_what_is_under_way(relayed) -> None:
    """A program that serves one after the other is never told of more than it takes."""
    _, address = relayed(backlog=1)
    with contextlib.ExitStack() as stack:
        first, *_others = [ask(address, stack) for _ in range(8)]
        assert received(first) == 8_000_000


def test_without_a_descriptor_left_connections_wait(relayed) -> None:
    process, address = relayed(backlog=64, files=16)
    with contextlib.ExitStack() as stack:
        asked = [ask(address, stack) for _ in range(12)]
        for one in asked:
            assert received(one) == 8_000_000
            one.close()
    assert process.poll() is None
