"""What a runtime promises about WebSocket connections, where it promises any."""

from __future__ import annotations

import contextlib
import signal
import time
from collections.abc import Callable

import pytest

from tests.conformance.environment import catalog, processes
from tests.support import wsclient

Start = Callable[..., processes.Process]

OF_VARIANTS = True


@pytest.fixture
def process(prepared: processes.Prepared, start: Start) -> processes.Process:
    prepared.require(catalog.Promise.WEBSOCKET)
    started = start()
    started.load(prepared.runtime.websocket or prepared.runtime.probe, requestsPerPod=1)
    return started


def connect(process: processes.Process) -> contextlib.closing[wsclient.Client]:
    return contextlib.closing(wsclient.Client(process.address, "/websocket"))


def test_messages_come_back_and_the_connection_is_a_request(process: processes.Process) -> None:
    with connect(process) as client:
        for opcode, payload in ((wsclient.TEXT, b"text"), (wsclient.BINARY, bytes(range(100)))):
            client.send(opcode, payload)
            assert client.receive() == (opcode, payload), process.state()
        busy = process.call(path="/websocket")
        assert (busy.status, "X-Fission-Busy" in busy.headers) == (503, True), process.state()
        client.send(wsclient.TEXT, b"still")
        assert client.receive() == (wsclient.TEXT, b"still")
        client.send(wsclient.CLOSE, b"\x03\xe8")
        assert client.receive()[0] == wsclient.CLOSE
    # The slot is free again as soon as the runtime has seen the end.
    give_up = time.monotonic() + processes.DEADLINE_SECONDS
    while process.call(path="/").status == 503:
        assert time.monotonic() < give_up, process.state()


def test_an_open_connection_does_not_keep_a_runtime_that_is_told_to_end(
    process: processes.Process,
) -> None:
    with connect(process) as client:
        client.send(wsclient.TEXT, b"text")
        assert client.receive() == (wsclient.TEXT, b"text")
        process.process.send_signal(signal.SIGTERM)
        if client.socket.recv(100):  # it may say that it closes, before it does
            client.send(wsclient.CLOSE, b"\x03\xe9")
        assert process.process.wait(processes.DEADLINE_SECONDS) == 0, process.state()
