"""What is kept of the containers that one process of the node serves."""

import os
import types

import pytest

from fission.cluster.kubelet import errors, shared
from fission.cluster.kubelet.zygote import client

IMAGE = types.SimpleNamespace(
    name="fetcher", env={}, entry=None, command=("fetch",), working_dir="/", root="/"
)


class NoSpawner:
    """Cannot start anything; meanwhile something else happens."""

    async def get(self, image):
        await self.meanwhile()
        raise client.SpawnerError("no memory")

    async def acknowledge(self, identifier):
        pass


@pytest.mark.parametrize("removed", [False, True])
async def test_a_container_that_is_not_taken_is_closed_once(tmp_path, removed):
    pool = NoSpawner()
    process = shared.SharedProcess(IMAGE, pool, tmp_path / "log", {}, print, print)

    async def meanwhile():
        if removed:
            await process.remove("uid/fetcher")

    pool.meanwhile = meanwhile
    read_end, write_end = os.pipe()
    member = shared.Member("uid/fetcher", (), {}, {}, ("http",), (write_end,))
    with pytest.raises(errors.CannotRun, match="no memory"):
        await process.add(member)
    assert os.read(read_end, 1) == b""
    os.close(read_end)
