"""What holds for every test."""

import pathlib
import signal
from collections.abc import Iterator
from typing import TYPE_CHECKING

import hypothesis
import pytest

if TYPE_CHECKING:
    from tests.e2e import platform as platforms

# The same examples in every run: a change is judged by what it changed. To look for new ones,
# give `--hypothesis-profile=default`.
hypothesis.settings.register_profile("repeatable", derandomize=True)
hypothesis.settings.load_profile("repeatable")

# A shell starts what runs in its background with SIGINT ignored, and so would be what tests start.
signal.signal(signal.SIGINT, signal.default_int_handler)

REPOSITORY = pathlib.Path(__file__).parents[1]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update", action="store_true", help="write what stories say now")
    parser.addoption("--home", help="tell stories on the platform that runs in this FISSION_HOME")


@pytest.fixture(scope="session")
def platform(request: pytest.FixtureRequest) -> "Iterator[platforms.Platform]":
    """The platform of journeys and stories, under the account that runs the tests."""
    from tests.e2e import accounts
    from tests.e2e import platform as platforms

    account, home = accounts.everyone()[0], request.config.getoption("--home")
    if home:
        yield platforms.Platform(account, pathlib.Path(home))
        return
    started = platforms.started(account)
    yield started
    platforms.ended(started)


@pytest.fixture(scope="session", autouse=True)
def nothing_is_left_in_the_checkout() -> Iterator[None]:
    """A crashed virtual machine, for one, leaves its report where it was started."""
    before = {path.name for path in REPOSITORY.iterdir()}
    yield
    left = {path.name for path in REPOSITORY.iterdir() if not path.name.startswith(".")} - before
    assert left == set()
