import pytest

from fission.cluster.scheduler import binder, facts, fit


def a_pod(name="p", *, cpu=None, memory=None, node="", **more):
    requests = {key: value for key, value in (("cpu", cpu), ("memory", memory)) if value}
    spec = {
        "containers": [{"name": "c", "resources": {"requests": requests}}],
        **more.pop("spec", {}),
    }
    if node:
        spec["nodeName"] = node
    metadata = {"name": name, "namespace": "default", "uid": f"uid-{name}", "resourceVersion": "1"}
    status = {"phase": "Pending"}
    return facts.pod_facts(
        {"metadata": {**metadata, **more.pop("metadata", {})}, "spec": spec, "status": status}
        | more
    )


def a_node(name="n1", *, ready=True, cpu="2", memory="1Gi", pods="10", **spec):
    return facts.node_facts(
        {
            "metadata": {"name": name, "labels": {"disk": "ssd"}},
            "spec": spec,
            "status": {
                "allocatable": {"cpu": cpu, "memory": memory, "pods": pods},
                "conditions": [{"type": "Ready", "status": "True" if ready else "False"}],
            },
        }
    )


def chosen(pod, *nodes, used=()):
    usage = fit.Usage()
    for other in used:
        usage.count(other, other.node)
    return fit.choose(pod, nodes, usage)


def test_a_pod_goes_to_the_node_that_it_fits_on():
    node = a_node()
    assert chosen(a_pod(cpu="500m", memory="64Mi"), node) is node


def test_without_nodes_the_reason_is_that():
    assert chosen(a_pod()) == fit.Unschedulable("no nodes available to schedule pods")


@pytest.mark.parametrize(
    ("pod", "node", "message"),
    [
        (a_pod(cpu="3"), a_node(), "1 Insufficient cpu"),
        (a_pod(cpu="3", memory="2Gi"), a_node(), "1 Insufficient cpu, 1 Insufficient memory"),
        (a_pod(), a_node(pods="0"), "1 Too many pods"),
        (a_pod(), a_node(ready=False), "1 node(s) were not ready"),
        (a_pod(), a_node(unschedulable=True), "1 node(s) were unschedulable"),
        (
            a_pod(spec={"nodeSelector": {"disk": "hdd"}}),
            a_node(),
            "1 node(s) didn't match Pod's node affinity/selector",
        ),
        (
            a_pod(),
            a_node(taints=[{"key": "gpu", "value": "yes", "effect": "NoSchedule"}]),
            "1 node(s) had untolerated taint {gpu: yes}",
        ),
        (
            a_pod(
                spec={
                    "containers": [{"name": "c", "resources": {"limits": {"nvidia.com/gpu": "1"}}}]
                }
            ),
            a_node(),
            "1 Insufficient nvidia.com/gpu",
        ),
    ],
)
def test_the_message_says_why_a_node_does_not_do(pod, node, message):
    assert chosen(pod, node) == fit.Unschedulable(f"0/1 nodes are available: {message}.")


def test_pods_on_a_node_use_it_up_and_ended_ones_do_not():
    running = a_pod("a", cpu="1500m", node="n1")
    assert isinstance(chosen(a_pod(cpu="1"), a_node(), used=[running]), fit.Unschedulable)
    ended = a_pod("a", cpu="1500m", node="n1", status={"phase": "Succeeded"})
    assert isinstance(chosen(a_pod(cpu="1"), a_node(), used=[ended]), facts.Node)


def test_usage_is_given_back_and_never_counted_twice():
    usage = fit.Usage()
    pod = a_pod("a", cpu="1", node="n1")
    usage.count(pod, "n1")
    usage.count(pod, "n1")
    assert usage.of("n1")["cpu"] == 1000
    usage.forget("uid-a")
    usage.forget("uid-a")
    assert usage.of("n1")["cpu"] == 0
    assert usage.node_of("uid-a") == ""


@pytest.mark.parametrize(
    "toleration",
    [
        {"operator": "Exists"},
        {"key": "gpu", "operator": "Exists", "effect": "NoSchedule"},
        {"key": "gpu", "value": "yes"},
    ],
)
def test_a_tolerated_taint_is_no_obstacle(toleration):
    node = a_node(taints=[{"key": "gpu", "value": "yes", "effect": "NoSchedule"}])
    assert chosen(a_pod(spec={"tolerations": [toleration]}), node) is node


def test_the_emptier_node_is_taken():
    full, empty = a_node("n1"), a_node("n2")
    assert chosen(a_pod(), full, empty, used=[a_pod("a", node="n1")]) is empty


@pytest.mark.parametrize(
    "more",
    [
        {"node": "n1"},
        {"status": {"phase": "Failed"}},
        {"metadata": {"deletionTimestamp": "2026-01-01T00:00:00Z"}},
        {"spec": {"schedulerName": "another"}},
        {"spec": {"schedulingGates": [{"name": "wait"}]}},
    ],
    ids=["bound", "ended", "deleting", "another scheduler's", "gated"],
)
def test_pods_that_are_not_waiting_for_us(more):
    assert a_pod().waiting
    assert not a_pod(**more).waiting


def test_requests_are_the_larger_of_containers_and_init_containers():
    def a_container(cpu, **more):
        return {"name": "c", "resources": {"requests": {"cpu": cpu}}, **more}

    pod = a_pod(
        spec={
            "containers": [a_container("200m"), a_container("300m")],
            "initContainers": [a_container("2"), a_container("100m", restartPolicy="Always")],
        }
    )
    assert pod.requests == {"cpu": 2000, "pods": 1000}


def test_a_binding_names_the_pod_that_was_seen():
    assert binder.make_binding(a_pod(), "n1") == {
        "apiVersion": "v1",
        "kind": "Binding",
        "metadata": {"name": "p", "namespace": "default", "uid": "uid-p"},
        "target": {"apiVersion": "v1", "kind": "Node", "name": "n1"},
    }
