"""The Node.js image, made ready once, and runtimes of it."""

from __future__ import annotations

import contextlib
import pathlib
from collections.abc import Callable, Iterator

import pytest

from tests.conformance.environment import catalog, processes
from tests.support import imageprocess

Start = Callable[..., processes.Process]


@pytest.fixture(scope="session")
def node() -> processes.Prepared:
    """The image as the platform has it; skips where Node.js is not installed."""
    runtime = catalog.find("node")
    missing = runtime.missing()
    if missing:
        pytest.skip(missing)
    image = imageprocess.prepare(runtime.image_folder)
    return processes.Prepared(runtime, image, runtime.samples)


@pytest.fixture
def start(node: processes.Prepared, tmp_path: pathlib.Path) -> Iterator[Start]:
    """Starts a runtime with these files and entry point loaded; more goes to it as `env`."""
    with contextlib.ExitStack() as stack:

        def run(
            files: dict[str, str], entry_point: str = "", requests_per_pod: int = 0, **env: str
        ) -> processes.Process:
            process = stack.enter_context(processes.running(node, tmp_path / "pod", env))
            process.write(files)
            answer = process.specialize(entry_point, requestsPerPod=requests_per_pod)
            assert answer.status == 202, answer
            return process

        yield run
