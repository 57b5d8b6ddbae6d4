"""What a module can do to its runtime and to the calls beside it: nothing that lasts."""

from __future__ import annotations

import concurrent.futures
import pathlib
import time

import pytest

from tests.integration.environments.wasm.conftest import Start

WASI = """
  (import "wasi_snapshot_preview1" "fd_write"
    (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param i32)))
  (import "wasi_snapshot_preview1" "poll_oneoff"
    (func $poll_oneoff (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_open"
    (func $path_open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_read"
    (func $fd_read (param i32 i32 i32 i32) (result i32)))
"""


def module(body: str, memory: str = "1", more: str = "") -> str:
    """A command with this body; `$write` writes so many bytes from address 1024 to a stream."""
    return f"""
(module {WASI}
  (memory (export "memory") {memory})
  {more}
  (func $write (param $stream i32) (param $length i32) (result i32)
    (i32.store (i32.const 0) (i32.const 1024))
    (i32.store (i32.const 4) (local.get $length))
    (call $fd_write (local.get $stream) (i32.const 0) (i32.const 1) (i32.const 16)))
  (func $answer (param $letter i32)
    (i32.store8 (i32.const 1024) (local.get $letter))
    (drop (call $write (i32.const 1) (i32.const 1))))
  (func (export "_start") (local $i i32) {body}))
"""


FOREVER = module("(loop $l (br $l))")
SLEEPS_AN_HOUR = module(
    """
  (i32.store (i32.const 16) (i32.const 1))                           ;; the monotonic clock
  (i64.store (i32.const 24) (i64.const 3600000000000))
  (drop (call $poll_oneoff (i32.const 0) (i32.const 64) (i32.const 1) (i32.const 128)))
  (call $answer (i32.const 115))"""
)
LOOPS_WITH_A_BODY = module(
    """
  (i32.store (i32.const 0) (i32.const 1024))
  (i32.store (i32.const 4) (i32.const 1))
  (drop (call $fd_read (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 16)))
  (if (i32.load (i32.const 16)) (then (loop $l (br $l))))
  (call $answer (i32.const 102))"""
)
TAKES_ALL_MEMORY = module(
    """
  (loop $l (br_if $l (i32.ne (memory.grow (i32.const 16)) (i32.const -1))))
  (call $answer (i32.add (i32.const 48) (i32.div_u (memory.size) (i32.const 32))))"""
)
WRITES_FOREVER = module("(loop $l (drop (call $write (i32.const 1) (i32.const 60000))) (br $l))")
LOGS_FOREVER = module("(loop $l (drop (call $write (i32.const 2) (i32.const 60000))) (br $l))")


def test_a_loop_without_end_is_ended_after_its_time(start: Start) -> None:
    process = start(FOREVER, {"WASM_TIMEOUT_SECONDS": "0.3"})
    started = time.monotonic()
    answer = process.call()
    taken = time.monotonic() - started
    assert (answer.status, answer.text) == (
        504,
        "the function ran longer than 0.3 s and was ended\n",
    )
    assert 0.3 <= taken < 3
    process.wait_log("the function ran longer than 0.3 s")


def test_a_sleep_is_ended_after_its_time(start: Start) -> None:
    process = start(SLEEPS_AN_HOUR, {"WASM_TIMEOUT_SECONDS": "0.3"})
    assert process.call().status == 504


def test_a_loop_in_a_start_section_is_ended_too(start: Start) -> None:
    text = module("", more="(func $f (loop $l (br $l))) (start $f)")
    assert start(text, {"WASM_TIMEOUT_SECONDS": "0.3"}).call().status == 504


def test_loops_hold_up_nobody_else(start: Start) -> None:
    process = start(LOOPS_WITH_A_BODY, {"WASM_TIMEOUT_SECONDS": "1.5"})
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        slow = [pool.submit(process.call, "POST", "/", b"x") for _ in range(4)]
        for _ in range(20):
            assert process.call().text == "f"
        assert process.call(path="/healthz").status == 200
        assert not any(call.done() for call in slow)
        assert [call.result().status for call in slow] == [504] * 4


def test_a_caller_who_leaves_ends_the_instance(start: Start) -> None:
    process = start(FOREVER, {"WASM_TIMEOUT_SECONDS": "60"}, requestsPerPod=1)
    connection = process.connection()
    connection.request("GET", "/")
    give_up = time.monotonic() + 10
    while process.call().status != 503:
        assert time.monotonic() < give_up
    connection.close()
    probing = process.connection()
    probing.timeout = 0.5
    while True:
        assert time.monotonic() < give_up, "the slot was never given back"
        probing.request("GET", "/")
        try:
            status = probing.getresponse().read() and 503
        except TimeoutError:
            break  # it was let in, and loops
        assert status == 503
    probing.close()


def test_memory_beyond_the_limit_is_not_given(start: Start) -> None:
    process = start(TAKES_ALL_MEMORY, {"WASM_MEMORY_MIB": "16"})
    assert process.call().text == chr(48 + 256 // 32 - 1)  # 241 of at most 256 pages


def test_a_module_that_begins_above_the_limit_is_told_so(start: Start) -> None:
    process = start(module("", memory="512"), {"WASM_MEMORY_MIB": "16"})
    answer = process.call()
    assert answer.status == 500
    assert answer.text == "the function failed: memory minimum size of 512 pages exceeds memory " \
        "limits\n"  # fmt: skip


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        ("(memory 1)", "memory count too high at 2"),
        ("(table 20000000 funcref)", "table minimum size of 20000000 elements exceeds table"),
    ],
)
def test_more_of_what_is_limited(start: Start, more: str, reason: str) -> None:
    answer = start(module("", more=more)).call()
    assert answer.status == 500
    assert reason in answer.text


def test_an_answer_without_end_is_cut(start: Start) -> None:
    process = start(WRITES_FOREVER, {"WASM_MAX_ANSWER_MIB": "1"})
    answer = process.call()
    assert (answer.status, answer.text) == (
        500,
        "the function's answer is larger than 1 MiB\n",
    )
    with open(f"/proc/{process.process.pid}/status") as file:
        resident = next(int(line.split()[1]) for line in file if line.startswith("VmRSS"))
    assert resident < 200_000


def test_a_log_without_end_is_ended_with_its_call(start: Start) -> None:
    assert start(LOGS_FOREVER, {"WASM_TIMEOUT_SECONDS": "0.2"}).call().status == 504


def test_a_body_that_is_too_large_is_refused(start: Start) -> None:
    process = start(module(""), {"WASM_MAX_REQUEST_MIB": "1"})
    answer = process.call("POST", "/", b"x" * ((1 << 20) + 1))
    assert (answer.status, answer.text) == (
        413,
        "the request's body is larger than 1048576 bytes\n",
    )


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("(unreachable)", "wasm trap: wasm `unreachable` instruction executed"),
        ("(drop (i32.load (i32.const 65536)))", "wasm trap: out of bounds memory access"),
        ("(drop (i32.div_u (i32.const 1) (i32.const 0)))", "wasm trap: integer divide by zero"),
        ("(call $proc_exit (i32.const 3))", "exit code 3"),
    ],
)
def test_a_failing_call_says_why_and_the_next_one_is_fine(
    start: Start, body: str, reason: str
) -> None:
    process = start(module(body))
    for _ in range(2):
        answer = process.call()
        assert answer.status == 500
        assert reason in answer.text
    process.wait_log(reason, 2)


def test_recursion_without_end(start: Start) -> None:
    answer = start(module("(call $f)", more="(func $f (call $f))")).call()
    assert (answer.status, answer.text) == (
        500,
        "the function failed: wasm trap: call stack exhausted\n",
    )


def test_nothing_stays_from_one_call_to_the_next(start: Start) -> None:
    counts = module(
        """
  (global.set $calls (i32.add (global.get $calls) (i32.const 1)))
  (i32.store (i32.const 2048) (i32.add (i32.load (i32.const 2048)) (i32.const 1)))
  (call $answer
    (i32.add (i32.const 47) (i32.add (global.get $calls) (i32.load (i32.const 2048)))))""",
        more="(global $calls (mut i32) (i32.const 0))",
    )
    process = start(counts)
    assert [process.call().text for _ in range(5)] == ["1"] * 5


def opens(path: str, flags: int = 0, rights: int = 2, directory: int = 3) -> str:
    """Answers with the letter `@` + the error number of opening a path."""
    text = "".join(f"\\{byte:02x}" for byte in path.encode())
    return module(
        f"""
  (call $answer (i32.add (i32.const 64)
    (call $path_open (i32.const {directory}) (i32.const 1) (i32.const 4096)
      (i32.const {len(path.encode())}) (i32.const {flags})
      (i64.const {rights}) (i64.const 0) (i32.const 0) (i32.const 64))))""",
        more=f'(data (i32.const 4096) "{text}")',
    )


OPENED, BAD_DESCRIPTOR = "@", "H"


def error(process_text: str) -> int:
    return ord(process_text) - 64


def test_there_is_no_file_system(start: Start) -> None:
    process = start(opens("/etc/passwd"), {"WASM_DIRECTORIES": ""})
    assert process.call().text == BAD_DESCRIPTOR


def a_package(folder: pathlib.Path, text: str) -> pathlib.Path:
    import wasmtime

    package = folder / "package"
    package.mkdir()
    (package / "main.wasm").write_bytes(wasmtime.wat2wasm(text))
    (package / "data.txt").write_text("data")
    (package / "out").symlink_to("/etc/passwd")
    return package


@pytest.mark.parametrize(
    ("path", "flags", "rights", "is_opened"),
    [
        ("data.txt", 0, 2, True),
        ("data.txt", 0, 64, False),  # for writing
        ("new.txt", 1, 64, False),  # a new file
        ("../state.json", 0, 2, False),
        ("out", 0, 2, False),
        ("/etc/passwd", 0, 2, False),
    ],
)
def test_the_package_is_there_to_read_and_nothing_else(
    start: Start, tmp_path: pathlib.Path, path: str, flags: int, rights: int, is_opened: bool
) -> None:
    package = a_package(tmp_path, opens(path, flags, rights))
    process = start(package, {"WASM_DIRECTORIES": "package"})
    answer = process.call().text
    assert (answer == OPENED) == is_opened, error(answer)
    assert (process.volume / "deployarchive" / "data.txt").read_text() == "data"


def test_the_package_is_hidden_unless_asked_for(start: Start, tmp_path: pathlib.Path) -> None:
    assert start(a_package(tmp_path, opens("data.txt"))).call().text == BAD_DESCRIPTOR


def test_a_module_without_end_is_compiled_and_refused_by_the_platform_not_by_a_crash(
    prepared: object, start: Start
) -> None:
    """A thousand functions of a thousand instructions each compile in the end."""
    functions = "(func " + "(drop (i32.const 1))" * 1000 + ")"
    process = start(module("(call $answer (i32.const 111))", more=functions * 100))
    assert process.call().text == "o"
