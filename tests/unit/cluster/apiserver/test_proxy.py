"""The proxies, with a real backend on a loopback port."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from typing import Any

import pytest
from starlette.requests import Request

from fission.cluster.apiserver import hooks, proxy
from fission.meta import gvk, status
from fission_http import client as http_client
from fission_http import server as http_server


class Backend:
    """Answers with what it was asked."""

    def __init__(self, port: int) -> None:
        self.port = port

    @staticmethod
    async def handle(request: http_server.Request) -> http_server.Response:
        body = await request.read(1 << 20)
        seen = {
            "method": request.method,
            "target": request.target,
            "headers": [[name.lower(), value] for name, value in request.headers.items()],
            "body": body.decode(),
        }
        code = 404 if "missing" in request.target else 200
        headers = [("x-from", "pod"), ("set-cookie", "a=1"), ("set-cookie", "b=2")]
        return http_server.Response(code, headers, json.dumps(seen).encode())


@pytest.fixture
async def backend() -> AsyncIterator[Backend]:
    listening = socket.create_server(("127.0.0.1", 0))
    port = listening.getsockname()[1]
    server = await http_server.serve(Backend.handle, [listening])
    yield Backend(port)
    await server.close(0)


@pytest.fixture
async def client() -> AsyncIterator[http_client.Client]:
    async with http_client.Client() as opened:
        yield opened


class Answer:
    def __init__(self) -> None:
        self.status = 0
        self.headers: list[tuple[str, str]] = []
        self.body = b""

    @property
    def seen(self) -> dict[str, Any]:
        loaded: dict[str, Any] = json.loads(self.body)
        return loaded

    def seen_header(self, name: str) -> str | None:
        return dict((n, v) for n, v in self.seen["headers"]).get(name)


class Bench:
    def __init__(self, objects: Any, client: http_client.Client, port: int) -> None:
        self.objects = objects
        self.streams = proxy.Proxy(client).streams()
        self.port = port

    def put_service(self, *ports: dict[str, Any], ready: bool = True, real: int = 0) -> None:
        self.objects.put(
            gvk.SERVICES,
            {"metadata": {"name": "web", "namespace": "wl"}, "spec": {"ports": list(ports)}},
        )
        self.objects.put(
            gvk.ENDPOINTSLICES,
            {
                "metadata": {
                    "name": "web-1",
                    "namespace": "wl",
                    "labels": {"kubernetes.io/service-name": "web"},
                },
                "ports": [{"name": p.get("name", ""), "port": real or self.port} for p in ports],
                "endpoints": [{"addresses": ["127.0.0.1"], "conditions": {"ready": ready}}],
            },
        )

    async def call(
        self,
        stream: str,
        name: str,
        subpath: str = "/",
        method: str = "GET",
        query: str = "",
        headers: dict[str, str] | None = None,
        body: bytes = b"",
    ) -> Answer:
        plural = stream.partition("/")[0]
        given = {"host": "api", "user-agent": "test"} | (headers or {})
        if body:
            given["content-length"] = str(len(body))
        raw_path = f"/api/v1/namespaces/wl/{plural}/{name}/proxy{subpath}"
        scope = {
            "type": "http",
            "method": method,
            "path": raw_path,
            "raw_path": raw_path.encode(),
            "query_string": query.encode(),
            "headers": [(n.encode(), v.encode()) for n, v in given.items()],
            "client": ("127.0.0.9", 5),
        }
        waiting = [{"type": "http.request", "body": body, "more_body": False}]

        async def receive() -> Any:
            if waiting:
                return waiting.pop()
            await asyncio.Event().wait()

        answer = Answer()

        async def send(message: Any) -> None:
            if message["type"] == "http.response.start":
                answer.status = message["status"]
                answer.headers = [(n.decode(), v.decode()) for n, v in message["headers"]]
            elif message["type"] == "http.response.body":
                answer.body += message.get("body", b"")

        resource = gvk.PODS if plural == "pods" else gvk.SERVICES
        context = hooks.StreamContext(hooks.ADMIN, resource, "wl", name, subpath, self.objects)
        response = await self.streams[stream](Request(scope, receive), context)
        await response(scope, receive, send)
        return answer


@pytest.fixture
def bench(objects: Any, client: http_client.Client, backend: Backend) -> Bench:
    return Bench(objects, client, backend.port)


async def test_a_service_port_leads_to_the_real_port_of_an_endpoint(bench: Bench) -> None:
    bench.put_service({"name": "http", "port": 80, "targetPort": 8080})

    for name in ("web", "web:80", "web:http", "http:web:http"):
        answer = await bench.call("services/proxy", name, "/a%2Fb%20c", query="z=1&y=%26")
        assert answer.status == 200
        assert answer.seen["target"] == "/a%2Fb%20c?z=1&y=%26"


async def test_the_callers_credentials_stay_here(bench: Bench) -> None:
    bench.put_service({"port": 80})
    headers = {
        "authorization": "Bearer x",
        "x-remote-user": "evil",
        "impersonate-user": "evil",
        "connection": "x-drop, keep-alive",
        "x-drop": "1",
        "x-forwarded-for": "9.9.9.9",
    }

    answer = await bench.call("services/proxy", "web", "/auth", headers=headers)

    for name in ("authorization", "x-remote-user", "impersonate-user", "x-drop"):
        assert answer.seen_header(name) is None
    assert answer.seen_header("x-forwarded-for") == "9.9.9.9, 127.0.0.9"
    assert answer.seen_header("x-forwarded-uri") == (
        "/api/v1/namespaces/wl/services/web/proxy/auth"
    )
    assert answer.seen_header("host") == "api"


async def test_the_backends_answer_comes_back_unchanged(bench: Bench) -> None:
    bench.put_service({"port": 80})

    answer = await bench.call("services/proxy", "web", "/missing", method="PUT", body=b"zz")

    assert answer.status == 404
    assert answer.seen["method"] == "PUT"
    assert answer.seen["body"] == "zz"
    assert [v for n, v in answer.headers if n == "set-cookie"] == ["a=1", "b=2"]
    assert ("x-from", "pod") in answer.headers


async def test_a_path_without_its_slash_is_redirected(bench: Bench) -> None:
    bench.put_service({"port": 80})
    answer = await bench.call("services/proxy", "web", "", query="a=b")
    assert answer.status == 301
    assert dict(answer.headers)["location"] == ("/api/v1/namespaces/wl/services/web/proxy/?a=b")


async def test_a_pods_port_is_the_one_it_really_listens_on(bench: Bench) -> None:
    bench.objects.put(
        gvk.PODS,
        {
            "metadata": {
                "name": "web",
                "namespace": "wl",
                "annotations": {"kubelet/port-map": json.dumps({"8888": bench.port})},
            },
            "spec": {
                "containers": [{"name": "c", "ports": [{"name": "http", "containerPort": 8888}]}]
            },
            "status": {"podIP": "127.0.0.1"},
        },
    )

    for name in ("web", "web:8888", "web:http"):
        answer = await bench.call("pods/proxy", name, "/x")
        assert answer.seen["target"] == "/x"


async def test_a_dead_endpoint_is_tried_no_longer_than_needed(bench: Bench) -> None:
    free = socket.create_server(("127.0.0.1", 0))
    port = free.getsockname()[1]
    free.close()
    bench.put_service({"port": 80}, real=port)

    with pytest.raises(status.ServiceUnavailable) as caught:
        await bench.call("services/proxy", "web")

    assert caught.value.message == (
        f"error trying to reach service: dial tcp 127.0.0.1:{port}: connect: connection refused"
    )


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("web", 'no endpoints available for service "web"'),
        ("web:99", 'no service port 99 found for service "web"'),
        ("none", 'services "none" not found'),
        ("ftp:web:80", 'invalid service request "ftp:web:80"'),
        ("a:b:c:d", 'invalid service request "a:b:c:d"'),
    ],
)
async def test_what_cannot_be_reached_is_said(bench: Bench, name: str, message: str) -> None:
    bench.put_service({"name": "a", "port": 80}, {"name": "b", "port": 81})
    with pytest.raises(status.StatusError) as caught:
        await bench.call("services/proxy", name)
    assert caught.value.message == message


async def test_an_endpoint_that_is_not_ready_is_no_endpoint(bench: Bench) -> None:
    bench.put_service({"port": 80}, ready=False)
    with pytest.raises(status.ServiceUnavailable, match='no endpoints available for service "web"'):
        await bench.call("services/proxy", "web")


async def test_pods_without_address_or_port(bench: Bench) -> None:
    with pytest.raises(status.NotFound, match='pods "ghost" not found'):
        await bench.call("pods/proxy", "ghost:80")
    bench.objects.put(
        gvk.PODS, {"metadata": {"name": "new", "namespace": "wl"}, "spec": {}, "status": {}}
    )
    with pytest.raises(status.ServiceUnavailable, match="has no address yet"):
        await bench.call("pods/proxy", "new:80")
