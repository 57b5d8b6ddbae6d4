"""Tables and partial objects: what ``kubectl get`` asks for."""

TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json"
PARTIAL = "application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io"
PARTIAL_LIST = "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io"


async def get(space, path, accept):
    answer = await space.server.call("GET", path, headers={"accept": accept})
    assert answer.status == 200, answer.body
    return answer.body


async def test_a_table_has_columns_and_rows(space):
    await space.create("secrets", "a", data={"x": "MQ=="})
    table = await get(space, space.path("secrets"), TABLE)
    assert (table["kind"], table["apiVersion"]) == ("Table", "meta.k8s.io/v1")
    assert [c["name"] for c in table["columnDefinitions"]] == ["Name", "Type", "Data", "Age"]
    row = next(r for r in table["rows"] if r["cells"][0] == "a")
    assert row["cells"][1:3] == ["Opaque", 1]
    assert row["object"]["kind"] == "PartialObjectMetadata"


async def test_the_pods_columns(space):
    spec = {"containers": [{"name": "c", "image": "i"}], "schedulerName": "nobody"}
    await space.create("pods", "p", spec=spec)
    table = await get(space, space.path("pods"), TABLE)
    priorities = {c["name"]: c["priority"] for c in table["columnDefinitions"]}
    assert [n for n, p in priorities.items() if p == 0] == [
        "Name",
        "Ready",
        "Status",
        "Restarts",
        "Age",
    ]
    assert table["rows"][0]["cells"][:4] == ["p", "0/1", "Pending", "0"]


async def test_include_object(space):
    await space.create("configmaps", "a", data={"x": "1"})
    path = space.path("configmaps", query="fieldSelector=metadata.name%3Da&includeObject=")
    assert (await get(space, path + "None", TABLE))["rows"][0]["object"] is None
    assert (await get(space, path + "Object", TABLE))["rows"][0]["object"]["data"] == {"x": "1"}
    answer = await space.server.call("GET", path + "Bad", headers={"accept": TABLE})
    assert answer.status == 400


async def test_partial_objects(space):
    await space.create("configmaps", "a", data={"x": "1"})
    one = await get(space, space.path("configmaps", "a"), PARTIAL)
    assert one["kind"] == "PartialObjectMetadata"
    assert "data" not in one
    many = await get(space, space.path("configmaps"), PARTIAL_LIST)
    assert many["kind"] == "PartialObjectMetadataList"
    assert "data" not in many["items"][0]
