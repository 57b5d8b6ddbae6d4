"""The brokers of this folder: all that are wanted are started together, before the first test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conformance.message_queue import brokers as real_brokers

FOLDER = Path(__file__).parent


LAST = ("rabbitmq", "kafka")
"""Those that take seconds to start: meanwhile the others are tested."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    places = [place for place, item in enumerate(items) if FOLDER in item.path.parents]
    ordered = sorted((items[place] for place in places), key=_rank)
    for place, item in zip(places, ordered, strict=True):
        items[place] = item


def _rank(item: pytest.Item) -> int:
    names = _names(item)
    if not names and "brokers" in getattr(item, "fixturenames", ()):
        return len(LAST)  # it wants all of them
    return max((LAST.index(name) for name in names if name in LAST), default=-1)


def _names(item: pytest.Item) -> set[str]:
    """The brokers that a test's parameters name."""
    values = (getattr(item, "callspec", None) and item.callspec.params.values()) or ()
    return {value for value in values if isinstance(value, str) and value in real_brokers.KINDS}


@pytest.fixture(scope="session", autouse=True)
def brokers(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[real_brokers.Brokers]:
    """Those that the chosen tests name in their parameters."""
    wanted = set().union(*map(_names, request.session.items))
    with real_brokers.running(tmp_path_factory.mktemp("brokers")) as running:
        running.launch(wanted)
        yield running


@pytest.fixture(params=sorted(real_brokers.KINDS))
def broker(request: pytest.FixtureRequest, brokers: real_brokers.Brokers) -> real_brokers.Broker:
    """Each of them in turn."""
    reason = real_brokers.missing(request.param)
    if reason:
        pytest.skip(f"{request.param}: {reason}")
    return brokers.get(request.param)
