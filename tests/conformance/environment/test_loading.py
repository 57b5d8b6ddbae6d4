"""What every runtime promises about becoming one function's: loading, and what it refuses."""

from __future__ import annotations

import json
import pathlib
from collections.abc import Callable, Iterator

import pytest

from tests.conformance.environment import catalog, processes
from tests.e2e import ownnetwork

Start = Callable[..., processes.Process]


@pytest.fixture(scope="module")
def generic(
    prepared: processes.Prepared, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[processes.Process]:
    """A process that no test loads anything into: whatever was refused left it as it was."""
    folder = tmp_path_factory.mktemp(f"generic-{prepared.runtime.name}")
    with processes.running(prepared, folder) as process:
        yield process


def still_generic(process: processes.Process) -> None:
    answer = process.call()
    assert answer.status == process.runtime.unspecialized, f"{answer}; {process.state()}"
    assert process.runtime.unspecialized_text in answer.text
    assert answer.headers["X-Fission-Busy"] == "0", "the router cannot tell it from an answer"


def test_a_specialized_runtime_answers_calls(start: Start) -> None:
    process = start()
    process.load(process.runtime.hello)
    answer = process.call()
    assert (answer.status, answer.text) == (200, "hello"), process.state()


def test_a_load_request_as_the_fetcher_writes_it_and_more(start: Start) -> None:
    process = start()
    process.put(process.runtime.hello.path)
    metadata = {
        "name": "f",
        "namespace": "default",
        "uid": "0b1f",
        "creationTimestamp": None,
        "managedFields": [{"manager": "fission", "fieldsV1": {"f:spec": {}}}],
    }
    load_request = {
        "filepath": "/userfunc/deployarchive",
        "functionName": process.runtime.hello.entry_point,
        "url": None,
        "FunctionMetadata": metadata,
        "envVersion": 3,
        "stateKeyspace": "",
        "requestsPerPod": 0,
        "aFieldOfTomorrow": {"nested": [1, None]},
    }
    chunks = iter([json.dumps(load_request).encode()])
    answer = process.call("POST", "/v2/specialize", chunks, Content_Type="application/json")
    assert answer.status == process.runtime.specialized, f"{answer}; {process.state()}"
    assert process.call().text == "hello"


def test_a_generic_runtime_refuses_calls(generic: processes.Process) -> None:
    still_generic(generic)
    assert generic.call("POST", "/some/path", b"body").status == generic.runtime.unspecialized


def test_health_is_answered_before_a_function_is_loaded(generic: processes.Process) -> None:
    assert generic.call(path="/healthz").status == 200


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'"text"', b"\xff\xfe"])
def test_a_malformed_load_request_is_refused(generic: processes.Process, body: bytes) -> None:
    answer = generic.call("POST", "/v2/specialize", body, Content_Type="application/json")
    assert answer.status == generic.runtime.malformed, f"{answer}; {generic.state()}"
    still_generic(generic)


def test_code_that_cannot_be_loaded_is_reported_with_its_reason(
    generic: processes.Process,
) -> None:
    broken = generic.runtime.broken
    generic.put(broken.path)
    answer = generic.specialize(broken.entry_point)
    assert answer.status == generic.runtime.refused, f"{answer}; {generic.state()}"
    assert broken.reason in answer.text
    still_generic(generic)


def test_an_entry_point_that_is_not_there_is_named(generic: processes.Process) -> None:
    absent = generic.runtime.absent
    generic.put(absent.path)
    answer = generic.specialize(absent.entry_point)
    assert answer.status == generic.runtime.refused, f"{answer}; {generic.state()}"
    assert absent.reason in answer.text
    still_generic(generic)


def test_code_that_is_nowhere_is_named(generic: processes.Process) -> None:
    answer = generic.specialize(
        generic.runtime.hello.entry_point, filepath="/userfunc/there-is-nothing"
    )
    assert answer.status == generic.runtime.refused, f"{answer}; {generic.state()}"
    assert "there-is-nothing" in answer.text
    still_generic(generic)


def test_the_first_version_of_the_protocol(prepared: processes.Prepared, start: Start) -> None:
    prepared.require(catalog.Promise.VERSION_1)
    process = start()
    process.put(process.runtime.version_1, "user")
    answer = process.call("POST", "/specialize", Content_Type="text/plain")
    assert answer.status == process.runtime.specialized, f"{answer}; {process.state()}"
    assert process.call().text == "hello"


def test_a_runtime_that_is_started_again_serves_the_same_function(
    prepared: processes.Prepared, tmp_path: pathlib.Path
) -> None:
    prepared.require(catalog.Promise.RESTART)
    with processes.running(prepared, tmp_path) as process:
        process.load(process.runtime.hello)
        process.process.kill()
        process.process.wait()
    with processes.running(prepared, tmp_path) as process:
        answer = process.call()
        assert (answer.status, answer.text) == (200, "hello"), process.state()


def test_without_a_handed_socket_it_listens_on_port_8888(
    prepared: processes.Prepared, tmp_path: pathlib.Path
) -> None:
    if not ownnetwork.is_possible():
        pytest.skip("only root can make a network in which port 8888 is nobody else's")

    def body() -> None:
        with processes.running(prepared, tmp_path, address=("127.0.0.1", 8888)) as process:
            process.wait_listening()
            process.load(process.runtime.hello)
            assert process.call().text == "hello"

    ownnetwork.run(body)
