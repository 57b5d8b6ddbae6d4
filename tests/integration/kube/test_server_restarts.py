"""An informer outlives the API server: nothing missed, nothing told twice."""

import asyncio
import contextlib

from fission.cluster.apiserver import app
from fission.kube import client, config, informer
from fission.meta import gvk
from tests.support import waiting


@contextlib.asynccontextmanager
async def a_server(tmp_path):
    server = await app.ApiServer.start(app.Config(tmp_path / "home", tmp_path / "run"))
    path = await server.listen([])
    try:
        yield str(path)
    finally:
        await server.close()


def a_configmap(name, **data):
    return {"metadata": {"name": name, "namespace": "default"}, "data": data}


async def test_an_informer_carries_on_where_it_was(tmp_path):
    (tmp_path / "home").mkdir()
    told = []

    def hear(old, new):
        shown = new or old
        if shown["metadata"]["name"].startswith("c"):
            told.append((shown["metadata"]["name"], new and new["data"]["n"]))

    async with a_server(tmp_path) as path:
        kube = client.Client(config.from_unix_socket(path))
        configmaps = informer.Informer(kube, gvk.CONFIGMAPS, "default")
        configmaps.add_handler(hear)
        task = asyncio.create_task(configmaps.run())
        await configmaps.wait_synced(5)
        for name in ("c1", "c2", "c3"):
            await kube.create(gvk.CONFIGMAPS, a_configmap(name, n="1"))
        await waiting.until(lambda: len(told) == 3)
    async with a_server(tmp_path) as path, client.Client(config.from_unix_socket(path)) as other:
        await other.patch(gvk.CONFIGMAPS, "c1", {"data": {"n": "2"}}, "default")
        await other.delete(gvk.CONFIGMAPS, "c2", "default")
        await other.create(gvk.CONFIGMAPS, a_configmap("c4", n="1"))
        await waiting.until(lambda: len(told) == 6, 10)
        assert sorted(told[3:], key=str) == [("c1", "2"), ("c2", None), ("c4", "1")]
        names = sorted(one["metadata"]["name"] for one in configmaps.lister.list())
        assert [name for name in names if name.startswith("c")] == ["c1", "c3", "c4"]
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await kube.aclose()
