import json

import pytest

from fission.kube import lister


def a_pod(name, namespace="default", node=""):
    return {"metadata": {"name": name, "namespace": namespace}, "spec": {"nodeName": node}}


def a_store(*pods):
    store = lister.Store()
    store.add_index("node", lambda pod: [pod["spec"]["nodeName"]])
    for pod in pods:
        store.put(lister.key_of(pod), pod)
    return store


def test_objects_are_found_by_name_by_namespace_and_by_index():
    one, two, three = a_pod("a", node="n1"), a_pod("b", node="n2"), a_pod("a", "other", "n1")
    store = a_store(one, two, three)
    assert store.get("default", "a") is one
    assert store.get("default", "none") is None
    assert store.list("other") == [three]
    assert len(store.list()) == len(store) == 3
    assert store.by_index("node", "n1") == [one, three]
    assert store.by_index("node", "n9") == []


def test_an_index_follows_changes_and_deletions():
    store = a_store(a_pod("a", node="n1"))
    changed = a_pod("a", node="n2")
    store.put(("default", "a"), changed)
    assert store.by_index("node", "n1") == []
    assert store.by_index("node", "n2") == [changed]
    assert store.drop(("default", "a")) == changed
    assert store.by_index("node", "n2") == []
    assert list(store.index_values("node")) == []
    assert store.drop(("default", "a")) is None


def test_an_index_added_late_knows_what_is_there():
    store = a_store(a_pod("a"))
    store.add_index("name", lambda pod: [pod["metadata"]["name"]])
    assert len(store.by_index("name", "a")) == 1
    with pytest.raises(ValueError, match="exists already"):
        store.add_index("name", lambda pod: [])


def test_cluster_wide_objects_have_no_namespace():
    store = lister.Store()
    node = {"metadata": {"name": "n1"}}
    store.put(lister.key_of(node), node)
    assert store.get(None, "n1") is node
    assert store.get("", "n1") is node


def test_a_packed_store_keeps_text_and_finds_objects_by_it():
    store = lister.Store(json.loads)
    for name, node in (("a", "n1"), ("b", "n1"), ("c", "n2")):
        pod = a_pod(name, node=node)
        store.put(("default", name), pod, json.dumps(pod))
    store.add_index("node", lambda pod: [pod["spec"]["nodeName"]])
    assert store.get("default", "a") == a_pod("a", node="n1")
    assert store.get("default", "z") is None
    assert [each["metadata"]["name"] for each in store.by_index("node", "n1")] == ["a", "b"]
    assert store.keys_by_index("node", "n1") == [("default", "a"), ("default", "b")]
    moved = a_pod("a", node="n2")
    assert store.put(("default", "a"), moved, json.dumps(moved)) == a_pod("a", node="n1")
    assert store.keys_by_index("node", "n1") == [("default", "b")]
    assert store.keys_by_index("node", "n2") == [("default", "c"), ("default", "a")]
    assert store.drop(("default", "b")) == a_pod("b", node="n1")
    assert list(store.index_values("node")) == ["n2"]
    assert len(store.list()) == 2
