"""One cluster for all tests of the timer."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest_asyncio

from tests.integration.timer import world


@pytest_asyncio.fixture(scope="package", loop_scope="package")
async def shared() -> AsyncIterator[world.Shared]:
    """Everything but timers."""
    async with world.cluster() as made:
        yield made
