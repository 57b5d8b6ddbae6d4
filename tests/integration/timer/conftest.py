"""One cluster for the tests of a module."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest_asyncio

from tests.integration.timer import world


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared() -> AsyncIterator[world.Shared]:
    """Everything but timers."""
    async with world.cluster() as made:
        yield made
