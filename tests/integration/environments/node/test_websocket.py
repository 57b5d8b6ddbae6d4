"""WebSocket functions: the handshake, messages both ways, broadcasts, ends."""

from __future__ import annotations

import contextlib
import http.server
import json
import queue
import signal
import socket
import struct
import threading
from collections.abc import Iterator

import pytest

from tests.conformance.environment import processes
from tests.integration.environments.node.conftest import Start
from tests.support import wsclient

CHAT = """
module.exports = (ws, clients) => {
  ws.send(`hello ${ws.url} ${ws.protocol}`);
  ws.on('message', (data, isBinary) => {
    if (data.toString() === 'boom') throw new Error('sample failure');
    if (data.toString() === 'bye') return ws.close(4000, 'as asked');
    for (const client of clients) client.send(data, { binary: isBinary });
  });
  ws.on('close', (code, reason) => console.log(`closed ${code} ${reason}`));
};
"""


@pytest.fixture
def chat(start: Start) -> processes.Process:
    return start({"chat.js": CHAT}, "chat", 0, POD_IP="127.0.0.1", POD_PORTS='{"8000": 1}')


@contextlib.contextmanager
def client(process: processes.Process, **headers: str) -> Iterator[wsclient.Client]:
    with contextlib.closing(wsclient.Client(process.address, "/room?a=b", **headers)) as made:
        assert made.receive()[0] == wsclient.TEXT
        yield made


def test_a_message_comes_back(chat: processes.Process) -> None:
    made = wsclient.Client(chat.address, "/room?a=b", Sec_WebSocket_Protocol="one, two")
    assert made.receive() == (wsclient.TEXT, b"hello /room?a=b one")
    assert "Sec-WebSocket-Protocol: one" in made.head
    made.send(wsclient.TEXT, "grüße".encode())
    assert made.receive() == (wsclient.TEXT, "grüße".encode())
    made.send(wsclient.BINARY, bytes(range(256)) * 300)
    assert made.receive() == (wsclient.BINARY, bytes(range(256)) * 300)
    made.close()


def test_every_client_hears_what_one_says(chat: processes.Process) -> None:
    with client(chat) as one, client(chat) as two:
        one.send(wsclient.TEXT, b"all", final=False)
        one.send(wsclient.CONTINUATION, b" of you")
        assert one.receive() == two.receive() == (wsclient.TEXT, b"all of you")


def test_a_ping_is_answered(chat: processes.Process) -> None:
    with client(chat) as one:
        one.send(wsclient.PING, b"there?")
        assert one.receive() == (wsclient.PONG, b"there?")


def test_a_close_is_answered_and_the_function_hears_of_it(chat: processes.Process) -> None:
    with client(chat) as one:
        one.send(wsclient.CLOSE, struct.pack(">H", 1000) + b"done")
        assert one.receive() == (wsclient.CLOSE, struct.pack(">H", 1000) + b"done")
        one.receive_end()
    chat.wait_log("closed 1000 done")


def test_a_function_closes(chat: processes.Process) -> None:
    with client(chat) as one:
        one.send(wsclient.TEXT, b"bye")
        assert one.receive() == (wsclient.CLOSE, struct.pack(">H", 4000) + b"as asked")
        one.send(wsclient.CLOSE, struct.pack(">H", 4000))
        one.receive_end()


def test_a_client_that_breaks_the_protocol_is_closed(chat: processes.Process) -> None:
    with client(chat) as one, client(chat) as other:
        one.send(wsclient.TEXT, b"\xff")
        assert one.receive() == (wsclient.CLOSE, struct.pack(">H", 1007) + b"text is not UTF-8")
        one.receive_end()
        other.send(wsclient.TEXT, b"still here")
        assert other.receive() == (wsclient.TEXT, b"still here")


def test_a_client_that_vanishes_is_forgotten(chat: processes.Process) -> None:
    with client(chat) as one:
        one.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    chat.wait_log("closed 1006 ")
    with client(chat) as other:
        other.send(wsclient.TEXT, b"alone")
        assert other.receive() == (wsclient.TEXT, b"alone")


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Sec_WebSocket_Version": "8"}, 426),
        ({"Sec_WebSocket_Key": "short"}, 400),
        ({"Sec_WebSocket_Key": ""}, 400),
        ({"Sec_WebSocket_Protocol": "a\x01b"}, 400),
    ],
)
def test_a_handshake_that_is_none_is_refused(
    chat: processes.Process, headers: dict[str, str], status: int
) -> None:
    with socket.create_connection(chat.address, wsclient.SECONDS) as made:
        made.sendall(wsclient.handshake(**headers))
        assert made.recv(65536).startswith(f"HTTP/1.1 {status} ".encode())


def test_a_client_holds_a_slot_of_its_pod(start: Start) -> None:
    process = start({"chat.js": CHAT}, "chat", 1)
    with client(process) as one:
        with socket.create_connection(process.address, wsclient.SECONDS) as made:
            made.sendall(wsclient.handshake())
            answer = made.recv(65536)
        assert answer.startswith(b"HTTP/1.1 503 ")
        assert b"X-Fission-Busy: 1\r\n" in answer
        assert process.call().status == 503
        one.send(wsclient.CLOSE, b"")
        one.receive()
        one.receive_end()
    process.wait_log("closed 1005")
    with client(process):
        pass


def test_clients_are_told_when_the_pod_ends(chat: processes.Process) -> None:
    with client(chat) as one:
        chat.process.send_signal(signal.SIGTERM)
        assert one.receive() == (wsclient.CLOSE, struct.pack(">H", 1001))
        one.send(wsclient.CLOSE, struct.pack(">H", 1001))
        one.receive_end()
    assert chat.process.wait(processes.DEADLINE_SECONDS) == 0


def test_the_platform_hears_of_the_first_client_and_of_none(start: Start) -> None:
    heard: queue.Queue[str] = queue.Queue()

    class Fetcher(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            heard.put(self.path)
            self.send_response(200)
            self.end_headers()

        def log_message(self, *words: object) -> None:
            """Say nothing."""

    with http.server.HTTPServer(("127.0.0.1", 0), Fetcher) as fetcher:
        threading.Thread(target=fetcher.serve_forever, daemon=True).start()
        ports = json.dumps({"8000": fetcher.server_port})
        process = start({"chat.js": CHAT}, "chat", 0, POD_PORTS=ports, TIMEOUT="200")
        with client(process) as one, client(process):
            assert heard.get(timeout=wsclient.SECONDS) == "/wsevent/start"
            assert one.receive() == (wsclient.PING, b"")
        assert heard.get(timeout=wsclient.SECONDS) == "/wsevent/end"
        fetcher.shutdown()


def test_a_client_that_answers_no_ping_is_ended(start: Start) -> None:
    process = start({"chat.js": CHAT}, "chat", 0, TIMEOUT="100")
    with client(process) as one:
        assert one.receive() == (wsclient.PING, b"")
        one.receive_end()
