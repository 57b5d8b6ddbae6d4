"""The client, informers and their helpers against the embedded API server."""

import asyncio

import pytest

from fission.base import errors
from fission.kube import discovery, events, informer, leases, peers, waiting
from fission.meta import gvk, status
from tests.integration.kube import cluster
from tests.support import waiting as until


def a_configmap(name="c", **data):
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": name, "namespace": "default"},
        "data": data,
    }


async def test_an_object_lives_its_life():
    async with cluster.a_client() as kube:
        made = await kube.create(gvk.CONFIGMAPS, a_configmap(a="1"))
        assert made["metadata"]["uid"]
        with pytest.raises(status.AlreadyExists):
            await kube.create(gvk.CONFIGMAPS, a_configmap())
        patched = await kube.patch(gvk.CONFIGMAPS, "c", {"data": {"b": "2"}}, "default")
        assert patched["data"] == {"a": "1", "b": "2"}
        with pytest.raises(status.Conflict):
            await kube.replace(gvk.CONFIGMAPS, made)
        replaced = await kube.replace(gvk.CONFIGMAPS, {**patched, "data": {}})
        assert (await kube.get(gvk.CONFIGMAPS, "c", "default")) == replaced
        with pytest.raises(status.Conflict):
            await kube.delete(gvk.CONFIGMAPS, "c", "default", precondition_uid="another")
        await kube.delete(gvk.CONFIGMAPS, "c", "default")
        with pytest.raises(status.NotFound, match='configmaps "c" not found'):
            await kube.get(gvk.CONFIGMAPS, "c", "default")


async def test_an_invalid_object_is_refused_with_causes():
    async with cluster.a_client() as kube:
        deployment = cluster.a_deployment(replicas=-1)
        with pytest.raises(status.Invalid) as caught:
            await kube.create(gvk.DEPLOYMENTS, deployment)
        assert [cause.field for cause in caught.value.causes] == ["spec.replicas"]


async def test_lists_come_in_pages_and_by_selector():
    async with cluster.a_client() as kube:
        for number in range(5):
            labels = {"parity": "even" if number % 2 == 0 else "odd"}
            made = a_configmap(f"c{number}")
            made["metadata"]["labels"] = labels
            await kube.create(gvk.CONFIGMAPS, made)
        even = await kube.list(gvk.CONFIGMAPS, "default", label_selector={"parity": "even"})
        assert [one["metadata"]["name"] for one in even.items] == ["c0", "c2", "c4"]
        assert even.items[0]["kind"] == "ConfigMap"
        first = await kube.list(gvk.CONFIGMAPS, "default", limit=2)
        assert len(first.items) == 2
        await kube.delete_collection(gvk.CONFIGMAPS, "default", label_selector="parity=odd")
        left = await kube.list(gvk.CONFIGMAPS, "default", label_selector="parity")
        assert len(left.items) == 3


async def test_an_informer_follows_every_change():
    async with cluster.a_client() as kube:
        configmaps = informer.Informer(kube, gvk.CONFIGMAPS, "default", label_selector="watched")
        told = []
        configmaps.add_handler(lambda old, new: told.append((old is None, new is None)))
        task = asyncio.create_task(configmaps.run())
        await configmaps.wait_synced(5)
        made = a_configmap("w")
        made["metadata"]["labels"] = {"watched": "yes"}
        await kube.create(gvk.CONFIGMAPS, made)
        await kube.create(gvk.CONFIGMAPS, a_configmap("unwatched"))
        await kube.patch(gvk.CONFIGMAPS, "w", {"data": {"a": "1"}}, "default")
        await until.until(lambda: len(told) == 2)
        unlabel = {"metadata": {"labels": None}}
        await kube.patch(gvk.CONFIGMAPS, "w", unlabel, "default")
        await until.until(lambda: len(told) == 3)
        assert told == [(True, False), (False, False), (False, True)]
        assert configmaps.lister.list() == []
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_many_changes_arrive_once_each_and_in_order():
    async with cluster.a_client() as kube:
        await kube.create(gvk.CONFIGMAPS, a_configmap(n="0"))
        configmaps = informer.Informer(kube, gvk.CONFIGMAPS, "default")
        seen = []
        configmaps.add_handler(lambda old, new: new and seen.append(int(new["data"]["n"])))
        task = asyncio.create_task(configmaps.run())
        await configmaps.wait_synced(5)
        for number in range(1, 100):
            await kube.patch(gvk.CONFIGMAPS, "c", {"data": {"n": str(number)}}, "default")
        await until.until(lambda: seen and seen[-1] == 99)
        assert seen == list(range(100))
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_waiting_for_a_state_and_for_an_end():
    async with cluster.a_client() as kube:
        wait = asyncio.create_task(
            waiting.wait_for(
                kube,
                gvk.CONFIGMAPS,
                "c",
                "default",
                lambda obj: obj is not None and obj["data"].get("a") == "1",
                timeout_seconds=5,
            )
        )
        await kube.create(gvk.CONFIGMAPS, a_configmap(b="1"))
        await kube.patch(gvk.CONFIGMAPS, "c", {"data": {"a": "1"}}, "default")
        found = await wait
        assert found is not None
        gone = asyncio.create_task(
            waiting.wait_deleted(kube, gvk.CONFIGMAPS, "c", "default", timeout_seconds=5)
        )
        await kube.delete(gvk.CONFIGMAPS, "c", "default")
        await gone
        with pytest.raises(
            errors.DeadlineExceeded, match=r"configmaps default/c: .* within 0.05 s"
        ):
            await waiting.wait_for(kube, gvk.CONFIGMAPS, "c", "default", bool, timeout_seconds=0.05)


async def test_repeated_events_are_counted():
    async with cluster.a_client() as kube:
        obj = await kube.create(gvk.CONFIGMAPS, a_configmap())
        recorder = events.Recorder(kube, "tester")
        for _ in range(3):
            recorder.event(obj, events.NORMAL, "Seen", "It was seen.")
        await recorder.flush()
        recorder.event(obj, events.NORMAL, "Seen", "It was seen.")
        recorder.event(obj, events.WARNING, "Lost", "It was lost.")
        await recorder.flush()
        found = (await kube.list(gvk.EVENTS, "default")).items
        told = {(one["reason"], one["count"], one["source"]["component"]) for one in found}
        assert told == {("Seen", 4, "tester"), ("Lost", 1, "tester")}


async def test_one_of_two_candidates_leads_and_the_other_takes_over():
    async with cluster.a_client() as kube:
        timing = leases.Timing(lease_seconds=5, renew_seconds=3, retry_seconds=0.02)

        def a_candidate(name):
            return leases.LeaderElector(kube, "default", "job", name, timing=timing)

        async def work():
            await asyncio.Event().wait()

        first, second = a_candidate("first"), a_candidate("second")
        leading = asyncio.create_task(first.run(work))
        await until.until(lambda: first.is_leader)
        following = asyncio.create_task(second.run(work))
        lease = await kube.get(gvk.LEASES, "job", "default")
        assert lease["spec"]["holderIdentity"] == "first"
        assert not second.is_leader
        leading.cancel()
        await asyncio.gather(leading, return_exceptions=True)
        await until.until(lambda: second.is_leader)
        lease = await kube.get(gvk.LEASES, "job", "default")
        assert lease["spec"]["holderIdentity"] == "second"
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)


async def test_discovery_names_what_is_served():
    async with cluster.a_client() as kube:
        served = {one.resource.group_resource: one for one in await discovery.served(kube)}
        assert served["pods"].verbs >= {"create", "delete", "get", "list", "watch"}
        assert "status" in served["deployments.apps"].resource.subresources
        assert not served["nodes"].resource.namespaced


async def test_peers_of_a_service_that_is_not_there_are_none():
    async with cluster.a_client() as kube:
        assert await peers.Peers(kube).urls("fission", "router", "http") == []
