"""The examples, built by the build command and run by the runtime."""

from __future__ import annotations

import pathlib
import shutil

from tests.conformance.environment import catalog, processes
from tests.integration.environments.binary import conftest

EXAMPLES = catalog.REPOSITORY / "examples" / "binary"


def deploy(
    name: str,
    entry_point: str,
    tmp_path: pathlib.Path,
    build: conftest.Build,
    runtime: processes.Process,
) -> None:
    shutil.copytree(EXAMPLES / name, tmp_path / "source")
    done = build(tmp_path / "source")
    assert done.returncode == 0, done.stdout + done.stderr
    (tmp_path / "deploy").rename(runtime.volume / "deployarchive")
    answer = runtime.specialize(entry_point)
    assert answer.status == 200, f"{answer}; {runtime.state()}"


def test_a_script_greets(
    tmp_path: pathlib.Path, build: conftest.Build, runtime: processes.Process
) -> None:
    deploy("greeting", "greeting.sh", tmp_path, build, runtime)
    assert runtime.call().text == "Hello, world!\n"
    assert runtime.call(path="/?a=b&name=Ada&c=d").text == "Hello, Ada!\n"
    assert runtime.call("POST", "/", b"Grace", Accept_Language="de-DE,en").text == "Hallo, Grace!\n"
    assert "greeting Grace in de" in runtime.log()


def test_a_server_counts(
    tmp_path: pathlib.Path, build: conftest.Build, runtime: processes.Process
) -> None:
    deploy("counter", "counter", tmp_path, build, runtime)
    counted = [runtime.call(path="/x").text for _ in range(3)]
    assert counted == [f"/x was called {number} times\n" for number in (1, 2, 3)]
    assert runtime.call(path="/y").text == "/y was called 1 times\n"
