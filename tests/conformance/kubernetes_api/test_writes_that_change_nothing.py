"""A write without effect keeps the resourceVersion and makes no event."""


async def test_every_kind_of_write(space, deployment):
    made = await space.create("apps/v1/deployments", "d", spec=deployment())
    version = made["metadata"]["resourceVersion"]
    patches = (
        ("merge", {"spec": {"replicas": 0}}),
        ("merge", {"spec": {"revisionHistoryLimit": 10}}),
        ("strategic", {"spec": {"template": {"spec": {"containers": [{"name": "c"}]}}}}),
        ("json", [{"op": "test", "path": "/spec/replicas", "value": 0}]),
        ("merge", {"status": {"replicas": 7}}),
    )
    for kind, body in patches:
        patched = await space.call("PATCH", "apps/v1/deployments", "d", body, kind)
        assert patched.status == 200, patched.body
        assert patched.body["metadata"]["resourceVersion"] == version
        assert patched.body["metadata"]["generation"] == 1


async def test_no_event_is_sent(space):
    made = await space.create("configmaps", "a", data={"n": "1"})
    version = made["metadata"]["resourceVersion"]
    async with space.watch("configmaps", f"resourceVersion={version}") as events:
        await space.call("PUT", "configmaps", "a", made)
        await space.call("PATCH", "configmaps", "a", {"data": {"n": "1"}}, "merge")
        await space.create("configmaps", "next")
        _, obj = await events.next()
        assert obj["metadata"]["name"] == "next"
