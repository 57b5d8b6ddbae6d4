"""Bodies that are refused or warned about, and the words for it; dry runs."""

import pytest


async def test_unknown_fields(space):
    body = {"metadata": {"name": "u", "x": 1}, "data": {"a": "1"}, "foo": 1}
    strict = await space.call("POST", "configmaps", body=body, query="fieldValidation=Strict")
    assert strict.status == 400
    assert strict.body["message"] == (
        'ConfigMap in version "v1" cannot be handled as a ConfigMap: strict decoding error: '
        'unknown field "metadata.x", unknown field "foo"'
    )
    warned = await space.call("POST", "configmaps", body=body)
    assert warned.status == 201
    assert 'unknown field \\"' in warned.headers["warning"]
    assert "foo" not in warned.body
    body["metadata"]["name"] = "silent"
    silent = await space.call("POST", "configmaps", body=body, query="fieldValidation=Ignore")
    assert silent.status == 201
    assert "warning" not in silent.headers


async def test_duplicate_fields(space):
    body = '{"metadata": {"name": "d"}, "data": {"a": "1", "a": "2"}}'
    strict = await space.call("POST", "configmaps", body=body, query="fieldValidation=Strict")
    assert strict.status == 400
    assert 'duplicate field "data.a"' in strict.body["message"]


@pytest.mark.parametrize(
    ("body", "code", "words"),
    [
        ({"metadata": {}}, 422, "name or generateName is required"),
        ({"metadata": {"name": "Bad_Name!"}}, 422, "a lowercase RFC 1123 subdomain"),
        ({"metadata": {"name": "a"}, "data": {"a/b": "1"}}, 422, "a valid config key"),
        ({"metadata": {"name": "a"}, "data": {"a": 1}}, 400, "cannot unmarshal number"),
        ({"metadata": {"name": "a", "namespace": "default"}}, 400, "does not match"),
        ({"metadata": {"name": "a", "finalizers": ["nope"]}}, 422, "fully qualified"),
        ('{"a":', 400, "unexpected end of JSON input"),
        ({"metadata": {"name": "a", "resourceVersion": "5"}}, 500, "should not be set"),
    ],
)
async def test_bad_objects_are_refused(space, body, code, words):
    answer = await space.call("POST", "configmaps", body=body)
    assert (answer.status, answer.body["kind"]) == (code, "Status")
    assert words in answer.body["message"]


async def test_every_cause_is_named(space):
    spec = {
        "replicas": -2,
        "selector": {"matchLabels": {"a": "b"}},
        "template": {
            "metadata": {"labels": {"a": "c"}},
            "spec": {"containers": [{"name": "C!"}]},
        },
    }
    body = {"metadata": {"name": "x"}, "spec": spec}
    answer = await space.call("POST", "apps/v1/deployments", body=body)
    assert answer.status == 422
    assert {cause["field"] for cause in answer.body["details"]["causes"]} >= {
        "spec.replicas",
        "spec.template.metadata.labels",
        "spec.template.spec.containers[0].name",
        "spec.template.spec.containers[0].image",
    }
    assert answer.body["message"].startswith('Deployment.apps "x" is invalid: [spec.replicas: ')


async def test_bodies_have_a_limit(space):
    body = {"metadata": {"name": "big"}, "data": {"a": "x" * 1_100_000}}
    assert (await space.call("POST", "configmaps", body=body)).status == 422
    body["data"]["a"] *= 3
    assert (await space.call("POST", "configmaps", body=body)).status == 413


async def test_yaml_is_understood_and_forms_are_not(space):
    text = "metadata: {name: y1}\ndata: {a: 'b'}\n"
    path = space.path("configmaps")
    made = await space.server.call("POST", path, text, "application/yaml")
    assert (made.status, made.body["data"]) == (201, {"a": "b"})
    form = "application/x-www-form-urlencoded"
    assert (await space.server.call("POST", path, "a=b", form)).status == 415


async def test_a_dry_run_stores_nothing(space):
    body = {"metadata": {"name": "dry"}}
    made = await space.call("POST", "configmaps", body=body, query="dryRun=All")
    assert made.status == 201
    assert made.body["metadata"]["uid"]
    assert "resourceVersion" not in made.body["metadata"]
    assert (await space.call("GET", "configmaps", "dry")).status == 404
    await space.create("configmaps", "real", data={"a": "1"})
    change = {"data": {"a": "2"}}
    tried = await space.call("PATCH", "configmaps", "real", change, "merge", "dryRun=All")
    assert tried.body["data"] == {"a": "2"}
    assert (await space.call("GET", "configmaps", "real")).body["data"] == {"a": "1"}
    await space.call("DELETE", "configmaps", "real", query="dryRun=All")
    assert (await space.call("GET", "configmaps", "real")).status == 200
