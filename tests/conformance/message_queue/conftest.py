"""The brokers of this folder: started together, as soon as the first of them is asked for."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.conformance.message_queue import brokers as real_brokers


@pytest.fixture(scope="session")
def brokers(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[real_brokers.Brokers]:
    """Those that the chosen tests name in their parameters."""
    wanted = {
        value
        for item in request.session.items
        for value in (getattr(item, "callspec", None) and item.callspec.params.values()) or ()
        if isinstance(value, str) and value in real_brokers.KINDS
    }
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
