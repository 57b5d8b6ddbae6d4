import pytest

from tests.integration.kubelet import node as nodes


@pytest.fixture
async def node():
    async with nodes.running() as running:
        yield running
