"""The examples, built by the builder's command and called in the runtime."""

from __future__ import annotations

import pathlib
import shutil
import subprocess

import pytest

from tests.conformance.environment import processes
from tests.integration.environments.wasm.conftest import Start
from tests.support import wasmbuilds

EXAMPLES = wasmbuilds.REPOSITORY / "examples" / "wasm"


def run(name: str, start: Start, folder: pathlib.Path) -> processes.Process:
    built = wasmbuilds.build(EXAMPLES / name, folder / "built")
    assert built.code == 0, built.log
    return start(built.target)


def test_hello(start: Start, tmp_path: pathlib.Path) -> None:
    assert run("hello", start, tmp_path).call().text == "hello\n"


@pytest.mark.usefixtures("zig")
def test_wordcount(start: Start, tmp_path: pathlib.Path) -> None:
    process = run("wordcount", start, tmp_path)
    answer = process.call("POST", "/", b"To be, or not to be.")
    assert answer.text == "6 words, 4 different\n     2 be\n     2 to\n     1 not\n     1 or\n"
    assert process.call("POST", "/", b"").text == "0 words, 0 different\n"
    answer = process.call()
    assert (answer.status, answer.headers["Allow"]) == (405, "POST")


@pytest.mark.usefixtures("zig")
def test_sparkline(start: Start, tmp_path: pathlib.Path) -> None:
    process = run("sparkline", start, tmp_path)
    answer = process.call(path="/?values=0,10,5")
    assert answer.headers["Content-Type"] == "image/svg+xml"
    assert 'points="0.0,38.0 100.0,2.0 200.0,20.0 "' in answer.text
    answer = process.call(path="/?values=0,ten")
    assert (answer.status, answer.text) == (
        400,
        "values: needs numbers with commas between them\n",
    )


def test_csv2json(start: Start, tmp_path: pathlib.Path) -> None:
    missing = rust_target_missing()
    if missing:
        pytest.skip(missing)
    process = run("csv2json", start, tmp_path)
    answer = process.call("POST", "/", b'city,people\nOslo,717000\n"Bergen, ""rain""",007\n')
    assert answer.json() == [
        {"city": "Oslo", "people": 717000},
        {"city": 'Bergen, "rain"', "people": "007"},
    ]
    answer = process.call("POST", "/", b"a,b\n1\n")
    assert (answer.status, answer.text) == (400, "row 2: found 1 fields, needs 2\n")


def rust_target_missing() -> str | None:
    if shutil.which("cargo") is None or shutil.which("rustc") is None:
        return "cargo is not installed"
    for target in ("wasm32-wasip1", "wasm32-wasi"):
        asked = subprocess.run(
            ["rustc", "--print", "target-libdir", "--target", target],
            capture_output=True,
            text=True,
        )
        if asked.returncode == 0 and pathlib.Path(asked.stdout.strip()).is_dir():
            return None
    return "rustc has no target wasm32-wasip1: rustup target add wasm32-wasip1"
