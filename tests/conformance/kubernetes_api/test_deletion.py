"""Finalizers and grace keep an object; namespaces on their way out take nothing new."""


async def test_finalizers_hold_an_object_until_the_last_is_gone(space):
    made = await space.create("configmaps", "f", metadata={"finalizers": ["example.com/f"]})
    version = made["metadata"]["resourceVersion"]
    async with space.watch("configmaps", f"resourceVersion={version}") as events:
        held = await space.call("DELETE", "configmaps", "f")
        assert held.body["metadata"]["deletionTimestamp"]
        assert (await events.next())[0] == "MODIFIED"
        again = await space.call("DELETE", "configmaps", "f")
        assert again.body["metadata"] == held.body["metadata"]
        more = {"metadata": {"finalizers": ["example.com/f", "example.com/g"]}}
        refused = await space.call("PATCH", "configmaps", "f", more, "merge")
        assert refused.status == 422
        done = {"metadata": {"finalizers": None}}
        assert (await space.call("PATCH", "configmaps", "f", done, "merge")).status == 200
        assert (await events.next())[0] == "DELETED"
    assert (await space.call("GET", "configmaps", "f")).status == 404


async def test_propagation_is_written_as_a_finalizer(space, deployment):
    await space.create("configmaps", "o", metadata={"finalizers": ["example.com/hold"]})
    body = {"propagationPolicy": "Foreground"}
    held = await space.call("DELETE", "configmaps", "o", body)
    assert "foregroundDeletion" in held.body["metadata"]["finalizers"]
    done = {"metadata": {"finalizers": None}}
    await space.call("PATCH", "configmaps", "o", done, "merge")


async def test_an_unscheduled_pod_goes_at_once(space):
    spec = {
        "containers": [{"name": "c", "image": "registry.example/i:1"}],
        "schedulerName": "nobody",
    }
    made = await space.create("pods", "p", spec=spec)
    assert made["status"]["phase"] == "Pending"
    assert made["spec"]["terminationGracePeriodSeconds"] == 30
    assert (await space.call("DELETE", "pods", "p")).body["kind"] == "Pod"
    assert (await space.call("GET", "pods", "p")).status == 404


async def test_some_namespaces_may_not_go(server):
    for name in ("default", "kube-system"):
        refused = await server.call("DELETE", f"/api/v1/namespaces/{name}")
        assert (refused.status, refused.body["reason"]) == (403, "Forbidden")


async def test_a_namespace_on_its_way_out_takes_nothing_new(server, space):
    await space.create("configmaps", "hold", metadata={"finalizers": ["example.com/hold"]})
    going = await server.call("DELETE", f"/api/v1/namespaces/{space.name}")
    assert going.body["status"]["phase"] == "Terminating"
    refused = await space.call("POST", "configmaps", body={"metadata": {"name": "late"}})
    assert refused.status == 403
    assert refused.body["details"]["causes"][0]["reason"] == "NamespaceTerminating"
    done = {"metadata": {"finalizers": None}}
    await space.call("PATCH", "configmaps", "hold", done, "merge")


async def test_creating_needs_the_namespace(server):
    path = "/api/v1/namespaces/conformance-none/configmaps"
    refused = await server.call("POST", path, {"metadata": {"name": "a"}})
    assert (refused.status, refused.body["message"]) == (
        404,
        'namespaces "conformance-none" not found',
    )
