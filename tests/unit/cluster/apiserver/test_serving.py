"""The server as a whole, over its unix socket: the plainest uses."""

import pytest

from tests.support import apiserver

CONFIGMAPS = "/api/v1/namespaces/default/configmaps"


@pytest.fixture
async def api():
    async with apiserver.running() as running:
        yield running


def a_configmap(name="a", **data):
    return {"kind": "ConfigMap", "apiVersion": "v1", "metadata": {"name": name}, "data": data}


async def test_an_object_is_created_read_changed_and_deleted(api):
    created = await api.call("POST", CONFIGMAPS, a_configmap(x="1"))
    assert created.status == 201
    assert created.body["metadata"]["namespace"] == "default"
    read = await api.call("GET", f"{CONFIGMAPS}/a")
    assert read.body == created.body
    changed = await api.call(
        "PATCH", f"{CONFIGMAPS}/a", {"data": {"x": "2"}}, "application/merge-patch+json"
    )
    assert changed.body["data"] == {"x": "2"}
    replaced = await api.call("PUT", f"{CONFIGMAPS}/a", a_configmap(x="3"))
    assert replaced.body["data"] == {"x": "3"}
    deleted = await api.call("DELETE", f"{CONFIGMAPS}/a")
    assert deleted.body["status"] == "Success"
    missing = await api.call("GET", f"{CONFIGMAPS}/a")
    assert (missing.status, missing.body["message"]) == (404, 'configmaps "a" not found')


async def test_a_watch_shows_what_is_and_what_happens(api):
    await api.call("POST", CONFIGMAPS, a_configmap("a"))
    async with api.watch(f"{CONFIGMAPS}?watch=true") as events:
        assert (await events.next())[1]["metadata"]["name"] == "a"
        await api.call("POST", CONFIGMAPS, a_configmap("b"))
        type_, obj = await events.next()
        assert (type_, obj["metadata"]["name"]) == ("ADDED", "b")
        await api.call("DELETE", f"{CONFIGMAPS}/b")
        assert (await events.next())[0] == "DELETED"


async def test_a_pod_gets_its_defaults_and_is_bound_once(api):
    pods = "/api/v1/namespaces/default/pods"
    pod = {"metadata": {"name": "p"}, "spec": {"containers": [{"name": "c", "image": "i"}]}}
    created = await api.call("POST", pods, pod)
    assert created.status == 201, created.body
    assert created.body["spec"]["restartPolicy"] == "Always"
    assert created.body["status"] == {"phase": "Pending", "qosClass": "BestEffort"}
    binding = {"metadata": {"name": "p"}, "target": {"kind": "Node", "name": "n1"}}
    bound = await api.call("POST", f"{pods}/p/binding", binding)
    assert bound.status == 201, bound.body
    again = await api.call("POST", f"{pods}/p/binding", binding)
    assert again.status == 409
    read = await api.call("GET", f"{pods}?fieldSelector=spec.nodeName%3Dn1")
    assert [p["metadata"]["name"] for p in read.body["items"]] == ["p"]
    deleted = await api.call("DELETE", f"{pods}/p")
    assert deleted.body["metadata"]["deletionGracePeriodSeconds"] == 30
    gone = await api.call("DELETE", f"{pods}/p?gracePeriodSeconds=0")
    assert gone.status == 200
    assert (await api.call("GET", f"{pods}/p")).status == 404


async def test_the_store_outlives_the_server(tmp_path):
    async with apiserver.running(tmp_path) as first:
        await first.call("POST", CONFIGMAPS, a_configmap("kept"))
    async with apiserver.running(tmp_path) as second:
        assert (await second.call("GET", f"{CONFIGMAPS}/kept")).status == 200


async def test_nobody_grants_what_they_do_not_have(api):
    group = "rbac.authorization.k8s.io"
    role = {
        "metadata": {"name": "r"},
        "rules": [
            {"apiGroups": [group], "resources": ["roles"], "verbs": ["create", "patch", "get"]},
        ],
    }
    roles = f"/apis/{group}/v1/namespaces/default/roles"
    assert (await api.call("POST", roles, role)).status == 201
    binding = {
        "metadata": {"name": "b"},
        "roleRef": {"kind": "Role", "name": "r"},
        "subjects": [{"kind": "User", "name": "eve"}],
    }
    bindings = f"/apis/{group}/v1/namespaces/default/rolebindings"
    assert (await api.call("POST", bindings, binding)).status == 201
    eve = {"impersonate-user": "eve"}
    wide = {
        "metadata": {"name": "wide"},
        "rules": [
            {"apiGroups": [""], "resources": ["secrets"], "verbs": ["get"]},
        ],
    }
    refused = await api.call("POST", roles, wide, headers=eve)
    assert refused.status == 403
    assert "is attempting to grant RBAC permissions not currently held" in refused.body["message"]
    patch = "application/merge-patch+json"
    wider = await api.call("PATCH", f"{roles}/r", {"rules": wide["rules"]}, patch, headers=eve)
    assert wider.status == 403
    label = {"metadata": {"labels": {"a": "b"}}}
    assert (await api.call("PATCH", f"{roles}/r", label, patch, headers=eve)).status == 200
    assert (await api.call("GET", "/api/v1/secrets", headers=eve)).status == 403
