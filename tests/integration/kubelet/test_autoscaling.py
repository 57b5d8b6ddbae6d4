"""Pods that really burn: measured by the kubelet, told by the metrics API, scaled by the
autoscaler, shown by kubectl. The burning ends by itself."""

import asyncio
import json
import os
import re
import shutil
import subprocess
import time
from pathlib import Path

import pytest

from fission.base import clock as clocks
from fission.cluster.reconcilers import run as reconcilers
from fission.cluster.reconcilers.horizontalpodautoscaler import config
from fission.cluster.scheduler import run as scheduler
from fission.meta import conditions, gvk, status
from tests.integration.kubelet import node as nodes

KUBECTL = shutil.which("kubectl")
BURN_SECONDS = 4.0
"""From the start of each pod, a third of a core."""
AMOUNT = re.compile(r"\d+m \d+Mi")

BURNER = """
import os, time


def main(argv):
    until = time.time() + float(os.environ["BURN_SECONDS"])
    while time.time() < until:
        pause = time.perf_counter() + 0.03
        while time.perf_counter() < pause:
            pass
        time.sleep(0.07)
    while True:
        time.sleep(60)
"""


def prepare(node):
    image = node.home / "images" / "burner"
    image.mkdir()
    zygote = {"entry": "burner:main", "preload": ["time"], "pythonpath": ["{image}"]}
    manifest = {"name": "burner", "match": ["burner"], "zygote": zygote}
    (image / "image.json").write_text(json.dumps(manifest))
    (image / "burner.py").write_text(BURNER)
    # The API server of tests has a run folder of its own.
    (Path(node.api.socket).parent / "kubelet.sock").symlink_to(node.control_socket)


@pytest.fixture
async def cluster():
    async with nodes.running(prepare, FISSION_USAGE_PERIOD="500ms") as node:
        env = {"KUBE_API_SOCKET": node.api.socket}
        settings = config.Config(sync_seconds=0.4)
        clock = clocks.SystemClock()
        tasks = [
            asyncio.ensure_future(reconcilers.run(node.client, clock, None, settings)),
            asyncio.ensure_future(scheduler.background(env)),
        ]
        yield node
        await node.client.delete(gvk.DEPLOYMENTS, "web", "default")
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def a_deployment():
    container = {
        "name": "main",
        "image": "burner",
        "env": [{"name": "BURN_SECONDS", "value": str(BURN_SECONDS)}],
        "resources": {"requests": {"cpu": "50m"}},
    }
    template = {
        "metadata": {"labels": {"app": "web"}},
        "spec": {
            "terminationGracePeriodSeconds": 0,
            "automountServiceAccountToken": False,
            "containers": [container],
        },
    }
    return {
        "metadata": {"name": "web", "namespace": "default"},
        "spec": {"replicas": 1, "selector": {"matchLabels": {"app": "web"}}, "template": template},
    }


AUTOSCALER = {
    "metadata": {"name": "web", "namespace": "default"},
    "spec": {
        "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"},
        "minReplicas": 1,
        "maxReplicas": 3,
        "metrics": [
            {
                "type": "ContainerResource",
                "containerResource": {
                    "name": "cpu",
                    "container": "main",
                    "target": {"type": "Utilization", "averageUtilization": 80},
                },
            }
        ],
        "behavior": {"scaleDown": {"stabilizationWindowSeconds": 1}},
    },
}


async def scaled_to(node, wanted):
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        deployment = await node.client.get(gvk.DEPLOYMENTS, "web", "default")
        if deployment["spec"]["replicas"] == wanted:
            return
        await asyncio.sleep(0.05)
    found = await node.client.get(gvk.HORIZONTALPODAUTOSCALERS, "web", "default")
    raise AssertionError(f"not {wanted}: {json.dumps(found)}\n{node.log()}")


def kubectl(node, *argv):
    home = node.home / "kubectl"
    home.mkdir(exist_ok=True)
    server = ["--server", node.api.url, "--certificate-authority", node.api.ca]
    done = subprocess.run(
        [KUBECTL, *server, "--token", node.api.token, *argv],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
        env={**os.environ, "HOME": str(home), "KUBECONFIG": "/dev/null"},
    )
    assert done.returncode == 0, done.stderr
    return [line.split() for line in done.stdout.splitlines()]


async def told(node, type_, reason):
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        found = await node.client.get(gvk.HORIZONTALPODAUTOSCALERS, "web", "default")
        condition = conditions.get(found["status"].get("conditions"), type_)
        if condition is not None and condition["reason"] == reason:
            return
        await asyncio.sleep(0.05)
    raise AssertionError(json.dumps(found["status"]))


def kubectl_shows(node):
    head, *rows = kubectl(node, "top", "pods", "-l", "app=web")
    assert head == ["NAME", "CPU(cores)", "MEMORY(bytes)"]
    assert rows
    assert all(AMOUNT.fullmatch(f"{row[1]} {row[2]}") for row in rows), rows
    _, first, *_ = kubectl(node, "top", "pod", "--containers")
    assert first[1] == "main"
    _, (name, *_) = kubectl(node, "top", "nodes")
    assert name == nodes.NODE
    _, row = kubectl(node, "get", "hpa", "web")
    assert (row[1], row[2], row[4:6]) == ("Deployment/web", "cpu:", ["1", "3"])
    assert row[3].endswith("%/80%")


async def sleeps_at_zero_and_wakes(node):
    """The executor scales to zero and back; what it wrote meanwhile is not overwritten."""
    old = await node.client.get(gvk.DEPLOYMENTS, "web", "default")
    scale = {"spec": {"replicas": 0}}
    await node.client.patch(gvk.DEPLOYMENTS, "web", scale, "default", subresource="scale")
    stale = {
        "metadata": {"resourceVersion": old["metadata"]["resourceVersion"]},
        "spec": {"replicas": 2},
    }
    with pytest.raises(status.Conflict):
        await node.client.patch(gvk.DEPLOYMENTS, "web", stale, "default", subresource="scale")
    await told(node, "ScalingActive", "ScalingDisabled")
    scale["spec"]["replicas"] = 1
    await node.client.patch(gvk.DEPLOYMENTS, "web", scale, "default", subresource="scale")
    await told(node, "ScalingActive", "ValidMetricFound")


async def steps_aside_for_a_rival(node):
    rival = {**AUTOSCALER, "metadata": {"name": "rival", "namespace": "default"}}
    await node.client.create(gvk.HORIZONTALPODAUTOSCALERS, rival)
    await told(node, "ScalingActive", "AmbiguousSelector")
    await node.client.delete(gvk.HORIZONTALPODAUTOSCALERS, "rival", "default")
    await told(node, "ScalingActive", "ValidMetricFound")


async def test_pods_follow_their_load_and_kubectl_shows_it(cluster):
    node = cluster
    await node.client.create(gvk.DEPLOYMENTS, a_deployment())
    await node.client.create(gvk.HORIZONTALPODAUTOSCALERS, AUTOSCALER)

    await scaled_to(node, 3)
    if KUBECTL is not None:
        await asyncio.to_thread(kubectl_shows, node)
    await scaled_to(node, 1)
    await sleeps_at_zero_and_wakes(node)
    await steps_aside_for_a_rival(node)
    listed = await node.client.list(gvk.EVENTS, "default")
    told = {one["message"] for one in listed.items if one["reason"] == "SuccessfulRescale"}
    cause = "cpu container resource utilization (percentage of request) above target"
    assert {
        f"New size: 3; reason: {cause}",
        "New size: 1; reason: All metrics below target",
    } <= told
