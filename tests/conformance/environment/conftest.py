"""Images and samples are made once; every promise is asked of each language in turn."""

from __future__ import annotations

import contextlib
import pathlib
from collections.abc import Callable, Iterator

import pytest

from tests.conformance.environment import catalog, processes
from tests.support import imageprocess


@pytest.fixture(scope="session")
def prepare(
    tmp_path_factory: pytest.TempPathFactory,
) -> Callable[[catalog.Runtime], processes.Prepared]:
    """Make a language ready, once; skips with what is missing on this machine."""
    made: dict[str, processes.Prepared] = {}

    def prepare_once(runtime: catalog.Runtime) -> processes.Prepared:
        missing = runtime.missing()
        if missing:
            pytest.skip(missing)
        if runtime.name not in made:
            image = imageprocess.prepare(runtime.image_folder)
            samples = runtime.make_samples(tmp_path_factory.mktemp(f"made-{runtime.name}"))
            made[runtime.name] = processes.Prepared(runtime, image, samples)
        return made[runtime.name]

    return prepare_once


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Ask a promise of every language; those about calls of each way of calling, too."""
    if "prepared" in metafunc.fixturenames:
        names = [*catalog.NAMES]
        if getattr(metafunc.module, "OF_VARIANTS", False):
            names += catalog.VARIANT_NAMES
        metafunc.parametrize("prepared", names, indirect=True, scope="module")


@pytest.fixture(scope="module")
def prepared(
    request: pytest.FixtureRequest, prepare: Callable[[catalog.Runtime], processes.Prepared]
) -> processes.Prepared:
    """Each language in turn."""
    return prepare(catalog.find(request.param))


@pytest.fixture
def start(
    prepared: processes.Prepared, tmp_path: pathlib.Path
) -> Iterator[Callable[..., processes.Process]]:
    """Starts a runtime in a pod of the test's own; what `processes.running` takes, this takes."""
    with contextlib.ExitStack() as stack:
        yield lambda **more: stack.enter_context(
            processes.running(prepared, tmp_path / "pod", **more)
        )
