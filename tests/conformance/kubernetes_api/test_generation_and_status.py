"""Which write counts as a change of the spec, and what ``/status`` and ``/scale`` may touch."""

import pytest

DEPLOYMENTS = "apps/v1/deployments"


@pytest.fixture
async def made(space, deployment):
    return await space.create(DEPLOYMENTS, "d", spec=deployment())


@pytest.mark.parametrize(
    ("change", "counts"),
    [
        ({"spec": {"paused": True}}, True),
        ({"metadata": {"annotations": {"a": "b"}}}, True),
        ({"metadata": {"labels": {"a": "b"}}}, False),
    ],
)
async def test_generation(space, made, change, counts):
    assert made["metadata"]["generation"] == 1
    patched = await space.call("PATCH", DEPLOYMENTS, "d", change, "merge")
    assert patched.body["metadata"]["generation"] == (2 if counts else 1)


async def test_status_is_written_by_its_own_url_only(space, made):
    body = {"status": {"observedGeneration": 1}, "spec": {"paused": True}}
    patched = await space.call("PATCH", DEPLOYMENTS, "d/status", body, "merge")
    assert patched.body["status"]["observedGeneration"] == 1
    assert "paused" not in patched.body["spec"]
    assert patched.body["metadata"]["generation"] == 1


async def test_scale_is_a_view_of_replicas(space, made):
    scale = (await space.call("GET", DEPLOYMENTS, "d/scale")).body
    assert (scale["kind"], scale["apiVersion"]) == ("Scale", "autoscaling/v1")
    assert scale["status"]["selector"] == "app=x"
    body = {"spec": {"replicas": 3}}
    scaled = await space.call("PATCH", DEPLOYMENTS, "d/scale", body, "merge")
    assert scaled.body["spec"] == {"replicas": 3}
    read = await space.call("GET", DEPLOYMENTS, "d")
    assert read.body["spec"]["replicas"] == 3
    assert read.body["metadata"]["generation"] == 2
    refused = await space.call("PATCH", DEPLOYMENTS, "d/scale", {"spec": {"replicas": -1}}, "merge")
    assert refused.status == 422


async def test_an_unknown_subresource_is_not_found(space, made):
    assert (await space.call("GET", DEPLOYMENTS, "d/nope")).status == 404
    await space.create("configmaps", "c")
    assert (await space.call("GET", "configmaps", "c/status")).status == 404
