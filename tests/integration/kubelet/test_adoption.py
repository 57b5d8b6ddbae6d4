"""Any process may be killed: kubelet, spawner, container."""

from fission.cluster.supervisor import processes
from tests.integration.kubelet import node as nodes
from tests.integration.kubelet.node import a_pod, container, until


async def test_pods_outlive_their_kubelet_and_are_found_again(node):
    for name in ("stays", "exits", "deleted"):
        await node.create(a_pod(name))
    await node.create(a_pod("platform", "platform"))
    pods = {n: await node.ready(n) for n in ("stays", "exits", "deleted", "platform")}
    before = {name: node.pids(pod)["main"] for name, pod in pods.items()}
    gone = processes.identify(before["deleted"])

    node.kill()
    for number in range(30):
        await node.ask(pods["stays"], f"/say/line-{number}")
    await node.crash(pods["exits"], 9)
    await node.delete("deleted", grace=0)
    node.start()

    pod = await node.wait(
        "exits",
        lambda p: container(p)["restartCount"] == 1 and container(p)["ready"],
        "the exit while nobody watched was lost",
    )
    assert container(pod)["lastState"]["terminated"]["exitCode"] == 9
    for name in ("stays", "platform"):
        pod = await node.ready(name)
        await until(lambda: node.pids(pod).get("main") == before[name], "it is adopted")  # noqa: B023
        assert container(pod)["restartCount"] == 0
        assert pod["status"]["podIP"] == pods[name]["status"]["podIP"]
    text = node.logs(pods["stays"])
    assert [f"line-{n}" for n in range(30)] == [
        line.split()[-1] for line in text.splitlines() if "line-" in line
    ]
    assert processes.wait_exit(gone, 10.0)
    await until(
        lambda: not (node.home / "pods" / pods["deleted"]["metadata"]["uid"]).exists(),
        "the volumes of the deleted pod are removed",
    )
    await node.ask(pods["stays"], "/say/again")
    await until(lambda: "again" in node.logs(pods["stays"]), "output is read again")
    await node.crash(pods["stays"])
    await node.wait(
        "stays",
        lambda p: container(p)["restartCount"] == 1 and container(p)["ready"],
        "an adopted container is not restarted",
    )


async def test_a_kubelet_killed_again_and_again_changes_nothing(node):
    await node.create(a_pod("web"))
    pod = await node.ready("web")
    pid = node.pids(pod)["main"]

    for _ in range(3):
        node.kill()
        node.start()
        await node.ask(pod, "/")
        await until(node.serves, "it serves")

    await until(lambda: node.pids(pod).get("main") == pid, "the container is adopted")
    assert container(await node.ready("web"))["restartCount"] == 0


async def test_a_spawner_that_dies_takes_its_containers_and_all_come_back(node):
    for name in ("one", "two"):
        await node.create(a_pod(name))
    pods = [await node.ready(name) for name in ("one", "two")]
    old = node.spawner("server")

    nodes.kill(old)

    for name in ("one", "two"):
        pod = await node.wait(
            name,
            lambda p: container(p)["restartCount"] == 1 and container(p)["ready"],
            "not restarted",
        )
        assert container(pod)["lastState"]["terminated"]["reason"] == "ContainerStatusUnknown"
    assert node.spawner("server") != old
    assert pods[0]["status"]["podIP"] == (await node.ready("one"))["status"]["podIP"]


async def test_one_process_serves_a_shared_container_of_every_pod(node):
    for name in ("one", "two"):
        await node.create(a_pod(name, "shared"))
    one, two = await node.ready("one"), await node.ready("two")
    pid = (await node.ask(one, "/"))["pid"]
    assert (await node.ask(two, "/"))["pid"] == pid

    nodes.kill(pid)
    assert (await node.ask(one, "/"))["pid"] != pid
    assert (await node.ask(two, "/"))["pid"] == (await node.ask(one, "/"))["pid"]

    again = (await node.ask(one, "/"))["pid"]
    node.kill()
    node.start()
    await node.create(a_pod("three", "shared"))
    three = await node.ready("three")
    assert (await node.ask(three, "/"))["pid"] == again
    assert (await node.ask(one, "/"))["pid"] == again
    for name in ("one", "two", "three"):
        await node.delete(name)
        await node.gone(name)
    log = (node.home / "logs" / "shared" / "shared.log").read_text()
    assert log.count("removed") == 3


async def test_a_shared_container_that_cannot_go_on_says_why_and_is_started_again(node):
    env = [{"name": "FLAG", "value": str(node.home / "failed-once")}]
    await node.create(a_pod("one", "shared", container={"args": ["fail"], "env": env}))
    pod = await node.ready("one")
    state = container(pod)
    assert state["restartCount"] == 1
    ended = state["lastState"]["terminated"]
    assert (ended["exitCode"], ended["reason"]) == (1, "Error")
    assert ended["message"] == "no\ncode"
    (log,) = (node.home / "logs" / "pods").glob("default_one_*/main/0.log")
    assert log.read_text().count(" stderr F ") == 2


async def test_an_image_that_is_to_be_warm_has_its_spawner_without_a_pod(node):
    await until(node.serves, "the kubelet serves")
    node.kill()
    node.start("--warm", "platform", "--warm", "no-such-image")

    def spawner() -> bool:
        return node.serves() and any("sp-platform" in p["name"] for p in node.status()["processes"])

    await until(spawner, "the spawner runs")
