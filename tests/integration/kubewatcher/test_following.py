import pytest

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_what_exists_comes_first_then_every_change_in_order(world):
    await world.put("old")
    await world.create_trigger()
    await world.start()
    await world.until_told(("ADDED", "old"))

    await world.put("new", "1")
    await world.change("new", "2")
    await world.remove("new")

    await world.until_told(
        ("ADDED", "old"), ("ADDED", "new"), ("MODIFIED", "new"), ("DELETED", "new")
    )
    changed = world.told[2]
    assert changed.function == f"/fission-function/{world.namespace}/hello"
    assert changed.kind == "ConfigMap"
    assert changed.headers["content-type"] == "application/json"
    assert changed.object["data"] == {"text": "2"}
    assert changed.body.startswith(b'{\n    "apiVersion": "v1"') or b'\n    "' in changed.body
    condition = await world.subscribed()
    assert condition["message"] == "the watch of configmaps is open"
    record = await world.delivered(4)
    assert (record["delivered"], record["failed"], record["lag"]) == (4, 0, 0)
