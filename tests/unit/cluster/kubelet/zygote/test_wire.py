"""Packets with descriptors over a socket pair, which is a kernel buffer and no network."""

import os
import socket
from collections.abc import Iterator

import pytest

from fission.cluster.kubelet.zygote import wire

Pair = tuple[socket.socket, socket.socket]


@pytest.fixture
def pair() -> Iterator[Pair]:
    one, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with one, other:
        for end in (one, other):
            end.setblocking(False)
            wire.prepare(end)
        yield one, other


def test_a_text_arrives_with_its_descriptors_closed_on_exec(pair: Pair) -> None:
    read_end, write_end = os.pipe()
    wire.send(pair[0], {"op": "start"}, [read_end, write_end])
    wire.close_all([read_end, write_end])
    packet = wire.receive(pair[1])
    assert packet is not None
    message, descriptors = packet
    assert message == {"op": "start"}
    assert [os.get_inheritable(item) for item in descriptors] == [False, False]
    os.write(descriptors[1], b"x")
    assert os.read(descriptors[0], 1) == b"x"
    wire.close_all(descriptors)


def test_a_large_environment_fits(pair: Pair) -> None:
    text = "x" * 150_000
    wire.send(pair[0], {"text": text}, [])
    assert wire.receive(pair[1]) == ({"text": text}, [])


def test_the_end_of_the_peer_is_none(pair: Pair) -> None:
    pair[0].close()
    assert wire.receive(pair[1]) is None


@pytest.mark.parametrize("text", [b"not json", b"[1]", b'"text"', b"\xff"])
def test_anything_but_an_object_is_refused_and_its_descriptors_closed(
    pair: Pair, text: bytes
) -> None:
    before = len(os.listdir("/proc/self/fd"))
    rights = (1).to_bytes(4, "little")
    pair[0].sendmsg([text], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, rights)])
    with pytest.raises(ValueError, match=r".+"):
        wire.receive(pair[1])
    assert len(os.listdir("/proc/self/fd")) == before


def test_nothing_to_read_raises_instead_of_waiting(pair: Pair) -> None:
    with pytest.raises(BlockingIOError):
        wire.receive(pair[1])
