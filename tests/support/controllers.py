"""A controller in the test's process, and people who come to it."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import socket
from collections.abc import AsyncIterator, Mapping
from typing import Any

from fission.base import clock, tasks
from fission.contracts import controller as contract
from fission.contracts import signing
from fission.controller import app, config, logdatabases
from fission.kube import client as kube_client
from fission.kube import config as kube_config
from fission.meta import gvk
from fission_http import client as http_client
from tests.support import apiserver, cliplatform, waiting

Obj = dict[str, Any]


@dataclasses.dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode()

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclasses.dataclass(frozen=True)
class Running:
    """A controller that listens."""

    url: str
    app: app.App
    http: http_client.Client

    async def call(
        self,
        method: str,
        path: str,
        body: Any = b"",
        token: str = "",
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """One request; a body that is not bytes is sent as JSON."""
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        sent = dict(headers or {})
        if token:
            sent["Authorization"] = f"Bearer {token}"
        answer = await self.http.request(method, self.url + path, list(sent.items()), content)
        found = {name.lower(): value for name, value in answer.headers.items()}
        return Answer(answer.status, found, await answer.read(64 << 20))


@contextlib.asynccontextmanager
async def running(
    cluster: apiserver.Running,
    settings: config.Config,
    databases: Mapping[str, logdatabases.Database] | None = None,
) -> AsyncIterator[Running]:
    """Start one beside an API server, wait until it answers."""
    listening = socket.create_server(("127.0.0.1", 0))
    async with (
        kube_client.Client(kube_config.from_unix_socket(cluster.socket)) as kube,
        http_client.Client() as http,
        tasks.Tasks() as group,
    ):
        masters = signing.Masters(cliplatform.SECRET)
        deps = app.Deps(kube, http, clock.SystemClock(), masters, databases or {})
        made = app.build(settings, deps)
        group.run(made.run([listening]), "controller")
        url = f"http://127.0.0.1:{listening.getsockname()[1]}"

        async def answers() -> bool:
            return (await http.request("GET", f"{url}{contract.HEALTHZ}")).status == 200

        await waiting.until_so(answers)
        yield Running(url, made, http)


async def token(kube: kube_client.Client, account: str, namespace: str = "default") -> str:
    """A token of a service account, which is made when it is not there."""
    body = {"metadata": {"name": account, "namespace": namespace}}
    with contextlib.suppress(Exception):
        await kube.create(gvk.SERVICEACCOUNTS, _typed(gvk.SERVICEACCOUNTS, body), namespace)
    request = {
        "apiVersion": "authentication.k8s.io/v1",
        "kind": "TokenRequest",
        "spec": {"audiences": [contract.TOKEN_AUDIENCE]},
    }
    made = await kube.create(
        gvk.SERVICEACCOUNTS, request, namespace, name=account, subresource="token"
    )
    return str(made["status"]["token"])


async def bind(
    kube: kube_client.Client, account: str, role: Obj, account_namespace: str = "default"
) -> None:
    """Give an account what a Role or ClusterRole allows; a Role in its own namespace."""
    cluster_wide = role["kind"] == "ClusterRole"
    metadata = {"name": f"{account}-{role['metadata']['name']}"}
    where = None if cluster_wide else role["metadata"]["namespace"]
    resource = gvk.CLUSTERROLES if cluster_wide else gvk.ROLES
    binding = gvk.CLUSTERROLEBINDINGS if cluster_wide else gvk.ROLEBINDINGS
    if "rules" in role:
        await kube.create(resource, _typed(resource, role), where)
    bound = {
        "metadata": metadata,
        "roleRef": {
            "apiGroup": resource.group,
            "kind": role["kind"],
            "name": role["metadata"]["name"],
        },
        "subjects": [{"kind": "ServiceAccount", "name": account, "namespace": account_namespace}],
    }
    await kube.create(binding, _typed(binding, bound), where)


def _typed(resource: gvk.Resource, obj: Obj) -> Obj:
    return {"apiVersion": resource.api_version, "kind": resource.kind, **obj}
