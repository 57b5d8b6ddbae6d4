"""What a pod declares beside its image: hooks, deadlines, room on disk and in memory, last words.

One node and all pods at once: most of this is waiting.
"""

import asyncio
import sys
import time

import pytest

from fission.meta import gvk
from tests.integration.kubelet import node as nodes
from tests.integration.kubelet.node import a_pod, container, until

GREEDY = "held = [bytearray(1 << 20) for _ in range(4096)]; import time; time.sleep(60)"
CROWD = """
import os, subprocess, sys
hold = "held = bytearray(b'x') * (40 << 20); import time; time.sleep(60)"
crowd = [subprocess.Popen([sys.executable, "-c", hold]) for _ in range(3)]
_, status = os.wait()
sys.exit(137 if status == 9 else 1)
"""
VOLUME = {"volumeMounts": [{"name": "v", "mountPath": "/v"}]}


def runs(program, **more):
    return {"command": [sys.executable, "-c", program], "readinessProbe": None, **more}


def a_volume(**source):
    return [{"name": "v", "emptyDir": source}]


async def test_what_pods_declare(node):
    await until(node.serves, "the kubelet serves")
    if node.status()["isolation"]["mode"] != "full":
        pytest.skip("paths of volumes differ on a machine without mount namespaces")
    await asyncio.gather(
        hooks_run_around_a_container(node),
        a_pod_above_its_memory_is_ended_and_says_so(node),
        a_volume_above_its_size_evicts(node),
        a_deadline_ends_a_pod(node),
        last_words_are_kept(node),
        a_failing_hook_restarts(node),
        programs_run_in_a_container(node),
    )


async def hooks_run_around_a_container(node):
    lifecycle = {
        "postStart": {"httpGet": {"path": "/write/v/started", "port": "http"}},
        "preStop": {"httpGet": {"path": "/say/stopping", "port": "http"}},
    }
    await node.create(
        a_pod("hooked", container={"lifecycle": lifecycle, **VOLUME}, volumes=a_volume())
    )
    pod = await node.ready("hooked")
    assert await node.ask(pod, "/read/v/started") == "written"
    await node.create(a_pod("drained"))
    drained = await node.ready("drained")
    await node.delete("hooked")
    await node.delete("drained")
    # Whoever has not heard of the deletion yet is still answered.
    assert (await node.ask(drained, "/"))["pid"]
    await until(lambda: "bye" in node.logs(pod) or not node.logs(pod), "the pod is ending")
    assert "stopping" in node.logs(pod) or not node.logs(pod)
    await node.gone("hooked")
    await node.gone("drained")


async def programs_run_in_a_container(node):
    """As its user, in its namespaces: probes and hooks that execute something."""
    touch = "echo $(id -u) $$ $NAME > /v/hook; cat /etc/shadow 2> /dev/null && exit 1; sleep 0.01"
    own = {
        "env": [{"name": "NAME", "value": "me"}],
        "lifecycle": {"postStart": {"exec": {"command": ["sh", "-c", touch]}}},
        "readinessProbe": {"exec": {"command": ["test", "-e", "/v/hook"]}, "periodSeconds": 1},
        "livenessProbe": {"exec": {"command": ["test", "!", "-e", "/v/sick"]}, "periodSeconds": 1},
    }
    own["livenessProbe"]["failureThreshold"] = 1
    await node.create(a_pod("busy", container={**own, **VOLUME}, volumes=a_volume()))
    pod = await node.ready("busy")
    uid, pid, name = (await node.ask(pod, "/read/v/hook")).split()
    assert uid != "0"
    assert int(pid) < 50
    assert name == "me"
    await node.ask(pod, "/write/v/sick")
    await node.wait("busy", lambda p: container(p).get("restartCount"), "it was not restarted")


async def a_failing_hook_restarts(node):
    hook = {"postStart": {"httpGet": {"path": "/", "port": 1}}}
    await node.create(
        a_pod("unhooked", terminationGracePeriodSeconds=1, container={"lifecycle": hook})
    )
    await node.wait("unhooked", lambda p: container(p).get("restartCount"), "it was not restarted")
    assert "FailedPostStartHook" in await reasons(node, "unhooked")


async def a_pod_above_its_memory_is_ended_and_says_so(node):
    """Three processes, each within the limit. One that is above it alone may be told so instead."""
    limits = {"resources": {"limits": {"memory": "64Mi"}}}
    for name, program in (("crowd", CROWD), ("greedy", GREEDY)):
        await node.create(a_pod(name, restartPolicy="Never", container=runs(program, **limits)))
    for name in ("crowd", "greedy"):
        pod = await node.wait(name, lambda p: p["status"].get("phase") == "Failed", "it lives")
        assert not nodes.is_ready(pod)
        ended = container(pod)["state"]["terminated"]
        if name == "crowd" or ended["exitCode"] == 137:
            assert (ended["reason"], ended["exitCode"]) == ("OOMKilled", 137)
            assert "OOMKilling" in await reasons(node, name)


async def a_volume_above_its_size_evicts(node):
    program = "open('/v/x', 'wb').write(b'x' * (4 << 20)); import time; time.sleep(60)"
    await node.create(
        a_pod("fat", container=runs(program, **VOLUME), volumes=a_volume(sizeLimit="1Mi"))
    )
    pod = await node.wait("fat", lambda p: p["status"].get("phase") == "Failed", "not evicted")
    assert pod["status"]["reason"] == "Evicted"
    assert pod["status"]["message"] == 'Usage of EmptyDir volume "v" exceeds the limit "1Mi".'
    assert "Evicted" in await reasons(node, "fat")


async def a_deadline_ends_a_pod(node):
    begun = time.monotonic()
    await node.create(a_pod("late", activeDeadlineSeconds=1))
    pod = await node.wait("late", lambda p: p["status"].get("phase") == "Failed", "still there")
    assert pod["status"]["reason"] == "DeadlineExceeded"
    assert time.monotonic() - begun >= 0.9


async def last_words_are_kept(node):
    program = "open('/dev/termination-log', 'w').write('all is done')"
    await node.create(a_pod("wordy", restartPolicy="Never", container=runs(program)))
    pod = await node.wait("wordy", lambda p: p["status"].get("phase") == "Succeeded", "no end")
    assert container(pod)["state"]["terminated"]["message"] == "all is done"


async def reasons(node, name):
    """Of the events about a pod, once there are any."""
    deadline = time.monotonic() + 10
    found: set[str] = set()
    while time.monotonic() < deadline and not found & {
        "OOMKilling", "Evicted", "FailedPostStartHook",
    }:  # fmt: skip
        events = await node.client.list(gvk.EVENTS, "default")
        found = {e["reason"] for e in events.items if e["involvedObject"]["name"] == name}
        await asyncio.sleep(0.01)
    return found
