"""The examples of Node.js: built by the builder's command, run by the runtime, without network."""

from __future__ import annotations

import contextlib
import pathlib
import shutil
from collections.abc import Iterator

import pytest

from tests.conformance.environment import processes
from tests.integration.environments.node.test_builds import run_build
from tests.support import wsclient

REPOSITORY = pathlib.Path(__file__).parents[4]
EXAMPLES = REPOSITORY / "examples" / "node"
CACHE = REPOSITORY / ".venv" / "test-needs" / "npm"


@contextlib.contextmanager
def built(
    name: str, entry_point: str, node: processes.Prepared, folder: pathlib.Path
) -> Iterator[processes.Process]:
    """A runtime that has loaded an example, built from packages that `bin/test` has downloaded."""
    if not (CACHE / ".complete").exists():
        pytest.skip(f"{CACHE} is not there: need_npm_packages in bin/lib/test-needs.sh makes it")
    volume = folder / "pod" / "userfunc"
    volume.mkdir(parents=True)
    shutil.copytree(EXAMPLES / name, folder / name)
    done = run_build(
        folder / name,
        volume / "deployarchive",
        folder,
        npm_config_cache=str(CACHE),
        npm_config_offline="true",
    )
    assert done.code == 0, done.log
    with processes.running(node, folder / "pod") as process:
        answer = process.specialize(entry_point)
        assert answer.status == 202, answer
        yield process


def test_a_function_with_an_npm_package(node: processes.Prepared, tmp_path: pathlib.Path) -> None:
    with built("releases", "", node, tmp_path) as process:
        assert process.call(path="/?range=^1.2.0&of=1.2.9,1.10.0,2.0.0").text == "1.10.0\n"
        assert process.call(path="/?range=^3.0.0&of=1.2.9").status == 404
        assert process.call().status == 400


def test_a_function_in_typescript(node: processes.Prepared, tmp_path: pathlib.Path) -> None:
    with built("prices", "prices.order", node, tmp_path) as process:
        order = b'[{"name": "tea", "count": 2}, {"name": "cake", "count": 1}]'
        answer = process.call("POST", "/", order, Content_Type="application/json")
        assert answer.json() == {"total": "10.90"}
        unknown = b'[{"name": "beer", "count": 1}]'
        assert process.call("POST", "/", unknown, Content_Type="application/json").status == 500
        assert "catalogue.ts:8:" in process.log(), "a trace names the lines that people wrote"


def test_a_websocket_function(node: processes.Prepared, tmp_path: pathlib.Path) -> None:
    with contextlib.ExitStack() as stack:
        process = stack.enter_context(built("chat", "chat", node, tmp_path))
        ada, bob = (
            stack.enter_context(contextlib.closing(wsclient.Client(process.address, path)))
            for path in ("/?name=ada", "/?name=bob")
        )
        assert ada.receive() == (wsclient.TEXT, b"ada came")
        assert ada.receive() == bob.receive() == (wsclient.TEXT, b"bob came")
        bob.send(wsclient.TEXT, b"hello")
        assert ada.receive() == bob.receive() == (wsclient.TEXT, b"bob: hello")
        bob.close()
        assert ada.receive() == (wsclient.TEXT, b"bob left")
