"""Every route of the table, asked by nobody, by a stranger and by somebody without rights."""

import base64
import json

import pytest
import pytest_asyncio

from fission.api import resources
from fission.contracts import controller as contract
from fission.controller import reading
from fission.meta import gvk
from tests.integration.controller import conftest as samples
from tests.support import controllers

pytestmark = pytest.mark.asyncio(loop_scope="module")

MARK = "what-nobody-may-see"
WITHOUT_TOKEN = {"/", "/v1/{rest...}", "/v2/apidocs.json"}
WITHOUT_RIGHT = {"/proxy/login"}
REFUSALS = ("default:nobody", "through the controller", "can be reached", "from here")
ARCHIVE = "/proxy/storage/v1/archive"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def marked(kube):
    """An object of each kind, a Secret and a ConfigMap, all called x and with a mark in them."""
    for kind, resource in resources.BY_KIND.items():
        obj = samples.sample(kind)
        obj["metadata"]["annotations"] = {"mark": MARK}
        await kube.create(resource, obj)
    for resource in (gvk.SECRETS, gvk.CONFIGMAPS):
        metadata = {"name": "x", "namespace": "default", "annotations": {"mark": MARK}}
        body = {"apiVersion": "v1", "kind": resource.kind, "metadata": metadata}
        await kube.create(resource, body, "default")


def paths(route):
    """Real paths of a route."""
    pattern = route.path
    if pattern.startswith(contract.KUBERNETES):
        for resource in reading.READABLE:
            whole = resource.path("default" if resource.namespaced else None)
            for target in (whole, f"{whole}/x", f"{whole}?watch=true"):
                yield contract.KUBERNETES + target
        yield f"{contract.KUBERNETES}/api/v1/namespaces/default/pods/x/log?follow=true"
    elif pattern == ARCHIVE:
        yield from (ARCHIVE, f"{ARCHIVE}?id=x")
    elif pattern == contract.SERVICE_NAME:
        yield f"{pattern}?application=fission-storage&namespace=default"
    elif pattern.startswith(contract.ROUTER):
        yield from (pattern.replace("{rest...}", path) for path in ("x", "default/x", "x/y"))
    else:
        yield (
            pattern.replace("{name}", "x").replace("{dbType}", "influxdb").replace("{rest...}", "x")
        )


def body_of(route):
    for kind, path in contract.COLLECTIONS.items():
        if route.path.startswith(path) and route.method in ("POST", "PUT"):
            name = "x" if route.method == "PUT" else "new"
            return samples.sample(kind, name, "default" if name == "x" else "unborn")
    if "/queue/" in route.path and not route.path.endswith("/stats"):
        job = json.dumps({"topic": "t", "namespace": "default"}).encode()
        return {"queue": "mq-egress-kafka", "body": base64.b64encode(job).decode()}
    if route.path.startswith(contract.STATESTORE):
        return {"stream": "topic/default/x", "events": [], "expectedSeq": -1}
    return b""


async def all_there_is(kube):
    found = []
    for resource in (*resources.ALL, gvk.NAMESPACES, gvk.SECRETS, gvk.CONFIGMAPS):
        for obj in (await kube.list(resource)).items:
            metadata = obj["metadata"]
            found.append((resource.kind, metadata["name"], metadata["resourceVersion"]))
    return sorted(found)


async def test_who_has_no_right_gets_nothing_from_any_route(controller, kube, nobody, marked):
    before = await all_there_is(kube)
    seen = 0
    for route in controller.app.routes:
        if route.path in WITHOUT_TOKEN | WITHOUT_RIGHT:
            continue
        for path in paths(route):
            answer = await controller.call(route.method, path, body_of(route), nobody)
            assert (route.method, path, answer.status) == (route.method, path, 403)
            assert route.method == "HEAD" or any(word in answer.text for word in REFUSALS)
            assert MARK.encode() not in answer.body
            assert route.described.right
            seen += 1
    assert seen > 100
    assert await all_there_is(kube) == before


@pytest.mark.parametrize("token", ["", "made.up.token"])
async def test_who_is_unknown_gets_nothing_from_any_route(controller, kube, marked, token):
    for route in controller.app.routes:
        if route.path in WITHOUT_TOKEN:
            assert not route.described.with_token
            continue
        for path in paths(route):
            answer = await controller.call(route.method, path, body_of(route), token)
            assert (route.method, path, answer.status) == (route.method, path, 401)
            assert answer.headers["www-authenticate"] == "Bearer"
            assert MARK.encode() not in answer.body


async def test_a_token_for_the_api_server_is_none_for_the_controller(world):
    api, _, controller = world
    answer = await controller.call("GET", "/v2/functions", token=api.token)
    assert answer.status in (401, 200)  # the administrator's token has every audience


async def test_a_namespace_is_made_only_for_who_may_make_one(controller, kube):
    everywhere = {
        "kind": "ClusterRole",
        "metadata": {"name": "packer"},
        "rules": [{"apiGroups": ["fission.io"], "resources": ["*"], "verbs": ["*"]}],
    }
    token = await controllers.token(kube, "packer")
    await controllers.bind(kube, "packer", everywhere)
    new = samples.sample("Package", "new", "unborn")

    refused = await controller.call("POST", "/v2/packages", new, token)

    assert refused.status == 403
    assert 'cannot create resource "namespaces"' in refused.text
    assert "unborn" not in [
        each["metadata"]["name"] for each in (await kube.list(gvk.NAMESPACES)).items
    ]


async def test_a_status_is_written_only_by_who_may_write_one(controller, kube, admin):
    role = {
        "kind": "Role",
        "metadata": {"name": "author", "namespace": "default"},
        "rules": [
            {
                "apiGroups": ["fission.io"],
                "resources": ["packages"],
                "verbs": ["create", "get", "update"],
            }
        ],
    }
    author = await controllers.token(kube, "author")
    await controllers.bind(kube, "author", role)
    package = {**samples.sample("Package", "authored"), "status": {"buildstatus": "succeeded"}}

    assert (await controller.call("POST", "/v2/packages", package, author)).status == 201
    path = "/v2/packages/authored"
    stored = (await controller.call("GET", path, token=author)).json
    assert stored.get("status", {}).get("buildstatus") != "succeeded"
    changed = {**stored, "status": {**stored.get("status", {}), "buildstatus": "failed"}}
    refused = await controller.call("PUT", path, changed, author)
    assert refused.status == 403
    assert "packages/status" in refused.text
    assert (await controller.call("PUT", path, stored, author)).status == 200
    changed["metadata"].pop("resourceVersion")
    assert (await controller.call("PUT", path, changed, admin)).status == 200
    now = (await controller.call("GET", path, token=author)).json
    assert now["status"]["buildstatus"] == "failed"


async def test_the_name_of_a_route_is_told_to_who_may_see_it(controller, kube, admin, marked):
    role = {
        "kind": "Role",
        "metadata": {"name": "router", "namespace": "kube-public"},
        "rules": [{"apiGroups": ["fission.io"], "resources": ["*"], "verbs": ["*"]}],
    }
    stranger = await controllers.token(kube, "stranger")
    await controllers.bind(kube, "stranger", role)
    twin = samples.sample("HTTPTrigger", "twin", "kube-public")

    for token, told in ((admin, "already exists (x)"), (stranger, "(in a namespace of others)")):
        answer = await controller.call("POST", "/v2/triggers/http", twin, token)
        assert (answer.status, told in answer.text) == (409, True)


async def test_which_functions_exist_is_told_to_nobody_who_may_call_none(
    controller, nobody, marked
):
    async def said(path):
        return (
            await controller.call("POST", f"/proxy/router/fission-function/{path}", token=nobody)
        ).text

    # default/x exists and default/y does not: both are refused in the same words
    assert (await said("x/hidden")).replace('"x"', '"y"') == await said("y/hidden")


async def test_without_tokens_everybody_may_all_but_secrets(world, marked):
    api = world[0]
    settings = controllers.config.Config(auth="none")
    async with controllers.running(api, settings) as open_one:
        read = f"{contract.KUBERNETES}/api/v1/namespaces/default"
        assert (await open_one.call("GET", "/v2/functions")).status == 200
        assert (await open_one.call("GET", f"{read}/configmaps/x")).status == 200
        assert (await open_one.call("GET", f"{read}/secrets/x")).status == 403
        assert (await open_one.call("GET", "/v2/secrets/x")).status == 200


async def test_errors_are_statuses_for_who_takes_json_alone(controller, nobody):
    answer = await controller.call(
        "GET", "/v2/functions", token=nobody, headers={"Accept": "application/json"}
    )
    assert answer.headers["content-type"] == "application/json"
    body = json.loads(answer.body)
    assert (body["kind"], body["reason"], body["code"]) == ("Status", "Forbidden", 403)
