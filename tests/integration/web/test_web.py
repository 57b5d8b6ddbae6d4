"""Services, clients, sockets and ASGI applications over real sockets."""

import asyncio
import contextlib
import os
import socket
import subprocess
import sys

import pytest
from starlette import applications, responses, routing

from fission.base import errors
from fission.web import asgi, client, listen, requestids
from fission.web import service as services
from tests.support import waiting


async def show(request: services.Request) -> services.Response:
    headers = ",".join(f"{n}={v}" for n, v in request.headers if n.startswith("X-"))
    body = await request.read()
    return services.Response(200, [], f"{request.target} {headers} {body.decode()}".encode())


async def test_a_client_signs_and_passes_the_request_id_on():
    service = services.Service("test")
    service.route("POST", "/a", show)
    (listening,) = listen.sockets({}, "http", 0)
    port = listening.getsockname()[1]
    await service.start([listening])

    def sign(method, uri, body):
        return [("X-Signed", f"{method}{uri}{len(body)}")]

    requestids.enter("the-id")
    async with client.HttpClient(sign=sign) as http:
        answer = await http.call("POST", f"http://127.0.0.1:{port}/a?b", body=b"hi")
        assert answer.ok
        assert answer.text() == "/a?b X-Fission-Request-ID=the-id,X-Signed=POST/a?b2 hi"
        assert answer.headers["x-fission-request-id"] == "the-id"
        with pytest.raises(ValueError, match="Expecting value"):
            answer.json()
    await service.stop()


def test_the_uri_that_is_signed_is_the_one_that_is_sent():
    assert client.request_uri("http://a/b%20c?d=e%2F") == "/b%20c?d=e%2F"
    assert client.request_uri("http://a:80") == "/"


def test_a_taken_port_is_named():
    (taken,) = listen.sockets({}, "http", 0)
    port = taken.getsockname()[1]
    with taken, pytest.raises(errors.SettingsError, match=f"cannot listen on 127.0.0.1:{port}"):
        listen.sockets({}, "http", port)


def test_sockets_handed_over_are_found_by_name_even_twice():
    program = (
        "import os; from fission.web import listen;"
        "a = listen.sockets(os.environ, 'http', 1); b = listen.sockets(os.environ, 'other', 1);"
        "print(sorted(s.getsockname()[1] for s in a), [s.getsockname()[1] for s in b])"
    )
    made = [socket.create_server(("127.0.0.1", 0)) for _ in range(3)]
    ports = [item.getsockname()[1] for item in made]
    script = (
        f"exec 3<&{made[0].fileno()} 4<&{made[1].fileno()} 5<&{made[2].fileno()};"
        f'exec "{sys.executable}" -c "{program}"'
    )
    env = {**os.environ, "LISTEN_FDS": "3", "LISTEN_FDNAMES": "http:other:http"}
    for item in made:
        os.set_inheritable(item.fileno(), True)
    output = subprocess.run(
        ["bash", "-c", script], env=env, close_fds=False, capture_output=True, text=True, check=True
    )
    for item in made:
        item.close()
    assert output.stdout.strip() == f"{sorted([ports[0], ports[2]])} [{ports[1]}]"


async def test_a_starlette_application_gets_the_manners_of_a_service():
    async def hello(request):
        return responses.PlainTextResponse(f"hello {request.scope['request_id']}")

    ready = False
    app = asgi.Manners(
        applications.Starlette(routes=[routing.Route("/hello", hello)]),
        {"store": lambda: ready},
    )
    (listening,) = listen.sockets({}, "http", 0)
    url = f"http://127.0.0.1:{listening.getsockname()[1]}"
    task = asyncio.create_task(asgi.serve(app, [listening], grace_seconds=1))
    async with client.HttpClient() as http:
        answer = await http.call("GET", f"{url}/hello", [("X-Fission-Request-ID", "r1")])
        assert answer.text() == "hello r1"
        assert answer.headers["x-fission-request-id"] == "r1"
        answer = await http.call("GET", f"{url}/readyz")
        assert (answer.status, answer.text()) == (503, "not ready: store")
        ready = True
        assert (await http.call("GET", f"{url}/readyz")).ok
        assert (await http.call("GET", f"{url}/healthz")).ok
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
    await waiting.until(lambda: listening.fileno() == -1)
