"""Create, read, replace, delete: identity, versions, and what is refused."""


async def test_a_created_object_gets_an_identity(space):
    made = await space.create("configmaps", "a", data={"x": "1"})
    metadata = made["metadata"]
    assert made["kind"] == "ConfigMap"
    assert metadata["namespace"] == space.name
    assert metadata["uid"]
    assert metadata["resourceVersion"].isdigit()
    assert metadata["creationTimestamp"].endswith("Z")
    assert "generation" not in metadata
    read = await space.call("GET", "configmaps", "a")
    assert read.body["metadata"]["uid"] == metadata["uid"]


async def test_names_can_be_generated(space):
    body = {"metadata": {"generateName": "gen-"}}
    names = set()
    for _ in range(3):
        made = await space.call("POST", "configmaps", body=body)
        names.add(made.body["metadata"]["name"])
    assert len(names) == 3
    assert all(name.startswith("gen-") and len(name) == 9 for name in names)


async def test_a_second_create_is_refused(space):
    await space.create("configmaps", "a")
    again = await space.call("POST", "configmaps", body={"metadata": {"name": "a"}})
    assert again.status == 409
    assert again.body["reason"] == "AlreadyExists"
    assert again.body["message"] == 'configmaps "a" already exists'
    assert again.body["details"] == {"name": "a", "kind": "configmaps"}


async def test_a_stale_writer_is_refused(space):
    made = await space.create("configmaps", "a", data={"n": "1"})
    fresh = {**made, "data": {"n": "2"}}
    assert (await space.call("PUT", "configmaps", "a", fresh)).status == 200
    stale = await space.call("PUT", "configmaps", "a", {**made, "data": {"n": "3"}})
    assert (stale.status, stale.body["reason"]) == (409, "Conflict")
    assert "the object has been modified" in stale.body["message"]


async def test_a_put_without_a_version_wins(space):
    await space.create("configmaps", "a", data={"n": "1"})
    body = {"metadata": {"name": "a"}, "data": {"n": "2"}}
    assert (await space.call("PUT", "configmaps", "a", body)).body["data"] == {"n": "2"}


async def test_a_put_creates_only_where_upstream_does(space):
    body = {"metadata": {"name": "new"}}
    assert (await space.call("PUT", "configmaps", "new", body)).status == 404
    lease = await space.call("PUT", "coordination.k8s.io/v1/leases", "new", {**body, "spec": {}})
    assert lease.status == 201


async def test_delete_answers_with_a_status_or_the_object(space):
    made = await space.create("configmaps", "a")
    gone = await space.call("DELETE", "configmaps", "a")
    assert gone.body["status"] == "Success"
    assert gone.body["details"]["uid"] == made["metadata"]["uid"]
    assert (await space.call("DELETE", "configmaps", "a")).status == 404
    await space.create("services", "s", spec={"ports": [{"port": 80}]})
    assert (await space.call("DELETE", "services", "s")).body["kind"] == "Service"


async def test_a_delete_can_insist_on_the_uid(space):
    await space.create("configmaps", "a")
    wrong = {"preconditions": {"uid": "0f0f0f0f-0000-0000-0000-000000000000"}}
    refused = await space.call("DELETE", "configmaps", "a", wrong)
    assert refused.status == 409
    assert "does not match the UID in record" in refused.body["message"]


async def test_a_collection_can_be_deleted_by_selector(space):
    for name, label in (("a", "x"), ("b", "y"), ("c", "x")):
        await space.create("configmaps", name, metadata={"labels": {"l": label}})
    gone = await space.call("DELETE", "configmaps", query="labelSelector=l%3Dx")
    assert [item["metadata"]["name"] for item in gone.body["items"]] == ["a", "c"]
    left = await space.call("GET", "configmaps", query="labelSelector=l")
    assert [item["metadata"]["name"] for item in left.body["items"]] == ["b"]
