"""What happens to pods on a node that works."""

import socket

from fission.meta import gvk
from tests.integration.kubelet import node as nodes
from tests.integration.kubelet.node import a_pod, container, until, waiting_reason


async def test_a_pod_runs_answers_logs_and_ends(node):
    await node.create(a_pod("web", container={"args": ["a", "pod"]}))

    pod = await node.ready("web")
    assert pod["status"]["phase"] == "Running"
    assert (await node.ask(pod, "/env"))["IMAGE"] == "yes"
    await node.ask(pod, "/say/something")
    await until(lambda: "something" in node.logs(pod), "the line is in the log at once")
    assert node.logs(pod).splitlines()[0].endswith(" stdout F hello from a pod")
    await node.delete("web")
    await node.gone("web")
    assert not (node.home / "pods" / pod["metadata"]["uid"]).exists()
    found = await node.client.get(gvk.NODES, nodes.NODE)
    assert any(
        c["type"] == "Ready" and c["status"] == "True" for c in found["status"]["conditions"]
    )


async def test_a_crash_is_followed_by_a_restart_and_then_by_a_back_off(node):
    await node.create(a_pod("web"))
    pod = await node.ready("web")

    await node.crash(pod, 3)
    pod = await node.wait(
        "web",
        lambda p: container(p)["restartCount"] == 1 and container(p)["ready"],
        "the container did not restart",
    )
    assert container(pod)["lastState"]["terminated"]["exitCode"] == 3
    assert "hello" in node.logs(pod, attempt=1)

    await node.crash(pod, 4)
    pod = await node.wait(
        "web", lambda p: waiting_reason(p) == "CrashLoopBackOff", "no back-off was shown"
    )
    assert not nodes.is_ready(pod)
    # A function pod that is dead refuses: nobody keeps a copy of its socket.
    with socket.socket() as sock:
        assert sock.connect_ex((pod["status"]["podIP"], 8888)) != 0
    pod = await node.wait("web", nodes.is_ready, "no restart after the back-off")
    assert container(pod)["restartCount"] == 2


async def test_the_last_words_of_a_container_that_fails_can_be_its_termination_message(node):
    asked = {"terminationMessagePolicy": "FallbackToLogsOnError"}
    await node.create(a_pod("web", container=asked))
    pod = await node.ready("web")
    await node.ask(pod, "/say/something%20is%20wrong")

    await node.crash(pod, 3)
    pod = await node.wait("web", lambda p: container(p)["restartCount"] == 1, "no restart")

    assert "something" in container(pod)["lastState"]["terminated"]["message"]


async def test_a_platform_pod_that_dies_refuses_nobody(node):
    await node.create(a_pod("router", "platform"))
    pod = await node.ready("router")
    before = (await node.ask(pod, "/"))["pid"]

    await node.crash(pod)

    assert (await node.ask(pod, "/"))["pid"] != before


async def test_pods_that_finish(node):
    for name, code in (("good", "0"), ("bad", "7")):
        await node.create(a_pod(name, restartPolicy="Never", container={"args": ["exit", code]}))

    good = await node.wait("good", lambda p: p["status"].get("phase") == "Succeeded", "not done")
    bad = await node.wait("bad", lambda p: p["status"].get("phase") == "Failed", "not failed")

    assert container(good)["state"]["terminated"]["reason"] == "Completed"
    assert container(bad)["state"]["terminated"]["exitCode"] == 7
    assert "hello from exit 7" in node.logs(bad)


async def test_init_containers_run_first(node):
    init = {"name": "first", "image": "server", "args": ["exit", "0"]}
    await node.create(a_pod("web", initContainers=[init]))

    pod = await node.ready("web")

    [status] = pod["status"]["initContainerStatuses"]
    assert status["state"]["terminated"]["exitCode"] == 0
    assert "hello from exit 0" in node.logs(pod, container="first")


async def test_a_pod_that_ignores_sigterm_is_killed_after_its_grace(node):
    pod = a_pod("deaf", container={"command": ["/bin/sh", "-c", "trap '' TERM; sleep 60"]})
    del pod["spec"]["containers"][0]["readinessProbe"]
    pod["spec"]["terminationGracePeriodSeconds"] = 1
    await node.create(pod)
    await node.ready("deaf")

    await node.delete("deaf")

    await node.gone("deaf")


async def test_an_unknown_image_is_named_with_those_that_exist(node):
    await node.create(a_pod("lost", "registry.example/none:1"))

    pod = await node.wait("lost", waiting_reason, "no reason was given")

    waiting = container(pod)["state"]["waiting"]
    assert waiting["reason"] == "ErrImageNeverPull"
    assert "Known are: needy, platform, server, shared" in waiting["message"]


async def test_an_image_whose_needs_are_missing_names_what_to_install(node):
    await node.create(a_pod("needy", "needy"))

    pod = await node.wait("needy", waiting_reason, "no reason was given")

    assert container(pod)["state"]["waiting"] == {
        "reason": "ImageNeedsUnmet",
        "message": "image needy needs no-such-program on this machine: y",
    }
    ready = next(c for c in pod["status"]["conditions"] if c["type"] == "Ready")
    assert ready["message"].endswith("main: image needy needs no-such-program on this machine: y")


async def test_what_the_node_never_gives_is_refused_by_name(node):
    await node.create(a_pod("wide", hostNetwork=True))

    pod = await node.wait("wide", lambda p: p["status"].get("phase") == "Failed", "not refused")

    assert pod["status"]["message"] == "spec.hostNetwork is not supported by this node"


async def test_a_failing_liveness_probe_restarts_the_container(node):
    probe = {"httpGet": {"path": "/nope", "port": 1}, "periodSeconds": 1, "failureThreshold": 1}
    await node.create(a_pod("sick", container={"livenessProbe": probe}))

    await node.wait("sick", lambda p: container(p).get("restartCount", 0) >= 1, "no restart")


async def test_a_port_of_a_stranger_is_remapped(node):
    with socket.socket() as stranger:
        stranger.bind(("0.0.0.0", 0))
        stranger.listen()
        port = stranger.getsockname()[1]
        ports = [{"name": "http", "containerPort": port}]
        await node.create(a_pod("web", container={"ports": ports}))

        pod = await node.ready("web")

        annotation = pod["metadata"]["annotations"]["kubelet/port-map"]
        real = __import__("json").loads(annotation)[str(port)]
        env = await node.ask(pod, "/env", port=real)
        assert env["POD_PORTS"] == annotation


async def test_two_pods_have_the_same_port_on_different_addresses(node):
    for name in ("one", "two"):
        await node.create(a_pod(name))

    one, two = await node.ready("one"), await node.ready("two")

    assert one["status"]["podIP"] != two["status"]["podIP"]
    assert node.pids(one) != node.pids(two)
