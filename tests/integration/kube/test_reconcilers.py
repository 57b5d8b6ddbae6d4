"""Reconcilers and scheduler on the embedded API server, with a kubelet in a nutshell."""

import asyncio
import contextlib
import time

import pytest

from fission.base import clock as clocks
from fission.cluster.reconcilers import informers
from fission.cluster.reconcilers.upkeep import reconciler as upkeep
from fission.kube import peers, waiting
from fission.meta import conditions, gvk, status
from tests.integration.kube import cluster


async def pods_of(kube, **labels):
    return (await kube.list(gvk.PODS, "default", label_selector=labels)).items


async def available(kube, name="web", seconds=30):
    await waiting.wait_for(
        kube,
        gvk.DEPLOYMENTS,
        name,
        "default",
        lambda one: (
            one is not None
            and one["status"].get("observedGeneration", 0) >= one["metadata"]["generation"]
            and one["status"].get("updatedReplicas", 0)
            == one["status"].get("availableReplicas", 0)
            == one["status"].get("replicas", 0)
            == one["spec"]["replicas"]
        ),
        timeout_seconds=seconds,
    )
    return await kube.get(gvk.DEPLOYMENTS, name, "default")


async def test_a_deployment_becomes_available_and_its_service_finds_its_pods():
    async with cluster.a_cluster() as kube, cluster.running_pods(kube):
        service = {
            "metadata": {"name": "web", "namespace": "default", "labels": {"team": "a"}},
            "spec": {
                "selector": {"app": "web"},
                "ports": [{"name": "http", "port": 80, "targetPort": "http"}],
            },
        }
        await kube.create(gvk.SERVICES, service)
        await kube.create(gvk.DEPLOYMENTS, cluster.a_deployment())
        deployment = await available(kube)
        assert deployment["metadata"]["generation"] == 1
        revision = deployment["metadata"]["annotations"]["deployment.kubernetes.io/revision"]
        assert revision == "1"
        found = deployment["status"]["conditions"]
        assert conditions.is_true(found, "Available")
        pods = await pods_of(kube, app="web")
        assert {pod["spec"]["nodeName"] for pod in pods} == {"node-1"}

        async def urls():
            return await peers.Peers(kube).urls("default", "web", "http")

        found = await cluster.eventually(urls, lambda one: len(one) == 2)
        addresses = sorted(pod["status"]["podIP"] for pod in pods)
        assert found == [f"http://{address}:8080" for address in addresses]
        assert await peers.Peers(kube).urls("default", "web", 80) == found
        with pytest.raises(status.NotFound, match="has no port 81; it has 80"):
            await peers.Peers(kube).urls("default", "web", 81)


async def test_a_rollout_and_a_rollback_by_template():
    async with cluster.a_cluster() as kube, cluster.running_pods(kube):
        await kube.create(gvk.DEPLOYMENTS, cluster.a_deployment(replicas=3))
        await available(kube)
        for image, revision in (("web:2", "2"), ("web:1", "3")):
            container = {"name": "web", "image": image}
            patch = {"spec": {"template": {"spec": {"containers": [container]}}}}
            await kube.patch(gvk.DEPLOYMENTS, "web", patch, "default", kind="strategic")
            deployment = await available(kube)
            annotations = deployment["metadata"]["annotations"]
            assert annotations["deployment.kubernetes.io/revision"] == revision
            await cluster.eventually(
                lambda: pods_of(kube, app="web"),
                lambda pods, image=image: (
                    [pod["spec"]["containers"][0]["image"] for pod in pods] == [image] * 3
                ),
            )
        replicasets = (await kube.list(gvk.REPLICASETS, "default")).items
        assert sorted(one["spec"]["replicas"] for one in replicasets) == [0, 3]


async def test_scaling_to_zero_and_back():
    async with cluster.a_cluster() as kube, cluster.running_pods(kube):
        await kube.create(gvk.DEPLOYMENTS, cluster.a_deployment(replicas=2))
        await available(kube)
        for replicas in (0, 1):
            scale = {"spec": {"replicas": replicas}}
            await kube.patch(gvk.DEPLOYMENTS, "web", scale, "default", subresource="scale")
            await available(kube)
            await cluster.eventually(
                lambda: pods_of(kube, app="web"), lambda pods, n=replicas: len(pods) == n
            )


async def test_a_pod_taken_out_of_its_pool_is_released_and_replaced_at_once():
    async with cluster.a_cluster() as kube, cluster.running_pods(kube):
        pool = cluster.a_deployment("pool", replicas=3)
        pool["spec"]["selector"]["matchLabels"]["managed"] = "true"
        pool["spec"]["template"]["metadata"]["labels"]["managed"] = "true"
        await kube.create(gvk.DEPLOYMENTS, pool)
        await available(kube, "pool")
        before = await pods_of(kube, app="pool", managed="true")
        taken = before[0]["metadata"]["name"]
        await kube.patch(gvk.PODS, taken, {"metadata": {"labels": {"managed": "false"}}}, "default")
        after = await cluster.eventually(
            lambda: pods_of(kube, app="pool", managed="true"), lambda pods: len(pods) == 3
        )
        assert taken not in {pod["metadata"]["name"] for pod in after}

        async def owners():
            pod = await kube.get(gvk.PODS, taken, "default")
            return pod["metadata"].get("ownerReferences", [])

        await cluster.eventually(owners, lambda one: one == [])
        await available(kube, "pool")
        assert len(await pods_of(kube, app="pool")) == 4


async def test_a_whole_pool_taken_at_once_is_replaced_without_surplus():
    async with cluster.a_cluster() as kube, cluster.running_pods(kube):
        pool = cluster.a_deployment("pool", replicas=10)
        pool["spec"]["selector"]["matchLabels"]["managed"] = "true"
        pool["spec"]["template"]["metadata"]["labels"]["managed"] = "true"
        await kube.create(gvk.DEPLOYMENTS, pool)
        await available(kube, "pool")
        taken = [pod["metadata"]["name"] for pod in await pods_of(kube, app="pool")]
        patch = {"metadata": {"labels": {"managed": "false"}}}
        await asyncio.gather(*(kube.patch(gvk.PODS, one, patch, "default") for one in taken))
        await available(kube, "pool")
        pods = await cluster.eventually(
            lambda: pods_of(kube, app="pool", managed="true"), lambda found: len(found) == 10
        )
        assert not {pod["metadata"]["name"] for pod in pods} & set(taken)
        made = [
            one
            for one in (await kube.list(gvk.EVENTS, "default")).items
            if one["reason"] == "SuccessfulDelete"
        ]
        assert made == []


async def test_deleting_a_deployment_takes_everything_along():
    async with cluster.a_cluster() as kube, cluster.running_pods(kube):
        await kube.create(gvk.DEPLOYMENTS, cluster.a_deployment())
        await available(kube)
        await kube.delete(gvk.DEPLOYMENTS, "web", "default", propagation="Background")
        await cluster.eventually(lambda: pods_of(kube, app="web"), lambda pods: pods == [])
        assert (await kube.list(gvk.REPLICASETS, "default")).items == []


async def test_a_foreground_deletion_ends_with_the_owner():
    async with cluster.a_cluster() as kube, cluster.running_pods(kube):
        await kube.create(gvk.DEPLOYMENTS, cluster.a_deployment())
        await available(kube)
        answer = await kube.delete(gvk.DEPLOYMENTS, "web", "default", propagation="Foreground")
        assert answer["metadata"]["finalizers"] == ["foregroundDeletion"]
        await waiting.wait_deleted(kube, gvk.DEPLOYMENTS, "web", "default", timeout_seconds=10)
        assert await pods_of(kube, app="web") == []
        assert (await kube.list(gvk.REPLICASETS, "default")).items == []


async def test_an_orphaning_deletion_leaves_the_dependents():
    async with cluster.a_cluster() as kube, cluster.running_pods(kube):
        await kube.create(gvk.DEPLOYMENTS, cluster.a_deployment())
        await available(kube)
        await kube.delete(gvk.DEPLOYMENTS, "web", "default", propagation="Orphan")
        await waiting.wait_deleted(kube, gvk.DEPLOYMENTS, "web", "default", timeout_seconds=10)
        (replicaset,) = (await kube.list(gvk.REPLICASETS, "default")).items
        assert "ownerReferences" not in replicaset["metadata"]
        assert len(await pods_of(kube, app="web")) == 2


async def test_a_dependent_of_an_owner_that_never_was_is_collected():
    async with cluster.a_cluster() as kube:
        owner = {"apiVersion": "v1", "kind": "ConfigMap", "name": "none", "uid": "never"}
        metadata = {"name": "child", "namespace": "default", "ownerReferences": [owner]}
        await kube.create(gvk.CONFIGMAPS, {"metadata": metadata})
        await waiting.wait_deleted(kube, gvk.CONFIGMAPS, "child", "default", timeout_seconds=10)


async def test_a_namespace_is_furnished_and_emptied():
    async with cluster.a_cluster() as kube:
        await kube.create(gvk.NAMESPACES, {"metadata": {"name": "work"}})

        async def root_ca():
            listed = await kube.list(gvk.CONFIGMAPS, "work")
            return [one for one in listed.items if "BEGIN CERTIFICATE" in one["data"]["ca.crt"]]

        await cluster.eventually(root_ca)
        await kube.get(gvk.SERVICEACCOUNTS, "default", "work")
        await kube.create(
            gvk.CONFIGMAPS,
            {"metadata": {"name": "held", "namespace": "work", "finalizers": ["example.com/hold"]}},
        )
        await kube.delete(gvk.NAMESPACES, "work")
        namespace = await waiting.wait_for_condition(
            kube, gvk.NAMESPACES, "work", None, "NamespaceFinalizersRemaining", timeout_seconds=10
        )
        assert namespace["status"]["phase"] == "Terminating"
        with pytest.raises(status.Forbidden):
            await kube.create(gvk.CONFIGMAPS, {"metadata": {"name": "late", "namespace": "work"}})
        await kube.patch(gvk.CONFIGMAPS, "held", {"metadata": {"finalizers": None}}, "work")
        await waiting.wait_deleted(kube, gvk.NAMESPACES, "work", None, timeout_seconds=10)


async def test_a_claim_is_bound():
    async with cluster.a_cluster() as kube:
        requests = {"storage": "1Gi"}
        spec = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": requests}}
        await kube.create(
            gvk.PERSISTENTVOLUMECLAIMS,
            {"metadata": {"name": "data", "namespace": "default"}, "spec": spec},
        )
        claim = await waiting.wait_for(
            kube,
            gvk.PERSISTENTVOLUMECLAIMS,
            "data",
            "default",
            lambda one: one is not None and one["status"].get("phase") == "Bound",
            timeout_seconds=10,
        )
        assert claim is not None
        assert claim["status"]["capacity"] == requests


async def test_a_pod_that_fits_nowhere_says_why_and_is_bound_when_it_can_be():
    async with cluster.a_cluster(node=False) as kube:
        pod = {
            "metadata": {"name": "big", "namespace": "default"},
            "spec": {
                "containers": [{"name": "c", "image": "i", "resources": {"requests": {"cpu": "8"}}}]
            },
        }
        await kube.create(gvk.PODS, pod)

        async def message():
            found = await kube.get(gvk.PODS, "big", "default")
            condition = conditions.get(found["status"].get("conditions"), "PodScheduled")
            return (condition or {}).get("message")

        await cluster.eventually(message, lambda one: one == "no nodes available to schedule pods")
        await cluster.add_node(kube, "small")
        await cluster.eventually(
            message, lambda one: one == "0/1 nodes are available: 1 Insufficient cpu."
        )
        await cluster.add_node(kube, "large", cpu="16")
        bound = await waiting.wait_for_condition(
            kube, gvk.PODS, "big", "default", "PodScheduled", timeout_seconds=10
        )
        assert bound["spec"]["nodeName"] == "large"


async def test_pods_that_cannot_be_created_show_in_conditions_and_are_tried_again():
    async with cluster.a_cluster() as kube, cluster.running_pods(kube):
        deployment = cluster.a_deployment(replicas=1)
        deployment["spec"]["template"]["spec"]["serviceAccountName"] = "later"
        await kube.create(gvk.DEPLOYMENTS, deployment)
        found = await waiting.wait_for_condition(
            kube, gvk.DEPLOYMENTS, "web", "default", "ReplicaFailure", timeout_seconds=10
        )
        failure = conditions.get(found["status"]["conditions"], "ReplicaFailure")
        assert failure is not None
        assert "later" in failure["message"]
        account = {"metadata": {"name": "later", "namespace": "default"}}
        await kube.create(gvk.SERVICEACCOUNTS, account)
        await available(kube)


async def test_a_replacement_is_created_and_bound_within_a_few_milliseconds():
    async with cluster.a_cluster() as kube, cluster.running_pods(kube):
        pool = cluster.a_deployment("pool", replicas=2)
        pool["spec"]["selector"]["matchLabels"]["managed"] = "true"
        pool["spec"]["template"]["metadata"]["labels"]["managed"] = "true"
        await kube.create(gvk.DEPLOYMENTS, pool)
        await available(kube, "pool")
        first = await kube.list(gvk.REPLICASETS, "default")
        delays = []
        for _ in range(10):
            listed = await kube.list(gvk.PODS, "default", label_selector="managed=true")
            known = {pod["metadata"]["uid"] for pod in listed.items}
            taken = listed.items[0]["metadata"]["name"]
            events = kube.watch(gvk.PODS, "default", resource_version=listed.resource_version)
            started_at = time.perf_counter()
            patch = {"metadata": {"labels": {"managed": "false"}}}
            await kube.patch(gvk.PODS, taken, patch, "default")
            async for event in events:
                pod = event.object
                is_new = pod["metadata"].get("uid") not in known
                if event.type == "MODIFIED" and is_new and pod["spec"].get("nodeName"):
                    break
            delays.append(time.perf_counter() - started_at)
            await events.aclose()
            await available(kube, "pool")
        delays.sort()
        assert delays[len(delays) // 2] < 0.2, delays
        assert await counts_since(kube, first) == {2}


async def counts_since(kube, first):
    """What the only ReplicaSet's status has said about its replicas since it was listed."""
    last = (await kube.list(gvk.REPLICASETS, "default")).items[0]
    shown = first.items[0]
    found = {shown["status"]["replicas"]}
    version = first.resource_version
    async with contextlib.aclosing(
        kube.watch(gvk.REPLICASETS, "default", resource_version=version)
    ) as events:
        while shown["metadata"]["resourceVersion"] != last["metadata"]["resourceVersion"]:
            shown = (await anext(events)).object
            found.add(shown["status"]["replicas"])
    return found


async def test_a_pool_whose_replacement_does_not_come_up_says_so():
    async with cluster.a_cluster() as kube:
        async with cluster.running_pods(kube):
            await kube.create(gvk.DEPLOYMENTS, cluster.a_deployment("pool", replicas=2))
            await available(kube, "pool")
        taken = (await pods_of(kube, app="pool"))[0]["metadata"]["name"]
        await kube.patch(gvk.PODS, taken, {"metadata": {"labels": {"app": "else"}}}, "default")

        async def ready():
            return (await kube.get(gvk.DEPLOYMENTS, "pool", "default"))["status"]

        said = await cluster.eventually(ready, lambda status: status["readyReplicas"] == 1)
        assert (said["replicas"], said["unavailableReplicas"]) == (2, 1)


async def test_upkeep_notices_a_silent_node_and_forgets_old_events():
    async with cluster.a_client() as kube:
        await cluster.add_node(kube)
        clock = clocks.ManualClock()
        lease = {
            "metadata": {"name": "node-1", "namespace": "kube-node-lease"},
            "spec": {"renewTime": clocks.format_rfc3339_micro(clock.now())},
        }
        await kube.create(gvk.LEASES, lease)
        told = {
            "metadata": {"name": "told", "namespace": "default"},
            "involvedObject": {"kind": "Pod", "name": "p", "namespace": "default"},
            "lastTimestamp": clocks.format_rfc3339(clock.now()),
        }
        await kube.create(gvk.EVENTS, told)
        known = informers.Informers(kube)
        keeping = upkeep.Upkeep(kube, known, clock)
        task = asyncio.create_task(known.run())
        await known.wait_synced(5)

        async def ready():
            node = await kube.get(gvk.NODES, "node-1")
            found = conditions.get(node["status"]["conditions"], "Ready")
            return (found or {}).get("status")

        clock.advance(30)
        await keeping.look_after_nodes()
        assert await ready() == "True"
        clock.advance(30)
        await keeping.look_after_nodes()
        assert await ready() == "Unknown"
        await keeping.tidy()
        assert len((await kube.list(gvk.EVENTS, "default")).items) == 1
        clock.advance(3600)
        await keeping.tidy()
        assert (await kube.list(gvk.EVENTS, "default")).items == []
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
