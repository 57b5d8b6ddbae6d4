"""A fetcher process's app with one pod on real sockets, and a runtime and a host of archives."""

from __future__ import annotations

import contextlib
import io
import json
import socket
import tarfile
import zipfile
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fission.base import clock as clocks
from fission.fetcher import app, config
from fission_http import client as http_client
from fission_http import server


def listening(host: str = "127.0.0.1") -> socket.socket:
    opened = socket.socket()
    opened.bind((host, 0))
    opened.listen(16)
    return opened


def url_of(opened: socket.socket) -> str:
    host, port = opened.getsockname()
    return f"http://{host}:{port}"


def zip_bytes(members: dict[str, bytes | zipfile.ZipInfo]) -> bytes:
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            if isinstance(content, zipfile.ZipInfo):
                archive.writestr(content, b"target")
            else:
                archive.writestr(name, content)
    return sink.getvalue()


def tar_bytes(members: dict[str, bytes], mode: str = "w:gz") -> bytes:
    sink = io.BytesIO()
    with tarfile.open(fileobj=sink, mode=mode) as archive:  # type: ignore[call-overload]
        for name, content in members.items():
            member = tarfile.TarInfo(name)
            member.size, member.mode = len(content), 0o755 if name.endswith(".sh") else 0o644
            archive.addfile(member, io.BytesIO(content))
    return sink.getvalue()


@dataclass
class Host:
    """An HTTP server that answers as it is told and remembers what it was asked."""

    answer: Callable[[server.Request], server.Response] = lambda _: server.Response(200)
    requests: list[server.Request] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    url: str = ""

    @contextlib.asynccontextmanager
    async def running(self, opened: socket.socket | None = None) -> AsyncIterator[Host]:
        opened = opened or listening()
        self.url = url_of(opened)
        running = await server.serve(self._handle, [opened])
        try:
            yield self
        finally:
            await running.close(0.1)

    async def _handle(self, request: server.Request) -> server.Response:
        self.requests.append(request)
        self.bodies.append(await request.read(1 << 28))
        return self.answer(request)


@dataclass
class Fixture:
    """One pod, served."""

    http: http_client.Client
    url: str
    folder: Path
    runtime: Host
    app: app.App
    env: dict[str, str]

    @property
    def userfunc(self) -> Path:
        return self.folder / "userfunc"

    async def post(self, path: str, body: Any, **options: Any) -> tuple[int, str]:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        response = await self.http.request("POST", self.url + path, body=data, **options)
        return response.status, (await response.read()).decode().strip()

    async def get(self, path: str) -> tuple[int, str]:
        response = await self.http.request("GET", self.url + path)
        return response.status, (await response.read()).decode().strip()


def pod_env(folder: Path, runtime_port: int, **extra: str) -> dict[str, str]:
    """What a kubelet without mount namespaces would hand over."""
    declared = {
        "/userfunc": "userfunc",
        "/secrets": "secrets",
        "/configs": "configs",
        "/etc/podinfo": "podinfo",
        "/var/run/fission-fetcher": "state",
    }
    for name in declared.values():
        (folder / name).mkdir(parents=True, exist_ok=True)
    return {
        "POD_IP": "127.0.0.1",
        "POD_PORTS": json.dumps({"8888": runtime_port}),
        "POD_VOLUME_PATHS": json.dumps({k: str(folder / v) for k, v in declared.items()}),
        **extra,
    }


@contextlib.asynccontextmanager
async def fetcher(
    folder: Path, *, cache: bool = True, settings: dict[str, Any] | None = None, **env: str
) -> AsyncIterator[Fixture]:
    """A fetcher with one pod whose runtime accepts everything."""
    chosen = config.Config(
        cache_dir=str(folder / "cache") if cache else "",
        runtime_wait_seconds=5.0,
        **(settings or {}),
    )
    runtime_socket = listening()
    runtime = Host()
    async with http_client.Client() as http, runtime.running(runtime_socket):
        built = app.build(chosen, app.Deps(http, clocks.SystemClock()))
        await built.prepare()
        variables = pod_env(folder, runtime_socket.getsockname()[1], **env)
        opened = listening()
        served = await built.start_pod(config.Arguments(), variables, [opened])
        try:
            yield Fixture(http, url_of(opened), folder, runtime, built, variables)
        finally:
            await served.aclose()
            await built.aclose()


def specialize_request(uid: str = "uid-1", **fetch: Any) -> dict[str, Any]:
    return {
        "FetchReq": {
            "fetchType": 1,
            "package": {"name": "hello-pkg", "namespace": "default"},
            "url": "",
            "storagesvcurl": "",
            "filename": "deployarchive",
            "keeparchive": False,
            **fetch,
        },
        "LoadReq": {
            "filepath": "/userfunc/deployarchive",
            "functionName": "hello.main",
            "url": "",
            "FunctionMetadata": {
                "name": f"fn-{uid}",
                "namespace": "default",
                "uid": uid,
                "generation": 1,
            },
            "envVersion": 3,
        },
    }
