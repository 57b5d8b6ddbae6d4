"""Platforms for journeys: one per account, fresh ones where asked; the usual one is shared."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator

import pytest

from tests.e2e import accounts
from tests.e2e import platform as platforms


@pytest.fixture(scope="session", params=accounts.everyone(), ids=lambda account: account.name)
def any_platform(request: pytest.FixtureRequest) -> Iterator[platforms.Platform]:
    """A platform per account, one after the other: each for the tests of every module."""
    account: accounts.Account = request.param
    why = account.missing()
    if why:
        pytest.skip(f"account {account.name}: {why}")
    started = platforms.started(account)
    yield started
    platforms.ended(started)


@pytest.fixture
def fresh() -> Iterator[Callable[[], platforms.Platform]]:
    """Makes platforms that are not started yet; ends and removes them afterwards."""
    made: list[platforms.Platform] = []

    def make() -> platforms.Platform:
        made.append(platforms.Platform(accounts.everyone()[0]))
        return made[-1]

    make.made = made  # type: ignore[attr-defined]
    yield make
    for platform in made:
        platform.down()
    remaining = [line for platform in made for line in platforms.leftovers(platform.home)]
    for platform in made:
        platform.remove()
    assert remaining == []


@pytest.fixture
def kubectl() -> None:
    """Skips where kubectl is missing."""
    if shutil.which("kubectl") is None:
        pytest.skip("kubectl is not installed (Debian package kubernetes-client)")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]):  # type: ignore[no-untyped-def]
    """Append the platform's logs to the report of a failed journey."""
    report = yield
    if report.when == "call" and report.failed:
        for value in getattr(item, "funcargs", {}).values():
            made = getattr(value, "made", None)
            for one in made if isinstance(made, list) else [value]:
                if isinstance(one, platforms.Platform):
                    report.sections.append(("platform logs", one.log_tail()))
    return report
