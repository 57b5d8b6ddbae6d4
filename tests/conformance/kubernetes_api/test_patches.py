"""JSON, merge and strategic merge patches."""

import pytest


async def test_a_merge_patch(space):
    await space.create("configmaps", "a", data={"x": "1", "y": "1"})
    body = {"data": {"x": None, "z": "2"}}
    patched = await space.call("PATCH", "configmaps", "a", body, "merge")
    assert patched.body["data"] == {"y": "1", "z": "2"}


async def test_a_json_patch(space):
    await space.create("configmaps", "a", data={"x": "1"})
    body = [
        {"op": "test", "path": "/data/x", "value": "1"},
        {"op": "add", "path": "/data/y", "value": "2"},
        {"op": "remove", "path": "/data/x"},
    ]
    patched = await space.call("PATCH", "configmaps", "a", body, "json")
    assert patched.body["data"] == {"y": "2"}


async def test_a_strategic_patch_merges_containers_by_name(space, deployment):
    await space.create("apps/v1/deployments", "d", spec=deployment())
    change = {"name": "c", "env": [{"name": "A", "value": "1"}]}
    body = {"spec": {"template": {"spec": {"containers": [change]}}}}
    patched = await space.call("PATCH", "apps/v1/deployments", "d", body, "strategic")
    container = patched.body["spec"]["template"]["spec"]["containers"][0]
    assert container["image"] == "registry.example/i:1"
    assert container["env"] == [{"name": "A", "value": "1"}]
    change["env"] = [{"name": "A", "$patch": "delete"}]
    patched = await space.call("PATCH", "apps/v1/deployments", "d", body, "strategic")
    assert not patched.body["spec"]["template"]["spec"]["containers"][0].get("env")


async def test_a_version_in_the_patch_is_a_precondition(space):
    await space.create("configmaps", "a")
    body = {"metadata": {"resourceVersion": "1"}, "data": {"x": "1"}}
    assert (await space.call("PATCH", "configmaps", "a", body, "merge")).status == 409


@pytest.mark.parametrize(
    ("kind", "body", "code"),
    [
        ("json", [{"op": "remove", "path": "/nope"}], 422),
        ("json", [{"op": "test", "path": "/kind", "value": "x"}], 422),
        ("json", {"op": "add"}, 400),
        ("json", b"{", 400),
        ("merge", {"metadata": {"name": "other"}}, 400),
        ("merge", {"metadata": {"uid": "0f0f0f0f-0000-0000-0000-000000000000"}}, 422),
        ("merge", {"data": {"a": 1}}, 422),
        ("plain", {"data": {"a": "1"}}, 415),
    ],
)
async def test_bad_patches_are_refused(space, kind, body, code):
    await space.create("configmaps", "a", data={"x": "1"})
    answer = await space.call("PATCH", "configmaps", "a", body, kind)
    assert answer.status == code, answer.body
    assert answer.body["kind"] == "Status"


async def test_a_missing_merge_key_is_named(space, deployment):
    await space.create("apps/v1/deployments", "d", spec=deployment())
    body = {"spec": {"template": {"spec": {"containers": [{"image": "n:1"}]}}}}
    answer = await space.call("PATCH", "apps/v1/deployments", "d", body, "strategic")
    assert answer.status == 500
    assert "does not contain declared merge key: name" in answer.body["message"]
