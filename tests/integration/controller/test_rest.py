"""What old clients depend on: codes, bodies and words of the REST API, for each of the kinds."""

import base64

import pytest

from fission.contracts import controller as contract
from fission.meta import gvk
from fission_http import server
from tests.integration.controller import conftest as samples
from tests.support import cliplatform, controllers

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.mark.parametrize("kind", sorted(contract.COLLECTIONS))
async def test_an_object_from_creation_to_deletion(controller, admin, kind):
    path = contract.COLLECTIONS[kind]

    async def call(method, target, body=b""):
        return await controller.call(method, target, body, admin)

    body = samples.sample(kind, "one", "default")
    for key in ("kind", "apiVersion"):  # what the original's client leaves out
        body.pop(key)
    body["metadata"]["creationTimestamp"] = None

    made = await call("POST", path, body)
    assert made.status == 201
    assert made.json["name"] == "one"
    assert "spec" not in made.json
    assert (await call("POST", path, body)).status == 409
    listed = (await call("GET", f"{path}?namespace=default")).json
    assert [each["metadata"]["name"] for each in listed] == ["one"]
    assert (await call("GET", f"{path}?namespace=elsewhere")).json == []
    everywhere = (await call("GET", path)).json
    assert [each["metadata"]["name"] for each in everywhere] == ["one"]
    got = (await call("GET", f"{path}/one")).json
    assert (got["kind"], got["metadata"]["uid"]) == (kind, made.json["uid"])
    got["metadata"]["labels"] = {"team": "blue"}
    replaced = await call("PUT", f"{path}/one", got)
    assert replaced.status == 200
    assert replaced.json["labels"] == {"team": "blue"}
    stale = await call("PUT", f"{path}/one", got)
    assert (stale.status, stale.headers["content-type"]) == (409, "text/plain; charset=utf-8")
    assert stale.text.endswith("try again\n")
    got["metadata"].pop("resourceVersion")
    assert (await call("PUT", f"{path}/one", got)).status == 200
    assert (await call("PUT", f"{path}/two", got)).status == 400
    chosen = (await call("GET", f"{path}?namespace=default&labelSelector=team%3Dblue")).json
    assert len(chosen) == 1
    assert (await call("GET", f"{path}?namespace=default&labelSelector=team%3Dred")).json == []
    gone = await call("DELETE", f"{path}/one?namespace=default")
    assert (gone.status, gone.body) == (200, b"")
    missing = await call("GET", f"{path}/one")
    assert missing.status == 404
    assert missing.text.endswith('"one" not found\n')


async def test_a_missing_namespace_comes_with_the_first_object_but_not_for_a_canary(
    controller, kube, admin
):
    canary = samples.sample("CanaryConfig", "c", "unborn")
    assert (await controller.call("POST", "/v2/canaryconfigs", canary, admin)).status == 404

    environment = samples.sample("Environment", "e", "unborn")
    assert (await controller.call("POST", "/v2/environments", environment, admin)).status == 201

    assert (await kube.get(gvk.NAMESPACES, "unborn"))["metadata"]["name"] == "unborn"
    await controller.call("DELETE", "/v2/environments/e?namespace=unborn", token=admin)


async def test_what_a_package_carries_comes_as_it_is(controller, admin):
    package = samples.sample("Package", "raw")
    package["spec"]["deployment"]["literal"] = base64.b64encode(b"\x00\xff").decode()
    await controller.call("POST", "/v2/packages", package, admin)

    raw = await controller.call("GET", "/v2/packages/raw?raw=1", token=admin)

    assert (raw.body, raw.headers["content-type"]) == (b"\x00\xff", "application/octet-stream")


@pytest.mark.parametrize(
    ("kind", "spec", "code", "said"),
    [
        ("TimeTrigger", {"cron": "0 25 * * *"}, 400, "hour"),
        ("Package", {"deployment": {"literal": "A" * 400_000}}, 400, "at most 262144 fit"),
        ("Package", {"deployment": {"literal": "%"}}, 400, "is not base64"),
        ("Environment", {"version": 9}, 422, "spec.version"),
    ],
)
async def test_what_is_wrong_is_said(controller, admin, kind, spec, code, said):
    body = samples.sample(kind, "wrong")
    body["spec"] = {**body["spec"], **spec}

    answer = await controller.call("POST", contract.COLLECTIONS[kind], body, admin)

    assert (answer.status, said in answer.text) == (code, True)
    assert answer.text.endswith("\n")


@pytest.mark.parametrize("body", [b"{", b"[" * 100_000, b"\xff"])
async def test_what_is_not_json_is_refused(controller, admin, body):
    answer = await controller.call("POST", "/v2/functions", body, admin)

    assert (answer.status, "is not JSON" in answer.text) == (400, True)


async def test_two_routes_for_the_same_requests_conflict_also_in_an_update(controller, admin):
    for name, url in (("first", "/same"), ("second", "/other")):
        body = samples.sample("HTTPTrigger", name)
        body["spec"] = {**body["spec"], "relativeurl": url}
        assert (await controller.call("POST", "/v2/triggers/http", body, admin)).status == 201
    body["spec"]["relativeurl"] = "/same"

    answer = await controller.call("PUT", "/v2/triggers/http/second", body, admin)

    assert answer.status == 409
    assert answer.text == "HTTPTrigger with same Host, URL & method already exists (first)\n"


async def test_secrets_and_config_maps_are_there_or_not(controller, kube, admin):
    for resource, path in ((gvk.SECRETS, "secrets"), (gvk.CONFIGMAPS, "configmaps")):
        body = {
            "apiVersion": "v1",
            "kind": resource.kind,
            "metadata": {"name": "there", "namespace": "default"},
        }
        await kube.create(resource, body, "default")
        there = await controller.call("GET", f"/v2/{path}/there?namespace=default", token=admin)
        assert (there.status, there.body) == (200, b"")
        gone = await controller.call("GET", f"/v2/{path}/gone?namespace=default", token=admin)
        assert gone.status == 404


async def test_which_kubernetes_this_is_may_be_known(controller, nobody):
    found = await controller.call("GET", "/v2/kubernetes/version", token=nobody)
    assert (found.status, "gitVersion" in found.json) == (200, True)


async def test_who_answers_is_said_to_everybody(controller):
    info = (await controller.call("GET", "/")).json
    assert set(info["Build"]) == {"GitCommit", "BuildDate", "Version"}
    assert set(info["ServerTime"]) == {"Timezone", "CurrentTime"}
    assert info["Namespace"] == "fission"
    assert (await controller.call("GET", "/healthz")).status == 200
    old = await controller.call("POST", "/v1/functions")
    assert (old.status, old.text.endswith("use /v2\n")) == (404, True)


async def test_a_log_database_is_asked_as_the_user_that_is_configured(world, admin):
    asked = []

    async def answer(request):
        asked.append((request.method, request.target, request.headers.get("authorization")))
        return server.Response(200, [("Content-Type", "application/json")], b'{"results": []}')

    listening = cliplatform.listen()
    running = await server.serve(answer, [listening])
    url = f"http://127.0.0.1:{listening.getsockname()[1]}/query"
    databases = {"influxdb": controllers.logdatabases.Database(url, "ada", "pw")}
    settings = controllers.config.Config()
    async with controllers.running(world[0], settings, databases) as controller:
        found = await controller.call("POST", "/proxy/influxdb?q=SELECT+1", b"", admin)
        unknown = await controller.call("POST", "/proxy/loki", b"", admin)
    await running.close(0)

    assert (found.status, found.json) == (200, {"results": []})
    assert asked == [("POST", "/query?q=SELECT+1", "Basic YWRhOnB3")]
    assert unknown.status == 404
    assert "known are: influxdb" in unknown.text


async def test_a_watch_goes_on_while_objects_change(controller, kube, admin):
    target = (
        f"{controller.url}{contract.KUBERNETES}/apis/fission.io/v1/namespaces/default/functions"
    )
    answer = await controller.http.request(
        "GET", f"{target}?watch=true", [("Authorization", f"Bearer {admin}")], timeout_seconds=None
    )
    pieces = answer.iter_bytes()
    try:
        await kube.create(samples.resources.FUNCTIONS, samples.kinds.function("watched"))
        assert b'"name":"watched"' in (await anext(pieces)).replace(b": ", b":")
    finally:
        await answer.aclose()
        await kube.delete(samples.resources.FUNCTIONS, "watched", "default")


async def test_only_so_many_watches_are_open(world, admin):
    settings = controllers.config.Config(max_streams=1)
    path = f"{contract.KUBERNETES}/api/v1/pods?watch=true"
    async with controllers.running(world[0], settings) as controller:
        headers = [("Authorization", f"Bearer {admin}")]
        first = await controller.http.request(
            "GET", controller.url + path, headers, timeout_seconds=None
        )
        second = await controller.call("GET", path, token=admin)
        assert (second.status, "CONTROLLER_MAX_STREAMS" in second.text) == (429, True)
        await first.aclose()

        async def is_free():
            again = await controller.http.request(
                "GET", controller.url + path, headers, timeout_seconds=None
            )
            await again.aclose()
            return again.status == 200

        await controllers.waiting.until_so(is_free)
