"""The whole router beside an embedded API server."""

from __future__ import annotations

import asyncio
import contextlib
import importlib.resources
from typing import TYPE_CHECKING

import yaml

from fission.base import clock as clocks
from fission.contracts import signing
from fission.kube import client as kube_client
from fission.kube import config as kube_config
from fission.router import app, config
from tests.support import apiserver, routing, waiting

if TYPE_CHECKING:
    import socket
    from collections.abc import AsyncIterator
    from typing import Any

FISSION = "/apis/fission.io/v1/namespaces/default"
SLICES = "/apis/discovery.k8s.io/v1/namespaces/default/endpointslices"


async def define_kinds(api: apiserver.Running) -> None:
    folder = importlib.resources.files("fission.api") / "crds"
    for entry in folder.iterdir():
        if entry.name.endswith(("functions.yaml", "httptriggers.yaml")):
            wire = yaml.safe_load(entry.read_text())
            path = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
            assert (await api.call("POST", path, wire)).status == 201
    for plural in ("functions", "httptriggers"):

        async def served(path: str = f"{FISSION}/{plural}") -> bool:
            return (await api.call("GET", path)).status == 200

        await waiting.until_so(served)


async def create(api: apiserver.Running, path: str, wire: dict[str, Any]) -> dict[str, Any]:
    for name in ("uid", "resourceVersion", "generation", "creationTimestamp"):
        wire["metadata"].pop(name, None)
    answer = await api.call("POST", path, wire)
    assert answer.status == 201, answer.body
    return dict(answer.body)


def a_slice_for(function: dict[str, Any], address: tuple[str, int]) -> dict[str, Any]:
    wire = routing.a_slice("pods", [address])
    wire |= {"apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", "addressType": "IPv4"}
    wire["metadata"]["labels"]["functionUid"] = function["metadata"]["uid"]
    wire["metadata"]["labels"]["fission.io/function-generation"] = "1"
    return wire


@contextlib.asynccontextmanager
async def serving(
    api: apiserver.Running, masters: signing.Masters, sockets: list[socket.socket]
) -> AsyncIterator[app.App]:
    """A router on duplicates of these sockets, as handed over."""
    credentials = kube_config.from_unix_socket(f"unix://{api.socket}")
    async with kube_client.Client(credentials) as kube:
        deps = app.Deps(
            kube=kube,
            masters=masters,
            clock=clocks.SystemClock(),
            public=[sockets[0].dup()],
            internal=[sockets[1].dup()],
        )
        built = app.build(config.Config(tenancy_mode="cluster", grace_seconds=1.0), deps)
        task = asyncio.create_task(built.run())
        try:
            yield built
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
