"""Components: a Python program in one, built by the builder's command; and those that are refused.

Building one takes a quarter of a minute of a processor, so it is kept below `.venv` by what it is
made of.
"""

from __future__ import annotations

import concurrent.futures
import hashlib
import importlib.metadata
import importlib.util
import pathlib
import shutil
import socket
from collections.abc import Iterator

import pytest

from tests.conformance.environment import processes
from tests.support import wasmbuilds

wasmtime = pytest.importorskip("wasmtime", reason="wasmtime is not installed: fission[wasm]")

APP = pathlib.Path(__file__).with_name("samples_app.py")
KEPT = wasmbuilds.REPOSITORY / ".venv" / "test-needs" / "components"
LIMITS = {"WASM_TIMEOUT_SECONDS": "3", "WASM_MEMORY_MIB": "96", "WASM_MAX_ANSWER_MIB": "1"}


@pytest.fixture(scope="module")
def component(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """The package with the component."""
    if importlib.util.find_spec("componentize_py") is None:
        pytest.skip("componentize-py is not installed: pip install 'fission[wasm-builder]'")
    builder = wasmbuilds.BUILDER
    made_of = [APP, *sorted(builder.rglob("*.wit")), *sorted((builder / "lib").glob("*.py"))]
    stamp = hashlib.sha256(importlib.metadata.version("componentize-py").encode())
    for path in made_of:
        stamp.update(path.read_bytes())
    kept = KEPT / stamp.hexdigest()[:16]
    if not kept.exists():
        folder = tmp_path_factory.mktemp("component")
        (folder / "source").mkdir()
        shutil.copy(APP, folder / "source" / "app.py")
        built = wasmbuilds.build(folder / "source", folder / "target")
        assert built.code == 0, built.log
        assert "build: main.wasm: a component of " in built.log
        shutil.rmtree(KEPT, ignore_errors=True)
        KEPT.mkdir(parents=True)
        shutil.copytree(built.target, folder / "whole")
        (folder / "whole").rename(kept)
    return kept


@pytest.fixture(scope="module")
def process(
    component: pathlib.Path,
    prepared: processes.Prepared,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[processes.Process]:
    """A runtime that has loaded it."""
    pod = tmp_path_factory.mktemp("pod")
    with processes.running(prepared, pod, env=LIMITS) as started:
        shutil.copytree(component, started.volume / "deployarchive")
        answer = started.specialize("")
        assert answer.status == 200, f"{answer}; {started.state()}"
        yield started


def test_a_request_reaches_the_program(process: processes.Process) -> None:
    answer = process.call("PATCH", "/a%20b?q=%2F", X_Asked="for")
    assert answer.text == "PATCH /a b q=%2F for 1", process.state()


def test_nothing_stays_from_one_call_to_the_next(process: processes.Process) -> None:
    assert {process.call().text for _ in range(3)} == {"GET /  - 1"}


@pytest.mark.parametrize("body", [b"", bytes(range(256)) * 1024], ids=["empty", "binary"])
def test_a_body_comes_back_byte_for_byte(process: processes.Process, body: bytes) -> None:
    assert process.call("POST", "/echo", body).body == body


def test_status_and_headers_are_the_programs(process: processes.Process) -> None:
    answer = process.call(path="/status")
    assert (answer.status, answer.text, answer.headers["X-Sample"]) == (418, "teapot", "yes")


def test_what_is_printed_is_in_the_log_and_not_in_the_answer(process: processes.Process) -> None:
    assert process.call(path="/printed").body == b""
    process.wait_log("printed by the function\n")


def test_an_exception_is_500_and_its_traceback_in_the_log(process: processes.Process) -> None:
    answer = process.call(path="/error")
    assert answer.status == 500
    assert "sample failure" not in answer.text
    process.wait_log("sample failure")


def test_the_time_is_limited(process: processes.Process) -> None:
    with concurrent.futures.ThreadPoolExecutor() as pool:
        calls = [pool.submit(process.call, path=path) for path in ("/loop", "/sleep")]
    text = "the function ran longer than 3 s and was ended\n"
    assert [(call.result().status, call.result().text) for call in calls] == [(504, text)] * 2


def test_the_answer_is_limited(process: processes.Process) -> None:
    answer = process.call(path="/big")
    assert (answer.status, answer.text) == (
        500,
        "the function's answer is larger than 1 MiB\n",
    )


def test_memory_is_limited(process: processes.Process) -> None:
    assert process.call(path="/memory").text == "no memory"


def test_there_are_no_files(process: processes.Process) -> None:
    assert process.call(path="/files").text.startswith("OSError")


def test_there_is_no_network(process: processes.Process) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        assert process.call("POST", "/network", str(port).encode()).text != "done"
        listener.setblocking(False)
        with pytest.raises(BlockingIOError):
            listener.accept()


def test_calls_run_at_the_same_time(process: processes.Process) -> None:
    """What the interface to the host keeps is each call's own."""
    bodies = [f"{number}".encode() * 5000 for number in range(12)]
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda body: process.call("POST", "/echo", body).body, bodies))
    assert answers == bodies


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("(component)", "exports neither wasi:http/incoming-handler@0.2.x nor wasi:cli/run@0.2.x"),
        (
            '(component (import "wasi:http/types@0.3.0" (instance)))',
            "imports wasi:http/types@0.3.0: there are the interfaces of WASI 0.2",
        ),
        (
            '(component (import "my:own/thing@0.2.0" (instance)))',
            "imports my:own/thing@0.2.0: there are the interfaces of WASI 0.2",
        ),
    ],
)
def test_a_component_that_cannot_be_run_is_told_so(
    prepared: processes.Prepared, tmp_path: pathlib.Path, text: str, message: str
) -> None:
    with processes.running(prepared, tmp_path) as generic:
        (generic.volume / "deployarchive").write_bytes(wasmtime.wat2wasm(text))
        answer = generic.specialize("")
    assert answer.status == 500
    assert message in answer.text


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("def main():\n    pass\n", "needs a class IncomingHandler (as componentize-py has it)"),
        ("def app(:\n", "app.py, line 1: invalid syntax"),
    ],
)
def test_a_program_that_is_none_fails_the_build(
    tmp_path: pathlib.Path, source: str, message: str
) -> None:
    folder = tmp_path / "source"
    folder.mkdir()
    (folder / "app.py").write_text(source)
    built = wasmbuilds.build(folder, tmp_path / "target")
    assert built.code == 1
    assert message in built.log
