"""What every runtime promises about the requests of one pod, and about its own end."""

from __future__ import annotations

import concurrent.futures
import signal
from collections.abc import Callable

from tests.conformance.environment import processes

Start = Callable[..., processes.Process]


def test_a_call_above_the_limit_is_refused_without_being_run(start: Start) -> None:
    process = start()
    process.load(process.runtime.probe, requestsPerPod=1)
    for _ in range(2):
        assert process.call(path="/error").status == 500, process.state()
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        first = pool.submit(process.call, "POST", "/slow", b"900")
        process.wait_log("started\n")
        second = process.call("POST", "/slow", b"0")
        assert not first.done(), f"the second call waited: {second}; {process.state()}"
        assert process.call(path="/healthz").status == 200
        assert first.result().text == "slept"
    assert second.status == 503, f"{second}; {process.state()}"
    assert second.headers["X-Fission-Busy"], "the router cannot tell it from a function's answer"
    assert process.log().count("started\n") == 1
    assert process.call().text == "hello", "the slot was not given back"


def test_it_finishes_what_runs_when_it_is_told_to_end(start: Start) -> None:
    process = start()
    process.load(process.runtime.probe)
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        running = pool.submit(process.call, "POST", "/slow", b"500")
        process.wait_log("started\n")
        process.process.send_signal(signal.SIGTERM)
        assert running.result().text == "slept", process.state()
    assert process.process.wait(processes.DEADLINE_SECONDS) == 0, process.state()


def test_a_generic_runtime_ends_at_once(start: Start) -> None:
    process = start()
    assert process.call(path="/healthz").status == 200
    process.process.send_signal(signal.SIGTERM)
    assert process.process.wait(processes.DEADLINE_SECONDS) == 0, process.state()
