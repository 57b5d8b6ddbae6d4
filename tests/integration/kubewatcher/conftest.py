import pytest_asyncio

from tests.integration.kubewatcher import world as worlds


@pytest_asyncio.fixture(scope="package", loop_scope="package")
async def api():
    """One embedded API server for all tests of this folder."""
    async with worlds.cluster() as server:
        yield server


@pytest_asyncio.fixture(loop_scope="package")
async def world(api, tmp_path):
    """A namespace, with nothing running."""
    async with worlds.world(api, tmp_path) as made:
        yield made
