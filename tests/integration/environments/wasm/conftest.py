"""The runtime as a process with modules written for a test, and the builder's command."""

from __future__ import annotations

import pathlib
from collections.abc import Callable, Iterator

import pytest

from tests.conformance.environment import catalog, processes
from tests.support import imageprocess, wasmbuilds

wasmtime = pytest.importorskip("wasmtime", reason="wasmtime is not installed: fission[wasm]")

Start = Callable[..., processes.Process]


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> processes.Prepared:
    """The WebAssembly runtime, without samples."""
    image = imageprocess.prepare(catalog.WASM.image_folder)
    return processes.Prepared(catalog.WASM, image, tmp_path_factory.mktemp("wasm"))


@pytest.fixture
def start(prepared: processes.Prepared, tmp_path: pathlib.Path) -> Iterator[Start]:
    """Starts a runtime with settings and loads a module, given as text, bytes or a package."""
    import contextlib

    with contextlib.ExitStack() as stack:

        def start(
            code: str | bytes | pathlib.Path, env: dict[str, str] | None = None, **more: object
        ) -> processes.Process:
            process = stack.enter_context(processes.running(prepared, tmp_path / "pod", env=env))
            place = process.volume / "deployarchive"
            if isinstance(code, pathlib.Path):
                code.rename(place)
            else:
                place.write_bytes(wasmtime.wat2wasm(code) if isinstance(code, str) else code)
            answer = process.specialize("", **more)
            assert answer.status == 200, f"{answer}; {process.state()}"
            return process

        yield start


@pytest.fixture(scope="session")
def zig() -> None:
    """Skips where there is no compiler for C and Zig."""
    missing = wasmbuilds.missing()
    if missing:
        pytest.skip(missing)
