"""What every runtime promises about calls of a function that is loaded."""

from __future__ import annotations

import concurrent.futures
import contextlib
import http.client
import socket
import time
from collections.abc import Callable, Iterator

import pytest

from tests.conformance.environment import processes
from tests.conformance.environment.catalog import Promise

OF_VARIANTS = True
MEBIBYTE = 1 << 20


@pytest.fixture(scope="module")
def probe(
    prepared: processes.Prepared, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[processes.Process]:
    """A process with the function that answers by path. Nothing that a test does ends it."""
    folder = tmp_path_factory.mktemp(f"probe-{prepared.runtime.name}")
    with processes.running(prepared, folder, env={"SAMPLE_VARIABLE": "value"}) as process:
        process.load(process.runtime.probe)
        yield process


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
def test_every_method_reaches_the_function(probe: processes.Process, method: str) -> None:
    answer = probe.call(method, "/request", b"x" if method == "POST" else b"")
    assert answer.status == 200, f"{answer}; {probe.state()}"
    assert answer.text.splitlines()[0] == f"{method} /request"


def test_path_query_and_headers_reach_the_function(probe: processes.Process) -> None:
    answer = probe.call(
        path="/request?name=a%20b&name=c",
        X_Fission_Function_Name="sample",
        X_Fission_Params_Id="42",
        X_Forwarded_For="192.0.2.1",
        X_Long="v" * 4000,
    )
    lines = answer.text.splitlines()
    assert lines[0] == "GET /request?name=a%20b&name=c", f"{answer}; {probe.state()}"
    assert {
        "x-fission-function-name: sample",
        "x-fission-params-id: 42",
        "x-forwarded-for: 192.0.2.1",
        "x-long: " + "v" * 4000,
    } <= set(lines)


@pytest.mark.parametrize(
    "body",
    [b"", b"text", bytes(range(256)) * 16, b"m" * MEBIBYTE],
    ids=["empty", "text", "binary", "mebibyte"],
)
def test_a_body_comes_back_byte_for_byte(probe: processes.Process, body: bytes) -> None:
    answer = probe.call("POST", "/echo", body, Content_Type="application/octet-stream")
    assert answer.status == 200, f"{answer}; {probe.state()}"
    assert answer.body == body


def test_a_chunked_body_comes_back_whole(probe: processes.Process) -> None:
    pieces = [b"one ", b"two " * 20000, b"three"]
    answer = probe.call("POST", "/echo", iter(pieces), Content_Type="application/octet-stream")
    assert answer.body == b"".join(pieces), probe.state()


def test_an_answer_of_a_mebibyte(probe: processes.Process) -> None:
    assert probe.call(path="/big").body == b"x" * MEBIBYTE


def test_an_empty_answer(probe: processes.Process) -> None:
    answer = probe.call(path="/empty")
    assert (answer.status, answer.body) == (200, b""), probe.state()


def test_a_function_chooses_status_and_headers(
    prepared: processes.Prepared, probe: processes.Process
) -> None:
    prepared.require(Promise.STATUS)
    answer = probe.call(path="/status")
    assert (answer.status, answer.text) == (418, "teapot"), probe.state()
    assert answer.headers["X-Sample"] == "yes"
    assert answer.headers["Content-Type"].startswith("text/x-sample")


def test_head_has_no_body_and_leaves_the_connection_usable(probe: processes.Process) -> None:
    with contextlib.closing(probe.connection()) as connection:
        connection.request("HEAD", "/")
        answer = processes.Answer(connection.getresponse())
        assert (answer.status, answer.body) == (200, b"")
        connection.request("GET", "/")
        assert processes.Answer(connection.getresponse()).text == "hello"


def test_a_connection_serves_many_requests(probe: processes.Process) -> None:
    with contextlib.closing(probe.connection()) as connection:
        kept = set()
        for number in range(10):
            connection.request("POST", "/echo", f"{number}".encode())
            assert processes.Answer(connection.getresponse()).text == f"{number}"
            assert connection.sock is not None, "the runtime closed the connection"
            kept.add(connection.sock.getsockname())
        assert len(kept) == 1


def test_a_failing_call_is_500_and_its_reason_is_in_the_log_alone(
    probe: processes.Process,
) -> None:
    answer = probe.call(path="/error")
    assert answer.status == 500, f"{answer}; {probe.state()}"
    assert "sample failure" not in answer.text
    probe.wait_log("sample failure")
    assert probe.call().text == "hello"


def test_output_of_the_function_is_in_the_log(
    prepared: processes.Prepared, probe: processes.Process
) -> None:
    assert probe.call(path="/log").text == "logged" or Promise.STDOUT in probe.runtime.lacks
    probe.wait_log("to stderr\n")
    prepared.require(Promise.STDOUT)
    probe.wait_log("to stdout\n")


def test_the_variables_of_the_container_reach_the_function(probe: processes.Process) -> None:
    assert probe.call("POST", "/env", b"SAMPLE_VARIABLE").text == "value"
    assert probe.call("POST", "/env", b"THERE_IS_NO_SUCH_VARIABLE").text == ""


def test_calls_run_at_the_same_time(prepared: processes.Prepared, probe: processes.Process) -> None:
    prepared.require(Promise.PARALLEL)
    before = probe.log().count("started\n")
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        slow = [pool.submit(probe.call, "POST", "/slow", b"700") for _ in range(4)]
        probe.wait_log("started\n", before + 4)
        assert not any(call.done() for call in slow), "one call waited for another"
        assert probe.call(path="/healthz").status == 200
        assert not any(call.done() for call in slow), "health waited for calls"
        assert [call.result().text for call in slow] == ["slept"] * 4


def test_an_answer_is_passed_on_piece_by_piece(
    prepared: processes.Prepared, probe: processes.Process
) -> None:
    prepared.require(Promise.STREAMED_ANSWER)
    with contextlib.closing(probe.connection()) as connection:
        connection.request("POST", "/stream", b"300")
        response = connection.getresponse()
        first, came = response.readline(), time.monotonic()
        second, ended = response.readline(), time.monotonic()
    assert (first, second) == (b"one\n", b"two\n"), probe.state()
    assert ended - came > 0.15, "both pieces came at once"


def test_a_second_specialization_is_refused_and_the_first_stays(probe: processes.Process) -> None:
    answer = probe.specialize(probe.runtime.hello.entry_point)
    assert answer.status == probe.runtime.again, f"{answer}; {probe.state()}"
    assert probe.call("POST", "/echo", b"still").text == "still"


def test_health_is_answered_by_the_runtime(probe: processes.Process) -> None:
    assert probe.call(path="/healthz").status == 200


@pytest.mark.parametrize(
    "sent",
    [
        b"there is no HTTP in this\r\n\r\n",
        b"POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
        b"POST /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    ],
    ids=["no-http", "two-lengths", "bad-chunk"],
)
def test_what_is_not_http_harms_nobody(probe: processes.Process, sent: bytes) -> None:
    with socket.create_connection(probe.address, processes.DEADLINE_SECONDS) as peer:
        peer.sendall(sent)
        peer.shutdown(socket.SHUT_WR)
        with contextlib.suppress(ConnectionResetError):
            assert not peer.recv(4096).startswith(b"HTTP/1.1 2")
    assert probe.call().text == "hello"


def test_callers_who_leave_early_cost_nothing(probe: processes.Process) -> None:
    for _ in range(5):
        with socket.create_connection(probe.address, processes.DEADLINE_SECONDS) as peer:
            peer.sendall(b"POST /slow HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\n50")
        with socket.create_connection(probe.address, processes.DEADLINE_SECONDS) as peer:
            peer.sendall(b"POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\nhalf")
    assert probe.call().text == "hello"


def test_calls_leave_no_descriptor_open(probe: processes.Process) -> None:
    def rounds(count: int) -> int:
        for _ in range(count):
            probe.call("POST", "/echo", b"x")
            probe.call(path="/error")
        return len(probe.descriptors())

    used = rounds(8)
    eventually(lambda: rounds(8) <= used + 4, lambda: f"{probe.descriptors()}")


def eventually(condition: Callable[[], bool], describe: Callable[[], str]) -> None:
    give_up = time.monotonic() + processes.DEADLINE_SECONDS
    while not condition():
        assert time.monotonic() < give_up, describe()
        time.sleep(processes.POLL_SECONDS)


def test_an_upgrade_that_nobody_asked_for_is_an_ordinary_call(probe: processes.Process) -> None:
    answer = probe.call(Connection="Upgrade", Upgrade="h2c")
    assert (answer.status, answer.text) == (200, "hello"), probe.state()


def test_expecting_to_be_told_to_continue(probe: processes.Process) -> None:
    with socket.create_connection(probe.address, processes.DEADLINE_SECONDS) as peer:
        peer.sendall(
            b"POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n"
            b"Expect: 100-continue\r\nConnection: close\r\n\r\n"
        )
        interim = peer.recv(4096)
        assert interim.startswith(b"HTTP/1.1 100"), f"{interim!r}; {probe.state()}"
        peer.sendall(b"body")
        response = http.client.HTTPResponse(peer)
        response.begin()
        assert response.read() == b"body"
