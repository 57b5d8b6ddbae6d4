"""Where stories are told: a namespace of their own each, on the platform of the journeys."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import pathlib
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from fission.base import ids
from fission.kube import client as kube_client
from fission.kube import config as kube_config
from fission.meta import gvk, status
from tests.e2e import platform as platforms
from tests.transcripts import story as stories

Tell = Callable[[str, str], stories.Teller]


@pytest.fixture(scope="session")
def controller_token(platform: platforms.Platform) -> str:
    """A token that the controller takes, of an account that may do everything."""

    async def make(client: kube_client.Client) -> str:
        account = {"metadata": {"name": "storyteller", "namespace": "default"}}
        await _make(client, gvk.SERVICEACCOUNTS, account, "default")
        role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole"}
        binding = {
            "metadata": {"name": "storyteller"},
            "roleRef": {**role, "name": "cluster-admin"},
            "subjects": [{"kind": "ServiceAccount", "name": "storyteller", "namespace": "default"}],
        }
        await _make(client, gvk.CLUSTERROLEBINDINGS, binding)
        path = gvk.SERVICEACCOUNTS.path("default", "storyteller", "token")
        asked = {"spec": {"audiences": ["fission-controller"]}}
        made = await client.raw("POST", path, body=json.dumps(asked).encode())
        token: str = json.loads(await made.read())["status"]["token"]
        return token

    return _with_client(platform, make)


@pytest.fixture(scope="session")
def addresses(platform: platforms.Platform) -> dict[str, str]:
    """Where router and controller listen."""
    status = platform.status()
    return {"ROUTER": status["router"], "CONTROLLER": status["controller"]}


@pytest.fixture
def teller(
    platform: platforms.Platform,
    addresses: dict[str, str],
    request: pytest.FixtureRequest,
    tmp_path: pathlib.Path,
) -> Iterator[Tell]:
    """Makes who tells a story in a namespace of its own, which goes afterwards."""
    made: list[str] = []

    def make(name: str, way: str) -> stories.Teller:
        namespace = f"s{ids.short_id(len('tory'))}-{name}"
        made.append(namespace)
        obj = {"metadata": {"name": namespace}}
        _with_client(platform, lambda client: client.create(gvk.NAMESPACES, obj))
        folder = tmp_path / name.partition("-")[2]
        folder.mkdir()
        env = {
            "PATH": os.environ["PATH"],
            "HOME": str(tmp_path),
            "FISSION_HOME": str(platform.home),
            "FISSION_DEFAULT_NAMESPACE": namespace,
        }
        if way == "controller":
            env["FISSION_URL"] = addresses["CONTROLLER"]
            env["FISSION_TOKEN"] = request.getfixturevalue("controller_token")
        names = {**addresses, "NAMESPACE": namespace, "HOME": str(platform.home)}
        return stories.Teller(folder, env, names)

    yield make

    async def remove(client: kube_client.Client) -> None:
        for namespace in made:
            with contextlib.suppress(status.NotFound):
                await client.delete(gvk.NAMESPACES, namespace)

    _with_client(platform, remove)


async def _make(
    client: kube_client.Client, resource: gvk.Resource, obj: Any, namespace: str | None = None
) -> None:
    """Create what an earlier run on the same platform may have left."""
    with contextlib.suppress(status.AlreadyExists):
        await client.create(resource, obj, namespace)


def _with_client(platform: platforms.Platform, act: Callable[[kube_client.Client], Any]) -> Any:
    async def run() -> Any:
        credentials = kube_config.load({}, kubeconfig=str(platform.home / "kubeconfig"))
        async with kube_client.Client(credentials) as client:
            return await act(client)

    return asyncio.run(run())
