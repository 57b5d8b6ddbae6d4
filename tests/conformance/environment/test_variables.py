"""What every runtime promises about a function's variables, which come with the load request."""

from __future__ import annotations

import pathlib
import stat
from collections.abc import Callable

from tests.conformance.environment import catalog, processes

Start = Callable[..., processes.Process]

VARIABLES = {
    "GREETING": "grüße, \"you\"\t$(NOT) $HOME 'x'",
    "PATH": "/nowhere:/usr/local/bin:/usr/bin:/bin",
    "EMPTY": "",
}


def load(process: processes.Process, **more: object) -> processes.Answer:
    process.put(process.runtime.probe.path)
    return process.specialize(process.runtime.probe.entry_point, **more)


def env(process: processes.Process, name: str) -> str:
    answer = process.call("POST", "/env", name.encode())
    assert answer.status == 200, f"{answer}; {process.state()}"
    return answer.text


def test_a_function_sees_its_variables_and_those_of_its_pod(start: Start) -> None:
    process = start(env={"OF_THE_POD": "pod", "GREETING": "of the pod"})
    answer = load(process, env=VARIABLES)
    assert answer.status == process.runtime.specialized, f"{answer}; {process.state()}"
    assert answer.headers["X-Fission-Env"] == "3"
    assert env(process, "GREETING") == VARIABLES["GREETING"]
    assert env(process, "PATH") == VARIABLES["PATH"]
    assert env(process, "EMPTY") == ""
    assert env(process, "OF_THE_POD") == "pod"
    assert "grüße" not in process.log()


def test_without_variables_the_answer_says_nothing_of_them(start: Start) -> None:
    process = start()
    assert load(process, env={}).headers["X-Fission-Env"] is None


def test_malformed_variables_are_refused_without_showing_them(start: Start) -> None:
    process = start()
    for wrong in ({"A=B": "secret-text"}, {"A": 7}, {"A": "secret-text\0"}, ["secret-text"]):
        answer = load(process, env=wrong)
        assert answer.status == process.runtime.malformed, f"{answer}; {process.state()}"
        assert "env" in answer.text
        assert "secret-text" not in answer.text + process.log()


def test_what_did_not_load_leaves_no_variables_behind(start: Start) -> None:
    process = start(env={"KEPT": "pod"})
    broken = process.runtime.broken
    process.put(broken.path)
    refused = process.specialize(broken.entry_point, env={"STRAY": "1", "KEPT": "function"})
    assert refused.status == process.runtime.refused, f"{refused}; {process.state()}"
    assert load(process).status == process.runtime.specialized, process.state()
    assert env(process, "STRAY") == ""
    assert env(process, "KEPT") == "pod"


def test_a_runtime_that_is_started_again_has_the_variables(
    prepared: processes.Prepared, tmp_path: pathlib.Path
) -> None:
    with processes.running(prepared, tmp_path) as process:
        assert load(process, env=VARIABLES).status == process.runtime.specialized
        assert stat.S_IMODE((process.volume / "state.json").stat().st_mode) == 0o600
        process.process.kill()
        process.process.wait()
    with processes.running(prepared, tmp_path) as process:
        assert env(process, "GREETING") == VARIABLES["GREETING"], process.state()


def test_settings_of_an_environment_may_be_a_functions(
    prepare: Callable[[catalog.Runtime], processes.Prepared], tmp_path: pathlib.Path
) -> None:
    with processes.running(prepare(catalog.BINARY), tmp_path) as process:
        process.write({"main": "#!/bin/sh\nprintf 'Status: 418\\n\\n%s' \"$BINARY_OUTPUT\"\n"})
        (process.volume / "deployarchive" / "main").chmod(0o755)
        wrong = process.specialize("main", env={"BINARY_OUTPUT": "loud"})
        assert (wrong.status, "'loud'" in wrong.text) == (400, True)
        assert process.specialize("main", env={"BINARY_OUTPUT": "cgi"}).status == 200
        answer = process.call()
        assert (answer.status, answer.text) == (418, "")


def test_limits_of_webassembly_may_be_a_functions(
    prepare: Callable[[catalog.Runtime], processes.Prepared], tmp_path: pathlib.Path
) -> None:
    with processes.running(prepare(catalog.WASM), tmp_path) as process:
        process.put(catalog.WASM.hello.path)
        wrong = process.specialize("", env={"WASM_MEMORY_MIB": "much"})
        assert (wrong.status, "WASM_MEMORY_MIB: found 'much'" in wrong.text) == (500, True)
        env = {"WASM_MAX_REQUEST_MIB": "1", "WASM_PARALLEL_CALLS": "2"}
        assert process.specialize("", env=env).status == 200
        assert process.call().text == "hello"
        assert process.call("POST", "/", b"x" * (2 << 20)).status == 413
