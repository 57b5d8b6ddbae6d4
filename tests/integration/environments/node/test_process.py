"""The Node.js runtime as a process: errors outside of calls, limits, endings, descriptors."""

from __future__ import annotations

import concurrent.futures
import contextlib
import pathlib
import signal
import threading

import pytest

from tests.conformance.environment import processes
from tests.integration.environments.node.conftest import Start

LATE = """
const fs = require('node:fs');
exports.main = async ({ request, response }) => {
  if (request.path === '/callback') fs.readFile('/nowhere', (error) => { throw error; });
  if (request.path === '/forgotten') Promise.reject(new Error('sample failure'));
  if (request.path === '/slow') {
    console.log('slow started');
    await new Promise((resolve) => setTimeout(resolve, 300));
    return { status: 200, body: 'slow' };
  }
  if (request.path !== '/') return new Promise(() => {});
  return { status: 200, body: 'fine' };
};
"""


@pytest.mark.parametrize("requests_per_pod", [1, 0])
def test_an_exception_that_nobody_caught_is_500_and_ends_the_process(
    start: Start, requests_per_pod: int
) -> None:
    process = start({"late.js": LATE}, "late.main", requests_per_pod)
    answer = process.call(path="/callback")
    assert (answer.status, answer.text) == (500, "Internal Server Error\n")
    assert process.process.wait(processes.DEADLINE_SECONDS) == 1
    assert "ENOENT: no such file or directory, open '/nowhere'" in process.log()


@pytest.mark.parametrize("requests_per_pod", [1, 0])
def test_a_promise_that_nobody_awaited_is_500_and_the_process_goes_on(
    start: Start, requests_per_pod: int
) -> None:
    process = start({"late.js": LATE}, "late.main", requests_per_pod)
    for _ in range(2):
        answer = process.call(path="/forgotten")
        assert (answer.status, answer.text) == (500, "Internal Server Error\n")
    assert process.log().count("Error: sample failure") == 2
    assert process.call().text == "fine"


def test_others_are_finished_before_the_process_ends(start: Start) -> None:
    process = start({"late.js": LATE}, "late.main")
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        slow = pool.submit(process.call, path="/slow")
        process.wait_log("slow started")
        assert process.call(path="/callback").status == 500
        assert slow.result().text == "slow"
    assert process.process.wait(processes.DEADLINE_SECONDS) == 1


def test_its_successor_loads_the_function_again(
    start: Start, node: processes.Prepared, tmp_path: pathlib.Path
) -> None:
    first = start({"late.js": LATE}, "late.main")
    first.call(path="/callback")
    first.process.wait(processes.DEADLINE_SECONDS)
    with processes.running(node, tmp_path / "pod") as second:
        assert second.call().text == "fine"


def test_an_ordered_end_leaves_nothing_to_a_successor(
    start: Start, node: processes.Prepared, tmp_path: pathlib.Path
) -> None:
    first = start({"late.js": LATE}, "late.main")
    first.process.send_signal(signal.SIGTERM)
    assert first.process.wait(processes.DEADLINE_SECONDS) == 0
    with processes.running(node, tmp_path / "pod") as second:
        assert "Generic container" in second.call().text


def test_kept_connections_do_not_hold_up_an_end(start: Start) -> None:
    process = start({"late.js": LATE}, "late.main")
    with contextlib.closing(process.connection()) as kept:
        kept.request("GET", "/")
        kept.getresponse().read()
        process.process.send_signal(signal.SIGTERM)
        assert process.process.wait(processes.DEADLINE_SECONDS) == 0


def test_what_finishes_during_an_end_says_that_the_connection_is_over(start: Start) -> None:
    process = start({"late.js": LATE}, "late.main")
    with contextlib.closing(process.connection()) as kept:
        kept.request("GET", "/slow")
        process.wait_log("slow started")
        process.process.send_signal(signal.SIGTERM)
        response = kept.getresponse()
        assert (response.read(), response.headers["Connection"]) == (b"slow", "close")


def test_programs_that_a_function_starts_inherit_no_socket(start: Start) -> None:
    source = (
        "const { execFileSync } = require('node:child_process');\n"
        "const script = 'readlink /proc/self/fd/*; env';\n"
        "module.exports = async () => execFileSync('/bin/sh', ['-c', script]).toString();\n"
    )
    process = start({"list.js": source}, "list")
    inode = next(word for word in process.descriptors() if word.startswith("socket:"))
    answer = process.call().text
    assert inode not in answer.split()
    assert "LISTEN_FDS" not in answer


def test_volumes_that_are_elsewhere_are_found(start: Start) -> None:
    source = (
        "module.exports = ({ realPath }) => ({ status: 200, body: realPath('/userfunc/a/b') });"
    )
    process = start({"where.js": source}, "where")
    assert process.call().text == f"{process.volume}/a/b"


def test_a_body_above_the_limit_is_refused_and_the_connection_goes_on(start: Start) -> None:
    source = (
        "module.exports = ({ request }) => ({ status: 200, body: String(request.rawBody.length) });"
    )
    process = start({"size.js": source}, "size", 0, BODY_PARSER_LIMIT="10kb")
    with contextlib.closing(process.connection()) as kept:
        for size, status in ((10240, 200), (10241, 413), (300_000, 413), (5, 200)):
            kept.request("POST", "/", b"x" * size, {"Content-Type": "text/plain"})
            response = kept.getresponse()
            text = response.read().decode()
            assert response.status == status, text
    assert (
        "BODY_PARSER_LIMIT" in process.call("POST", "/", b"x" * 20000, Content_Type="text/x").text
    )


def test_a_setting_that_cannot_be_ends_the_process_with_its_name(
    node: processes.Prepared, tmp_path: pathlib.Path
) -> None:
    with processes.running(node, tmp_path / "pod", {"TIMEOUT": "soon"}) as process:
        assert process.process.wait(processes.DEADLINE_SECONDS) == 1
        assert process.log() == 'TIMEOUT: found "soon", allowed are milliseconds above 0\n'


def test_a_caller_that_leaves_gives_its_slot_back(start: Start) -> None:
    source = (
        "exports.main = ({ request, response }) => {\n"
        "  if (request.path === '/') return { status: 200, body: 'free' };\n"
        "  console.log('waits');\n"
        "  response.on('close', () => console.log('left'));\n"
        "};\n"
    )
    process = start({"wait.js": source}, "wait.main", 1)
    connection = process.connection()
    connection.request("GET", "/wait")
    process.wait_log("waits")
    assert process.call().status == 503
    connection.close()
    process.wait_log("left")
    assert process.call().text == "free"


def test_many_connections_at_once(start: Start) -> None:
    process = start({"late.js": LATE}, "late.main")
    barrier = threading.Barrier(40)

    def one() -> str:
        barrier.wait()
        return process.call().text

    with concurrent.futures.ThreadPoolExecutor(40) as pool:
        assert {done.result() for done in [pool.submit(one) for _ in range(40)]} == {"fine"}
