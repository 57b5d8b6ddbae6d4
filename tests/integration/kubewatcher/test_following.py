import asyncio

import pytest

from fission.api import resources
from fission.meta import gvk
from fission_http import server as servers
from tests.support import waiting as waits

pytestmark = pytest.mark.asyncio(loop_scope="package")


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
    assert changed.body.startswith(b'{\n    "')
    assert (await world.subscribed())["message"] == "the watch of configmaps is open"
    record = await world.delivered(4)
    assert (record["delivered"], record["failed"], record["lag"]) == (4, 0, 0)


async def test_only_objects_with_the_labels_are_told_of(world):
    await world.create_trigger(labelselector={"app": "web"})
    await world.start()
    await world.subscribed()

    await world.put("other", app="db")
    await world.put("chosen", app="web")
    patch = {"metadata": {"labels": {"app": "db"}}}
    await world.kube.patch(gvk.CONFIGMAPS, "chosen", patch, world.namespace)

    await world.until_told(("ADDED", "chosen"), ("DELETED", "chosen"))


@pytest.mark.parametrize(
    ("named", "kind"),
    [("SERVICE", "Service"), ("deployments.apps", "Deployment"), ("sa", "ServiceAccount")],
)
async def test_any_kind_that_the_cluster_serves(world, named, kind):
    objects = {
        "Service": (gvk.SERVICES, {"spec": {"ports": [{"port": 80}]}}),
        "ServiceAccount": (gvk.SERVICEACCOUNTS, {}),
        "Deployment": (
            gvk.DEPLOYMENTS,
            {
                "spec": {
                    "selector": {"matchLabels": {"a": "b"}},
                    "template": {
                        "metadata": {"labels": {"a": "b"}},
                        "spec": {"containers": [{"name": "c", "image": "i"}]},
                    },
                }
            },
        ),
    }
    resource, rest = objects[kind]
    await world.create_trigger(type_=named)
    await world.start()
    metadata = {"name": "one", "namespace": world.namespace}
    await world.kube.create(resource, {"metadata": metadata, **rest})

    await world.until_told(("ADDED", "one"))

    assert world.told[0].kind == kind
    assert world.told[0].object["kind"] == kind


async def test_our_own_triggers_are_told_of_when_people_change_them(world):
    await world.create_trigger(type_="kuberneteswatchtriggers.fission.io")
    await world.start()
    await world.until_told(("ADDED", "t"))
    await world.delivered(1)  # written into the status of what is watched

    patch = {"spec": {"functionref": {"name": "other"}}}
    await world.kube.patch(resources.KUBERNETESWATCHTRIGGERS, "t", patch, world.namespace)

    await world.until_told(("ADDED", "t"), ("MODIFIED", "t"))


async def test_a_trigger_that_is_deleted_is_told_no_more(world):
    await world.create_trigger("gone")
    await world.create_trigger("kept", functionref={"type": "name", "name": "kept"})
    await world.start()
    await world.subscribed("gone")
    await world.subscribed("kept")

    await world.kube.delete(resources.KUBERNETESWATCHTRIGGERS, "gone", world.namespace)
    await waits.until(lambda: world.open_watches() == 1)
    await world.put("one")

    await world.until_told(("ADDED", "one"))
    assert world.told[0].function.endswith("/kept")


async def test_another_selector_begins_anew(world):
    await world.put("one", app="web")
    await world.create_trigger(labelselector={"app": "db"})
    await world.start()
    await world.subscribed()

    patch = {"spec": {"labelselector": {"app": "web"}}}
    await world.kube.patch(resources.KUBERNETESWATCHTRIGGERS, "t", patch, world.namespace)

    await world.until_told(("ADDED", "one"))


async def test_an_event_that_a_function_refuses_is_counted_and_the_next_has_its_turn(world):
    async def answer(told):
        if told.name == "bad":
            return servers.Response(400, (), b"no such thing")
        return servers.Response(200)

    world.answer = answer
    await world.create_trigger()
    await world.start()
    await world.subscribed()
    await world.put("bad")
    await world.put("good")

    await world.until_told(("ADDED", "bad"), ("ADDED", "good"))
    record = await world.delivered(1)
    assert (record["delivered"], record["failed"]) == (1, 1)
    assert record["lastError"]["message"] == (
        "ADDED of ConfigMap bad: 400 from function: no such thing"
    )
    found = await world.events_of("DeliveryFailed")
    assert found[0]["message"] == "400 from function: no such thing"
    assert world.count("fission_kubewatcher_events_total", trigger="t", outcome="failed") == 1


async def test_an_event_that_makes_a_function_fail_is_sent_again_and_then_given_up(world):
    async def answer(told):
        return servers.Response(500 if told.name == "bad" else 200)

    world.answer = answer
    await world.create_trigger()
    await world.start()
    await world.subscribed()
    await world.put("bad")
    await world.put("good")

    await world.until_told(("ADDED", "bad"), ("ADDED", "bad"), ("ADDED", "good"))
    ids = [told.headers["x-fission-request-id"] for told in world.told]
    assert ids[0] == ids[1] != ids[2]
    assert world.count("fission_kubewatcher_events_total", trigger="t", outcome="failed") == 1


async def test_the_status_says_that_what_exists_is_being_handed_over(world):
    may_answer = asyncio.Event()

    async def answer(told):
        await may_answer.wait()
        return servers.Response(200)

    world.answer = answer
    await world.put("old")
    await world.create_trigger()
    await world.start()

    assert (await world.subscribed(value="False"))["reason"] == "CatchingUp"
    may_answer.set()
    assert (await world.subscribed())["reason"] == "Subscribed"


async def test_events_wait_for_a_router_that_is_away(world):
    await world.create_trigger()
    await world.start()
    await world.subscribed()
    await world.close_router()
    await world.put("one")
    await world.put("two")
    await world.lagging(2)
    assert world.events == []

    await world.open_router()

    await world.until_told(("ADDED", "one"), ("ADDED", "two"))
    assert world.count("fission_kubewatcher_events_total", trigger="t", outcome="failed") == 0


async def test_reading_pauses_while_a_function_is_slow_and_nothing_is_lost(world):
    go_on = asyncio.Event()

    async def answer(told):
        await go_on.wait()
        return servers.Response(200)

    world.answer = answer
    await world.create_trigger()
    await world.start()
    await world.subscribed()
    names = [f"n{number:03}" for number in range(150)]
    for name in names:
        await world.put(name, "x" * 1000)
    await world.lagging(60)
    assert world.count("fission_kubewatcher_lag", trigger="t") <= 64

    go_on.set()

    await world.until_told(*(("ADDED", name) for name in names), seconds=10.0)


async def test_of_two_kubewatchers_one_tells(world):
    await world.create_trigger()
    await world.start(leader_election=True, namespace=world.namespace)
    await world.subscribed()
    other = await world.start_another(leader_election=True, namespace=world.namespace)
    try:
        await world.put("one")
        await world.until_told(("ADDED", "one"))
        await world.journaled(1)

        await world.stop()
        await world.put("two")

        await world.until_told(("ADDED", "one"), ("ADDED", "two"), seconds=8.0)
    finally:
        other.cancel()
        await asyncio.gather(other, return_exceptions=True)
