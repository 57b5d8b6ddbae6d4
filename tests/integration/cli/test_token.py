import json
import socket

import pytest

from fission_http import server
from tests.support import cliplatform

pytestmark = pytest.mark.asyncio(loop_scope="module")

CREATE = ("token", "create", "--username", "admin", "--password", "secret")


async def router(request: server.Request) -> server.Response:
    """A router that asks for tokens."""
    if (request.method, request.path) == ("POST", "/auth/login"):
        given = json.loads(await request.read(1000))
        if given != {"username": "admin", "password": "secret"}:
            return server.Response(401, [], b"unauthorized: invalid user name or password\n")
        return server.Response(201, [], b'{"accesstoken": "t.o.ken", "tokentype": "Bearer"}')
    if request.path == "/_version":
        if request.headers.get("authorization") != "Bearer t.o.ken":
            return server.Response(401, [], b"unauthorized: malformed token\n")
        return server.Response(200, [], b'{"Build": {"Version": "1.2.3"}}')
    return server.Response(404, [], b"404 page not found\n")


async def test_a_token_is_shown_alone(fission, platform, cluster):
    async with cliplatform.serving(cluster, "router", 80, "http", router):
        result = await fission(*CREATE)
        assert (result.code, result.out, result.err) == (0, "t.o.ken\n", "")

        result = await fission("token", "create", "--username", "admin", "--password", "x")
        words = "unauthorized: invalid user name or password"
        assert (result.code, result.out) == (0, f"Warning: the router answered 401: {words}\n")

        result = await fission(*CREATE, "--authuri", "in")
        assert result.code == 0
        assert result.out.startswith("Warning: the router has no login at /in: authentication is")


async def test_both_are_needed(fission, platform):
    result = await fission("token", "create")
    assert result.code == 1
    assert 'required flag(s) "password", "username" not set' in result.err


async def test_the_version_is_asked_for_past_the_login(good, fission, platform, cluster):
    """Without a way for the token through the cluster's API, the signed listener is asked."""
    async with (
        cliplatform.serving(cluster, "router", 80, "http", router),
        cliplatform.routed(cluster) as internal,
    ):
        internal.body = b'{"Build": {"Version": "3.2.1"}}'
        assert "Version: 3.2.1" in await good("version")
        assert internal.calls == [("GET", "/_version", b"")]


async def test_the_token_of_the_environment_is_sent_to_the_router(good, command_line):
    listening = socket.create_server(("127.0.0.1", 0))
    running = await server.serve(router, [listening])
    url = f"http://127.0.0.1:{listening.getsockname()[1]}"
    try:
        command_line.env["FISSION_ROUTER_URL"] = url
        command_line.env["FISSION_AUTH_TOKEN"] = (await good(*CREATE)).strip()
        assert "Version: 1.2.3" in await good("version")
    finally:
        await running.close(0)
