"""The ways to a platform: each leads to its services, and finds the namespace that it is in."""

import asyncio
import contextlib
import json

import pytest
import pytest_asyncio

from fission.controller import config
from fission.kube import client as kube_client
from fission.kube import config as kube_config
from fission.meta import gvk
from fission_http import server
from tests.support import cliplatform, commandline, controllers

pytestmark = pytest.mark.asyncio(loop_scope="module")

CREATE = ("token", "create", "--username", "ada", "--password", "pw")
LOGINS = ("/auth/login", "/elsewhere")


@pytest_asyncio.fixture(loop_scope="module")
async def through_controller(cluster):
    """What leads through a controller that asks for tokens, as somebody who may do everything."""
    credentials = kube_config.from_unix_socket(cluster.socket)
    async with (
        kube_client.Client(credentials) as kube,
        controllers.running(cluster, config.Config()) as controller,
    ):
        token = await controllers.token(kube, "ways")
        role = {"kind": "ClusterRole", "metadata": {"name": "cluster-admin"}}
        with contextlib.suppress(Exception):
            await controllers.bind(kube, "ways", role)
        yield {"FISSION_URL": controller.url, "FISSION_TOKEN": f"{token}\n"}


@pytest.fixture
def ways(workdir, kubeconfig, cluster, through_controller, tmp_path):
    """The command by each way in."""
    home = tmp_path / "fission-home"
    home.mkdir()
    (home / "kubeconfig").write_text(kubeconfig.read_text())
    (home / "state.json").write_text(json.dumps({"urls": {"apiserver": cluster.url}}))
    return {
        "home": commandline.CommandLine(workdir, {"FISSION_HOME": str(home)}),
        "kubeconfig": commandline.CommandLine(workdir, {"KUBECONFIG": str(kubeconfig)}),
        "controller": commandline.CommandLine(workdir, through_controller),
    }


async def router(request: server.Request) -> server.Response:
    """A router that asks for tokens, at one of two places."""
    assert request.headers.get("authorization") is None
    if (request.method, request.path) != ("POST", LOGINS[0]):
        return server.Response(404, [], b"404 page not found\n")
    given = json.loads(await request.read(1000))
    if given != {"username": "ada", "password": "pw"}:
        return server.Response(401, [], b"unauthorized: invalid user name or password\n")
    return server.Response(201, [], b'{"accesstoken": "t.o.ken", "tokentype": "Bearer"}')


@pytest.mark.parametrize("way", ["home", "kubeconfig", "controller"])
async def test_a_token_for_the_routes_is_had_by_every_way(ways, platform, cluster, way):
    run = ways[way].run
    async with cliplatform.serving(cluster, "router", 80, "http", router):
        result = await run(*CREATE)
        assert (result.code, result.out, result.err) == (0, "t.o.ken\n", "")

        result = await run(*CREATE[:-1], "wrong")
        assert result.out == (
            "Warning: the router answered 401: unauthorized: invalid user name or password\n"
        )

        ways[way].env["FISSION_AUTH_URI"] = LOGINS[1]
        result = await run(*CREATE)
        assert "has no login at /elsewhere" in result.out


async def install(cluster, *namespaces):
    """Services of routers, in namespaces."""
    for namespace in namespaces:
        body = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}}
        await cluster.call("POST", gvk.NAMESPACES.path(), body)
        metadata = {"name": "router", "labels": {"application": "fission-router"}}
        service = {"metadata": metadata, "spec": {"ports": [{"port": 80}]}}
        answer = await cluster.call("POST", gvk.SERVICES.path(namespace), service)
        assert answer.status == 201, answer.body


async def remove(cluster, *namespaces):
    for namespace in namespaces:
        await cluster.call("DELETE", gvk.SERVICES.path(namespace, "router"))


async def test_the_platform_is_looked_for_where_nobody_says_its_namespace(ways, cluster):
    run = ways["kubeconfig"].run
    url = ("archive", "get-url", "--id", "x")
    assert (await run(*url)).out == "URL: http://storagesvc.fission/v1/archive?id=x"

    await install(cluster, "elsewhere")
    assert "storagesvc.elsewhere/" in (await run(*url)).out
    assert "storagesvc.fission/" in (await ways["home"].run(*url)).out

    await install(cluster, "second")
    found = (await run(*url)).err
    assert "found 2 fission installs, set FISSION_NAMESPACE to one of elsewhere, second" in found
    ways["kubeconfig"].env["FISSION_NAMESPACE"] = "second"
    assert "storagesvc.second/" in (await run(*url)).out
    await remove(cluster, "elsewhere", "second")


async def test_changes_at_the_same_time_are_all_kept(ways, cluster):
    run = ways["controller"].run
    await run("env", "create", "--name", "python", "--image", "i", "--poolsize", "1")
    await run("fn", "create", "--name", "hello", "--env", "python", "--code", "hello.py")
    changes = (
        ("--fntimeout", "61"),
        ("--idletimeout", "62"),
        ("--concurrency", "63"),
        ("--labels", "team=blue"),
    )

    done = await asyncio.gather(
        *(run("fn", "update", "--name", "hello", *each) for each in changes)
    )

    assert [each.code for each in done] == [0, 0, 0, 0]
    path = "/apis/fission.io/v1/namespaces/default/functions/hello"
    function = (await cluster.call("GET", path)).body
    spec = function["spec"]
    assert (spec["functionTimeout"], spec["idletimeout"], spec["concurrency"]) == (61, 62, 63)
    assert function["metadata"]["labels"] == {"team": "blue"}


async def test_what_is_there_already_is_no_conflict(ways, cluster):
    run = ways["controller"].run
    environment = ("env", "create", "--name", "python", "--image", "i", "--poolsize", "1")
    await run(*environment)

    again = await run(*environment)

    assert again.code == 1
    assert "environment 'python' already exists" in again.err
