"""Discovery in both forms, and what unknown paths answer."""

AGGREGATED = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"


async def test_the_aggregated_form(server):
    accept = {"accept": f"{AGGREGATED},application/json"}
    core = await server.call("GET", "/api", headers=accept)
    assert core.headers["content-type"] == AGGREGATED
    resources = {r["resource"]: r for r in core.body["items"][0]["versions"][0]["resources"]}
    assert resources["pods"]["shortNames"] == ["po"]
    assert {s["subresource"] for s in resources["pods"]["subresources"]} >= {"status", "binding"}
    groups = await server.call("GET", "/apis", headers=accept)
    names = {item["metadata"]["name"] for item in groups.body["items"]}
    assert {"apps", "apiextensions.k8s.io", "rbac.authorization.k8s.io"} <= names
    tag = {**accept, "if-none-match": groups.headers["etag"]}
    assert (await server.call("GET", "/apis", headers=tag)).status == 304


async def test_the_plain_forms(server):
    assert (await server.call("GET", "/api")).body["versions"] == ["v1"]
    assert (await server.call("GET", "/apis/")).body["kind"] == "APIGroupList"
    apps = await server.call("GET", "/apis/apps/v1")
    names = {resource["name"] for resource in apps.body["resources"]}
    assert {"deployments", "deployments/status", "deployments/scale"} <= names
    assert (await server.call("GET", "/version/")).body["major"] == "1"


async def test_unknown_paths(server):
    for path in ("/nope", "/apis/nope.example.com/v1", "/apis/nope.example.com"):
        answer = await server.call("GET", path)
        assert (answer.status, answer.body) == (404, "404 page not found\n")
    known_group = await server.call("GET", "/api/v1/nopes")
    assert known_group.body["message"] == "the server could not find the requested resource"


async def test_methods_that_are_not_served(server):
    for method, path in (
        ("POST", "/api/v1/configmaps"),
        ("HEAD", "/api/v1/namespaces"),
        ("OPTIONS", "/api/v1/namespaces"),
        ("DELETE", "/api/v1/namespaces"),
    ):
        assert (await server.call(method, path, headers={})).status == 405


async def test_health(server):
    for path in ("/healthz", "/livez", "/readyz"):
        answer = await server.call("GET", path)
        assert (answer.status, answer.body) == (200, "ok")
