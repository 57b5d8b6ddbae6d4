"""The embedded API server with our kinds in it, and objects of these kinds."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from typing import Any

from fission.api import resources
from fission.bundle import install
from fission.kube import client as kube_client
from fission.kube import config as kube_config
from fission.meta import gvk, status
from tests.support import apiserver
from tests.support import waiting as waits

Obj = dict[str, Any]


@contextlib.asynccontextmanager
async def cluster() -> AsyncIterator[tuple[apiserver.Running, kube_client.Client]]:
    """An API server that serves our kinds, and a client of it."""
    async with apiserver.running() as api:
        credentials = kube_config.load({"KUBE_API_SOCKET": api.socket})
        async with kube_client.Client(credentials) as kube:
            for crd in install.load_crds():
                await install.apply(kube, gvk.CRDS, crd)
            await waits.until_so(lambda: _are_served(kube))
            yield api, kube


async def _are_served(kube: kube_client.Client) -> bool:
    try:
        for resource in (resources.FUNCTIONS, resources.TIMETRIGGERS, resources.CANARYCONFIGS):
            await kube.list(resource, "default")
    except status.NotFound:
        return False
    return True


def obj(kind: str, name: str, spec: Obj, namespace: str = "default", **metadata: Any) -> Obj:
    """An object of ours in wire form."""
    return {
        "apiVersion": "fission.io/v1",
        "kind": kind,
        "metadata": {"name": name, "namespace": namespace, **metadata},
        "spec": spec,
    }


def function(name: str, namespace: str = "default") -> Obj:
    """A Function that names a package which need not be there."""
    return obj(
        "Function",
        name,
        {
            "environment": {"namespace": namespace, "name": "python"},
            "package": {"packageref": {"namespace": namespace, "name": f"{name}-pkg"}},
            "InvokeStrategy": {
                "StrategyType": "execution",
                "ExecutionStrategy": {"ExecutorType": "poolmgr"},
            },
        },
        namespace,
    )


def time_trigger(name: str, cron: str, function_name: str = "hello", **spec: Any) -> Obj:
    """A TimeTrigger."""
    reference = {"type": "name", "name": function_name}
    return obj("TimeTrigger", name, {"cron": cron, "functionref": reference, **spec})
