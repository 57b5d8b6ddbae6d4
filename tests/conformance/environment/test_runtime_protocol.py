"""What every runtime promises the platform, whatever its language."""

from __future__ import annotations

import pathlib
from collections.abc import Iterator

import pytest

from tests.conformance.environment import runtimes

HELLO = {
    "python": ("hello.main", {"hello.py": "def main():\n    return 'hello'\n"}),
}
BROKEN = {
    "python": ("hello.main", {"hello.py": "def main(:\n"}, "SyntaxError"),
}


@pytest.fixture(params=sorted(runtimes.COMMANDS))
def runtime(request: pytest.FixtureRequest, tmp_path: pathlib.Path) -> Iterator[runtimes.Runtime]:
    with runtimes.running(request.param, tmp_path / "userfunc", tmp_path / "log") as started:
        started.language = request.param  # type: ignore[attr-defined]
        yield started


def hello(runtime: runtimes.Runtime) -> runtimes.Answer:
    entry_point, files = HELLO[runtime.language]  # type: ignore[attr-defined]
    runtime.write(files)
    return runtime.specialize(entry_point)


def test_a_specialized_runtime_answers_calls(runtime: runtimes.Runtime) -> None:
    assert hello(runtime).status == 200
    answer = runtime.call()
    assert (answer.status, answer.text) == (200, "hello")


def test_a_generic_runtime_refuses_calls(runtime: runtimes.Runtime) -> None:
    answer = runtime.call()
    assert answer.status == 500
    assert "Generic container" in answer.text


def test_a_second_specialization_is_refused_and_the_first_stays(runtime: runtimes.Runtime) -> None:
    assert hello(runtime).status == 200
    assert hello(runtime).status == 400
    assert runtime.call().text == "hello"


def test_health_is_answered_before_and_after(runtime: runtimes.Runtime) -> None:
    assert runtime.call(path="/healthz").status == 200
    hello(runtime)
    assert runtime.call(path="/healthz").status == 200


def test_code_that_cannot_be_loaded_is_reported_with_its_reason(runtime: runtimes.Runtime) -> None:
    entry_point, files, reason = BROKEN[runtime.language]  # type: ignore[attr-defined]
    runtime.write(files)
    answer = runtime.specialize(entry_point)
    assert answer.status == 500
    assert reason in answer.text


def test_a_malformed_load_request_is_refused(runtime: runtimes.Runtime) -> None:
    assert runtime.call("POST", "/v2/specialize", b"[]").status == 400
    assert hello(runtime).status == 200


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
def test_every_method_reaches_the_function(runtime: runtimes.Runtime, method: str) -> None:
    hello(runtime)
    assert runtime.call(method, body=b"x" if method == "POST" else b"").text == "hello"


def test_a_restarted_runtime_serves_the_same_function(tmp_path: pathlib.Path) -> None:
    for language in runtimes.COMMANDS:
        volume = tmp_path / language
        with runtimes.running(language, volume, tmp_path / "log") as runtime:
            runtime.language = language  # type: ignore[attr-defined]
            hello(runtime)
            runtime.process.kill()
        with runtimes.running(language, volume, tmp_path / "log") as runtime:
            assert runtime.call().text == "hello"
