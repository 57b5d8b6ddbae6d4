from fission.cluster.reconcilers.garbagecollector import graph as graphs
from fission.cluster.reconcilers.garbagecollector import reconciler
from fission.kube import actions
from fission.meta import gvk


def an_owner(name, *, blocking=True):
    return graphs.Owner(f"uid-{name}", "v1", "ConfigMap", name, blocking)


def a_node(name, *owners, finalizers=(), deleting=False):
    return graphs.Node(
        gvk.CONFIGMAPS, "default", name, f"uid-{name}", "1", tuple(owners), finalizers, deleting
    )


def a_graph(*nodes):
    graph = graphs.Graph()
    for node in nodes:
        graph.put(node)
    return graph


def test_an_object_whose_owner_went_is_deleted():
    owner, child = a_node("owner"), a_node("child", an_owner("owner"))
    graph = a_graph(owner, child)
    assert graph.judge("uid-child") is None
    assert graph.drop(owner) == ["uid-child"]
    assert graph.judge("uid-child") == graphs.Delete(child, "Background")


def test_an_owner_that_was_never_seen_is_looked_up_before_anything_is_deleted():
    child = a_node("child", an_owner("owner"))
    graph = a_graph(child)
    assert graph.judge("uid-child") == graphs.Verify(child, (an_owner("owner"),))
    graph.gone("uid-owner")
    assert graph.judge("uid-child") == graphs.Delete(child, "Background")


def test_an_object_with_an_owner_left_loses_only_the_reference():
    child = a_node("child", an_owner("a"), an_owner("b"))
    graph = a_graph(a_node("a"), a_node("b"), child)
    graph.drop(a_node("a"))
    assert graph.judge("uid-child") == graphs.DropOwners(child, ("uid-a",))


def test_an_object_without_owners_is_left_alone():
    assert a_graph(a_node("free")).judge("uid-free") is None
    assert graphs.Graph().judge("uid-unknown") is None


def test_a_foreground_deletion_deletes_dependents_first_and_then_lets_go():
    owner = a_node("owner", finalizers=("foregroundDeletion",), deleting=True)
    child = a_node("child", an_owner("owner"))
    grandchild = a_node("grandchild", an_owner("child"))
    graph = a_graph(child, grandchild)
    assert graph.put(owner) == ["uid-owner"]
    assert graph.judge("uid-owner") == graphs.VisitDependents(("uid-child",))
    assert graph.judge("uid-child") == graphs.Delete(child, "Foreground")
    assert graph.judge("uid-grandchild") is None
    going = a_node("child", an_owner("owner"), finalizers=("foregroundDeletion",), deleting=True)
    graph.put(going)
    assert graph.judge("uid-owner") is None
    assert graph.judge("uid-grandchild") == graphs.Delete(grandchild, "Background")
    assert graph.drop(grandchild) == ["uid-child"]
    assert graph.judge("uid-child") == graphs.DropFinalizer(going, "foregroundDeletion")
    assert graph.drop(going) == ["uid-owner"]
    assert graph.judge("uid-owner") == graphs.DropFinalizer(owner, "foregroundDeletion")


def test_only_blocking_dependents_hold_a_foreground_deletion():
    owner = a_node("owner", finalizers=("foregroundDeletion",), deleting=True)
    graph = a_graph(owner, a_node("child", an_owner("owner", blocking=False)))
    assert graph.judge("uid-owner") == graphs.DropFinalizer(owner, "foregroundDeletion")


def test_orphaning_strips_the_dependents_and_then_lets_go():
    owner = a_node("owner", finalizers=("orphan",), deleting=True)
    child = a_node("child", an_owner("owner"))
    graph = a_graph(owner, child)
    assert graph.judge("uid-owner") == graphs.Orphan(owner, (child,))
    assert graph.judge("uid-child") is None
    assert graph.put(a_node("child")) == ["uid-child", "uid-owner"]
    assert graph.judge("uid-owner") == graphs.DropFinalizer(owner, "orphan")


def test_a_released_dependent_lets_a_waiting_owner_be_judged_again():
    owner = a_node("owner", finalizers=("foregroundDeletion",), deleting=True)
    graph = a_graph(owner, a_node("child", an_owner("owner")))
    assert graph.put(a_node("child")) == ["uid-child", "uid-owner"]


def test_a_change_that_touches_no_tie_judges_nobody():
    graph = a_graph(a_node("owner"), a_node("child", an_owner("owner")))
    assert graph.put(a_node("child", an_owner("owner"))) == []


def test_the_memory_of_deletions_is_bounded():
    graph = graphs.Graph()
    for number in range(graphs.MAX_GONE + 5):
        graph.gone(str(number))
    graph.put(a_node("child", graphs.Owner("0", "v1", "ConfigMap", "o", True)))
    assert isinstance(graph.judge("uid-child"), graphs.Verify)


def test_verdicts_become_writes_that_name_what_was_seen():
    node = a_node("child", an_owner("a"), an_owner("b"), finalizers=("x", "orphan"))
    assert reconciler.make_write(graphs.Delete(node, "Background")) == actions.Delete(
        gvk.CONFIGMAPS,
        "default",
        "child",
        uid="uid-child",
        resource_version="1",
        propagation="Background",
    )
    assert reconciler.make_write(graphs.DropFinalizer(node, "orphan")) == actions.Patch(
        gvk.CONFIGMAPS,
        "default",
        "child",
        {"metadata": {"uid": "uid-child", "resourceVersion": "1", "finalizers": ["x"]}},
    )
    assert reconciler.make_write(graphs.DropOwners(node, ("uid-b",))) == actions.Patch(
        gvk.CONFIGMAPS,
        "default",
        "child",
        [
            {"op": "test", "path": "/metadata/ownerReferences/1/uid", "value": "uid-b"},
            {"op": "remove", "path": "/metadata/ownerReferences/1"},
        ],
        kind="json",
    )


def test_a_node_keeps_what_matters_of_an_object():
    node = graphs.make_node(
        gvk.CONFIGMAPS,
        {
            "metadata": {
                "name": "c",
                "namespace": "default",
                "uid": "u",
                "resourceVersion": "7",
                "deletionTimestamp": "2026-01-01T00:00:00Z",
                "finalizers": ["f"],
                "ownerReferences": [
                    {"apiVersion": "v1", "kind": "ConfigMap", "name": "o", "uid": "uo"}
                ],
            },
            "data": {"large": "x" * 1000},
        },
    )
    owner = graphs.Owner("uo", "v1", "ConfigMap", "o", False)
    assert node == graphs.Node(gvk.CONFIGMAPS, "default", "c", "u", "7", (owner,), ("f",), True)
