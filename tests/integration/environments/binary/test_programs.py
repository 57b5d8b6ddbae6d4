"""What the binary environment promises beyond the others: processes, their ends, their groups."""

from __future__ import annotations

import contextlib
import http.client
import os
import pathlib
import re
import socket
import time
from collections.abc import Callable

import pytest

from tests.conformance.environment import processes

DEADLINE_SECONDS = 20.0


def load(runtime: processes.Process, script: str, **settings: str) -> None:
    lines = [f"BINARY_{name.upper()}={value}\n" for name, value in settings.items()]
    runtime.write({"run": script, "binary.env": "".join(lines)})
    answer = runtime.specialize("run")
    assert answer.status == 200, f"{answer}; {runtime.state()}"


def eventually(condition: Callable[[], object], runtime: processes.Process) -> None:
    give_up = time.monotonic() + DEADLINE_SECONDS
    while not condition():
        assert time.monotonic() < give_up, runtime.state()
        time.sleep(0.01)


def pids_in_log(runtime: processes.Process) -> list[int]:
    return [int(found) for found in re.findall(r"pid=(\d+)", runtime.log())]


def is_gone(pid: int) -> bool:
    """Whether a process has ended. Outside a pod an orphan is reaped by the machine's init."""
    try:
        stat = pathlib.Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return True
    return stat.rpartition(")")[2].split()[0] in "ZX"


LINGERING = "#!/bin/sh\nsleep 600 &\necho pid=$! >&2\necho pid=$$ >&2\n"


def test_what_a_program_leaves_running_ends_with_the_call(runtime: processes.Process) -> None:
    load(runtime, LINGERING + "echo done\n")
    assert runtime.call().text == "done\n"
    eventually(lambda: all(map(is_gone, pids_in_log(runtime))), runtime)
    assert len(pids_in_log(runtime)) == 2


def test_a_caller_who_leaves_ends_the_program_and_its_children(
    runtime: processes.Process,
) -> None:
    load(runtime, LINGERING + "wait\n")
    with socket.create_connection(runtime.address) as peer:
        peer.sendall(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")
        eventually(lambda: len(pids_in_log(runtime)) == 2, runtime)
    eventually(lambda: all(map(is_gone, pids_in_log(runtime))), runtime)


def test_a_program_that_runs_too_long_is_ended_with_its_children(
    runtime: processes.Process,
) -> None:
    load(runtime, "#!/bin/sh\ntrap '' TERM\n" + LINGERING + "wait\n", timeout="0.3")
    answer = runtime.call()
    assert (answer.status, answer.text) == (504, "the program did not end in time\n")
    eventually(lambda: all(map(is_gone, pids_in_log(runtime))), runtime)
    assert "was ended: it ran for more than 0.3 s" in runtime.log()


def test_an_end_with_an_error_is_500_and_says_its_code_in_the_log(
    runtime: processes.Process,
) -> None:
    load(runtime, '#!/bin/sh\necho half\n[ -n "$QUERY_STRING" ] && kill -SEGV $$\nexit 7\n')
    answer = runtime.call()
    assert (answer.status, answer.text) == (500, "Internal Server Error\n")
    assert runtime.call(path="/?signal").status == 500
    assert "run ended with exit code 7" in runtime.log()
    assert "run was ended by SIGSEGV" in runtime.log()


def test_an_answer_larger_than_what_is_held_back_flows_and_a_failure_cuts_it(
    runtime: processes.Process,
) -> None:
    load(runtime, '#!/bin/sh\nhead -c 3000000 /dev/zero\nexit "${QUERY_STRING:-0}"\n')
    answer = runtime.call()
    assert (answer.status, len(answer.body)) == (200, 3000000)
    assert answer.headers["Content-Type"] == "application/octet-stream"
    with pytest.raises(http.client.IncompleteRead):
        runtime.call(path="/?3")


def test_a_body_larger_than_a_pipe_is_streamed_both_ways(runtime: processes.Process) -> None:
    load(runtime, "#!/bin/sh\ncat\n")
    body = os.urandom(5_000_000)
    assert runtime.call("POST", "/", body).body == body
    assert runtime.call("POST", "/", iter([body[:70000], body[70000:]])).body == body


def test_a_program_need_not_read_its_input(runtime: processes.Process) -> None:
    load(runtime, "#!/bin/sh\necho $CONTENT_LENGTH\n")
    assert runtime.call("POST", "/", b"x" * 50_000).text == "50000\n"
    with contextlib.closing(runtime.connection()) as connection:
        connection.request("POST", "/", b"x" * 300_000)
        assert processes.Answer(connection.getresponse()).text == "300000\n"


def test_a_program_gets_three_descriptors_and_ordinary_signals(
    runtime: processes.Process,
) -> None:
    open_ones = "for fd in /proc/$$/fd/*; do printf '%s ' ${fd##*/}; done; echo"
    load(runtime, f"#!/bin/sh\n{open_ones}\nexec grep SigIgn /proc/self/status\n")
    for body in (b"", b"x", b"x" * 200_000):
        descriptors, ignored = runtime.call("POST", "/", body).text.splitlines()
        assert set(descriptors.split()) <= {"0", "1", "2", "3", "10"}  # the shell has two of these
        assert int(ignored.split()[1], 16) & 0x7FFFFFFF == 0  # 32 and 33 are the C library's own


def test_a_program_starts_in_its_packages_folder(runtime: processes.Process) -> None:
    load(runtime, "#!/bin/sh\npwd\ncat data/word\n")
    runtime.write({"data/word": "word"})
    assert runtime.call().text == f"{runtime.volume}/deployarchive\nword"


def test_header_lines_that_are_none_are_500(runtime: processes.Process) -> None:
    load(runtime, "#!/bin/sh\necho hello\n", output="cgi")
    assert runtime.call().status == 500
    assert "BINARY_OUTPUT is cgi, but it wrote no header lines" in runtime.log()


def test_a_path_with_a_nul_is_refused(runtime: processes.Process) -> None:
    load(runtime, "#!/bin/sh\necho $PATH_INFO\n")
    assert runtime.call(path="/a%00b").status == 400
    assert runtime.call(path="/a%20b").text == "/a b\n"


SERVER = """#!/usr/bin/env python3
import http.server, os, signal
if os.path.exists("wait-once"):
    os.unlink("wait-once")
    raise SystemExit(9)
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        if self.path == "/die":
            open("wait-once", "w").close()
            os._exit(4)
        body = str(os.getpid()).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *words):
        pass
http.server.ThreadingHTTPServer((os.environ["HOST"], int(os.environ["PORT"])), Handler
    ).serve_forever()
"""


def test_a_server_is_started_once_and_again_when_it_dies(runtime: processes.Process) -> None:
    load(runtime, SERVER, mode="server")
    first = runtime.call().text
    assert runtime.call().text == first
    assert runtime.call(path="/die").status == 502
    statuses = set()

    def is_back() -> bool:
        answer = runtime.call()
        statuses.add(answer.status)
        return answer.status == 200 and answer.text != first

    eventually(is_back, runtime)
    assert statuses <= {200, 502}
    assert "run ended with exit code 4 and is started again in 0 s" in runtime.log()
    assert "run ended with exit code 9 before it listened on" in runtime.log()
    assert is_gone(int(first))


@pytest.mark.parametrize(
    ("script", "settings", "message"),
    [
        ("#!/bin/sh\nexit 3\n", {}, "run ended with exit code 3 before it listened on 127.0.0.1:"),
        ("#!/bin/sh\nsleep 60\n", {"start_timeout": "0.2"}, "does not listen on 127.0.0.1:"),
    ],
)
def test_a_server_that_does_not_come_to_listen_is_not_loaded(
    runtime: processes.Process, script: str, settings: dict[str, str], message: str
) -> None:
    lines = "".join(f"BINARY_{name.upper()}={value}\n" for name, value in settings.items())
    runtime.write({"run": script, "binary.env": f"BINARY_MODE=server\n{lines}"})
    answer = runtime.specialize("run")
    assert answer.status == 400
    assert message in answer.text
    assert runtime.call().status == 400


def test_a_server_ends_with_the_runtime(runtime: processes.Process) -> None:
    load(runtime, SERVER, mode="server")
    pid = int(runtime.call().text)
    runtime.process.terminate()
    assert runtime.process.wait(DEADLINE_SECONDS) == 0
    assert is_gone(pid)


def test_a_runtime_that_waits_for_its_program_has_left_no_trace(
    runtime: processes.Process,
) -> None:
    assert runtime.call(path="/healthz").status == 200  # it has rehearsed, then it serves
    assert list(runtime.volume.iterdir()) == []
    assert runtime.log() == ""
    assert os.readlink(f"/proc/{runtime.process.pid}/cwd") == "/"
