"""A kubewatcher that is away: what it missed, and what nobody can tell any more."""

import asyncio
import base64
import contextlib

import pytest

from fission.kube import client as kube_client
from fission.kube import config as kube_config
from fission.meta import gvk
from fission_http import server as servers
from tests.support import waiting as waits

pytestmark = pytest.mark.asyncio(loop_scope="package")


async def begun(world, *names, **spec):
    """A trigger whose function was told of these objects; the kubewatcher has ended."""
    for name in names:
        await world.put(name, "1")
    await world.create_trigger(**spec)
    await world.start()
    await world.until_told(*(("ADDED", name) for name in names))
    await world.subscribed()
    await world.stop()
    world.told.clear()


async def test_what_happened_meanwhile_is_told_once_and_nothing_else(world):
    await begun(world, "a", "b", "c")
    await world.change("a", "2")
    await world.change("a", "3")
    await world.remove("b")
    await world.put("d")
    await world.remove("d")

    await world.start()

    await world.until_told(
        ("MODIFIED", "a"), ("MODIFIED", "a"), ("DELETED", "b"), ("ADDED", "d"), ("DELETED", "d")
    )
    assert "lastGap" not in (await world.trigger())["status"]


async def test_where_history_is_gone_the_differences_are_told_and_the_gap_is_said(world):
    await begun(world, "changed", "kept", "removed", "replaced")
    replaced = await world.kube.get(gvk.CONFIGMAPS, "replaced", world.namespace)
    await world.change("changed", "2")
    await world.remove("removed")
    await world.remove("replaced")
    await world.put("replaced")
    await world.put("new")
    await world.forget_history()

    await world.start()

    await world.until_told(
        ("MODIFIED", "changed"),
        ("ADDED", "new"),
        ("DELETED", "replaced"),
        ("ADDED", "replaced"),
        ("DELETED", "removed"),
    )
    gone = world.told[2]
    assert gone.headers["x-kubernetes-object-partial"] == "true"
    assert gone.object["metadata"]["uid"] == replaced["metadata"]["uid"]
    (event,) = await world.events_of("HistoryExpired")
    assert event["message"].endswith(
        "all objects are listed and what differs from what was told is sent; states in between,"
        " and objects made and deleted meanwhile, are not known"
    )
    await waits.until_so(lambda: world.gap_is(event["message"]))
    await world.put("later")
    await waits.until(lambda: world.events[5:] == [("ADDED", "later")])


async def test_a_journal_that_is_gone_is_said(world):
    await begun(world, "a")
    journal = await world.journal()
    await world.remove(journal["metadata"]["name"])

    await world.start()

    await world.until_told(("ADDED", "a"))
    (event,) = await world.events_of("JournalGone")
    assert event["message"].startswith(f"ConfigMap {journal['metadata']['name']} with what")


async def test_without_the_objects_in_the_journal_what_is_newer_is_told(world):
    """As when there were more than it can hold."""
    await begun(world, "a", "b")
    journal = await world.journal()
    patch = {"data": {"complete": "false"}, "binaryData": None}
    name = journal["metadata"]["name"]
    await world.kube.patch(gvk.CONFIGMAPS, name, patch, world.namespace)
    await world.change("b", "2")
    await world.forget_history()

    await world.start()

    await world.until_told(("ADDED", "b"))
    (event,) = await world.events_of("HistoryExpired")
    assert event["message"].endswith(
        "nor is what was deleted, as there are too many objects to remember"
    )
    await world.journaled(2)


async def test_a_position_that_the_cluster_has_not_reached_is_of_another_history(world):
    """As when its store was put back from a copy."""
    await begun(world, "a")
    journal = await world.journal()
    patch = {"data": {"resourceVersion": journal["data"]["resourceVersion"] + "000"}}
    name = journal["metadata"]["name"]
    await world.kube.patch(gvk.CONFIGMAPS, name, patch, world.namespace)
    await world.put("b")

    await world.start()

    await world.until_told(("ADDED", "b"))
    assert await world.events_of("HistoryExpired")


async def test_a_damaged_journal_is_no_reason_to_stop(world):
    await begun(world, "a")
    journal = await world.journal()
    damaged = {"objects.json.zlib": base64.b64encode(b"nonsense").decode()}
    name = journal["metadata"]["name"]
    await world.kube.patch(gvk.CONFIGMAPS, name, {"binaryData": damaged}, world.namespace)
    await world.start()
    await world.subscribed()
    await world.put("b")

    await world.until_told(("ADDED", "b"))


async def test_the_journal_belongs_to_its_trigger(world):
    await begun(world, "a")
    journal = await world.journal()
    trigger = await world.trigger()

    (owner,) = journal["metadata"]["ownerReferences"]

    assert owner["uid"] == trigger["metadata"]["uid"]
    assert journal["data"]["watched"] == "configmaps?"
    assert journal["data"]["objects"] == "1"


async def test_the_event_that_is_being_handed_over_is_finished_at_the_end(world):
    asked, ended = asyncio.Event(), asyncio.Event()

    async def answer(told):
        asked.set()
        await ended.wait()
        return servers.Response(200)

    world.answer = answer
    await world.create_trigger()
    await world.start()
    await world.subscribed()
    await world.put("a")
    await asked.wait()
    asyncio.get_running_loop().call_later(0.2, ended.set)
    await world.stop()
    await world.start()
    await world.put("b")

    await world.until_told(("ADDED", "a"), ("ADDED", "b"))


async def test_a_killed_kubewatcher_leaves_nothing_out(world):
    """Killed again and again while objects change: in order, each state at least once."""
    await world.create_trigger()
    with world.process() as process:
        await asyncio.to_thread(process.start)
        await world.subscribed()
        await world.put("counter", "0")
        last = 0
        for _ in range(3):
            seen = len(world.told)
            for _ in range(20):
                last += 1
                await world.change("counter", str(last))
            await waits.until(lambda seen=seen: len(world.told) > seen)
            process.kill()
            for _ in range(5):
                last += 1
                await world.change("counter", str(last))
            await asyncio.to_thread(process.start)
        await waits.until(lambda: states(world)[-1:] == [last], 10.0)

    told = states(world)
    first_time = [state for index, state in enumerate(told) if state not in told[:index]]
    assert first_time == list(range(last + 1))


def states(world):
    found = []
    for told in world.told:
        with contextlib.suppress(ValueError):
            found.append(int(told.object["data"]["text"]))
    return found


class FailingClient(kube_client.Client):
    """Fails as only a mistake in a program does, at the first journals that are read."""

    failed_at: list[float]

    async def get(self, resource, name, *rest, **more):
        if resource is gvk.CONFIGMAPS and len(self.failed_at) < 3:
            self.failed_at.append(asyncio.get_running_loop().time())
            raise LookupError("a mistake")
        return await super().get(resource, name, *rest, **more)


async def test_a_follower_that_fails_begins_again_after_a_while(world):
    await world.create_trigger()
    async with FailingClient(kube_config.load({"KUBE_API_SOCKET": world.api.socket})) as kube:
        kube.failed_at = []
        await world.start(kube)
        await world.subscribed()
        await world.stop()
    first, second, third = kube.failed_at
    assert min(second - first, third - second) >= 0.1


class RecordlessClient(kube_client.Client):
    """Fails as only a mistake in a program does, when a delivery is recorded."""

    async def patch(self, resource, name, patch, *rest, **more):
        if "delivery" in patch.get("status", {}):
            raise LookupError("a mistake")
        return await super().patch(resource, name, patch, *rest, **more)


async def test_a_kubewatcher_that_cannot_record_ends_and_does_not_go_on_without(world):
    await world.create_trigger()
    async with RecordlessClient(kube_config.load({"KUBE_API_SOCKET": world.api.socket})) as kube:
        await world.start(kube)
        await world.put("a")
        await waits.until(world.running.done)
        with pytest.raises(LookupError):
            world.running.result()
