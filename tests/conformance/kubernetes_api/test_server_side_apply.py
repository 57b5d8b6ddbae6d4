"""Server-side apply: ownership, conflicts, force, removal."""

CONFIGMAP = {"apiVersion": "v1", "kind": "ConfigMap"}


async def apply(space, manager, data, query="", name="s"):
    body = {**CONFIGMAP, "metadata": {"name": name}, "data": data}
    query = f"fieldManager={manager}{query}"
    return await space.call("PATCH", "configmaps", name, body, "apply", query)


async def test_it_creates_and_records_the_owner(space):
    made = await apply(space, "m1", {"a": "1", "b": "1"})
    assert made.status == 201
    (entry,) = made.body["metadata"]["managedFields"]
    assert (entry["manager"], entry["operation"]) == ("m1", "Apply")
    assert entry["fieldsV1"] == {"f:data": {"f:a": {}, "f:b": {}}}
    again = await apply(space, "m1", {"a": "1", "b": "1"})
    assert again.status == 200
    assert again.body["metadata"] == made.body["metadata"]


async def test_conflicts_name_the_field_and_the_owner(space):
    await apply(space, "m1", {"a": "1"})
    refused = await apply(space, "m2", {"a": "2"})
    assert refused.status == 409
    assert refused.body["message"] == ('Apply failed with 1 conflict: conflict with "m1": .data.a')
    forced = await apply(space, "m2", {"a": "2"}, "&force=true")
    assert forced.body["data"] == {"a": "2"}


async def test_a_field_nobody_wants_any_more_goes(space):
    await apply(space, "m1", {"a": "1", "b": "1"})
    await apply(space, "m2", {"b": "1"})
    left = await apply(space, "m1", {"c": "1"})
    assert left.body["data"] == {"b": "1", "c": "1"}


async def test_what_is_required(space):
    body = {**CONFIGMAP, "metadata": {"name": "s"}}
    nobody = await space.call("PATCH", "configmaps", "s", body, "apply")
    assert nobody.status == 422
    body["kind"] = "Secret"
    other = await space.call("PATCH", "configmaps", "s", body, "apply", "fieldManager=m")
    assert other.status == 400
    unknown = {**CONFIGMAP, "metadata": {"name": "s"}, "specx": 1}
    refused = await space.call("PATCH", "configmaps", "s", unknown, "apply", "fieldManager=m")
    assert (refused.status, ".specx: field not declared" in refused.body["message"]) == (500, True)
