"""The target of the promises: the embedded server in this process, or the cluster of a kubeconfig.

``pytest tests/conformance/kubernetes_api --kubeconfig FILE`` runs against that cluster; every test
works in a namespace of its own, which goes afterwards.
"""

import base64
import contextlib
import json
import os
import re
import ssl
import tempfile
import uuid
from dataclasses import dataclass
from typing import Any

import pytest
import yaml

from fission_http import client as http_client
from tests.support import apiserver, waiting


def pytest_addoption(parser):
    parser.addoption("--kubeconfig", default=None, help="run against a real cluster")


@dataclass
class Remote:
    """A real API server; speaks like ``apiserver.Running``."""

    http: http_client.Client
    base: str
    headers: dict[str, str]
    context: ssl.SSLContext

    async def call(self, method, path, body=None, content_type="application/json", headers=None):
        content = body if isinstance(body, bytes) else b""
        if body is not None and not isinstance(body, bytes):
            content = (body if isinstance(body, str) else json.dumps(body)).encode()
        sent = {"accept": "application/json", **self.headers, **(headers or {})}
        if body is not None and content_type:
            sent.setdefault("content-type", content_type)
        response = await self.http.request(
            method, self.base + path, list(sent.items()), content, ssl_context=self.context
        )
        raw = await response.read(64 * 1024 * 1024)
        found = {name.lower(): value for name, value in response.headers.items()}
        shown: Any = raw.decode()
        if found.get("content-type", "").startswith("application/json") and raw:
            shown = json.loads(raw)
        return apiserver.Answer(response.status, found, shown)

    @contextlib.asynccontextmanager
    async def watch(self, path):
        response = await self.http.request(
            "GET", self.base + path, list(self.headers.items()), ssl_context=self.context
        )
        try:
            yield apiserver.Events(response)
        finally:
            await response.aclose()


@contextlib.asynccontextmanager
async def remote(path):
    config = yaml.safe_load(open(path, encoding="utf-8").read())  # noqa: ASYNC230, SIM115
    cluster, user = config["clusters"][0]["cluster"], config["users"][0]["user"]
    authority = base64.b64decode(cluster["certificate-authority-data"]).decode()
    context = ssl.create_default_context(cadata=authority)
    if "client-certificate-data" in user:
        with tempfile.TemporaryDirectory() as folder:
            for name in ("client-certificate", "client-key"):
                with open(f"{folder}/{name}", "wb") as file:  # noqa: ASYNC230
                    file.write(base64.b64decode(user[f"{name}-data"]))
            context.load_cert_chain(f"{folder}/client-certificate", f"{folder}/client-key")
    headers = {"authorization": f"Bearer {user['token']}"} if "token" in user else {}
    async with http_client.Client() as http:
        yield Remote(http, cluster["server"], headers, context)


@pytest.fixture
async def server(request):
    """The API server, as administrator."""
    kubeconfig = request.config.getoption("--kubeconfig", default=None)
    if kubeconfig:
        async with remote(kubeconfig) as target:
            yield target
        return
    async with apiserver.running() as running:
        yield running


@dataclass
class Space:
    """A namespace of its own: paths, objects and shortcuts."""

    server: Any
    name: str

    def path(self, resource, name="", query=""):
        group, _, plural = resource.rpartition("/")
        prefix = f"/apis/{group}" if group else "/api/v1"
        path = f"{prefix}/namespaces/{self.name}/{plural}"
        path += f"/{name}" if name else ""
        return f"{path}?{query}" if query else path

    async def call(self, method, resource, name="", body=None, kind=None, query=""):
        types = {
            "json": "application/json-patch+json",
            "merge": "application/merge-patch+json",
            "strategic": "application/strategic-merge-patch+json",
            "apply": "application/apply-patch+yaml",
        }
        content_type = types.get(kind, "application/json")
        path = self.path(resource, name, query)
        return await self.server.call(method, path, body, content_type)

    async def create(self, resource, name, **fields):
        metadata = {"name": name, **fields.pop("metadata", {})}
        answer = await self.call("POST", resource, body={"metadata": metadata, **fields})
        assert answer.status == 201, answer.body
        return answer.body

    def watch(self, resource, query=""):
        return self.server.watch(self.path(resource, query=f"watch=true&{query}"))


@pytest.fixture
async def space(server):
    name = f"conformance-{uuid.uuid4().hex[:8]}"
    made = await server.call("POST", "/api/v1/namespaces", {"metadata": {"name": name}})
    assert made.status == 201
    space = Space(server, name)
    accounts = space.path("serviceaccounts")
    if isinstance(server, Remote):

        async def is_there():
            return (await server.call("GET", f"{accounts}/default")).status == 200

        await waiting.until_so(is_there, 30)
    else:
        await server.call("POST", accounts, {"metadata": {"name": "default"}})
    yield space
    await server.call("DELETE", f"/api/v1/namespaces/{name}")


def a_deployment(**spec):
    """The smallest Deployment that is valid."""
    template = {
        "metadata": {"labels": {"app": "x"}},
        "spec": {"containers": [{"name": "c", "image": "registry.example/i:1"}]},
    }
    return {"replicas": 0, "selector": {"matchLabels": {"app": "x"}}, "template": template, **spec}


@pytest.fixture
def deployment():
    return a_deployment


def reference_folder():
    """Where the recordings of a real server are, or None."""
    here = os.environ.get("FISSION_REFERENCE")
    root = here or os.path.join(os.path.dirname(__file__), "../../../../shared/reference")
    folder = os.path.join(root, "kubernetes-api", "transcripts")
    return re.sub(r"/+", "/", folder) if os.path.isdir(folder) else None
