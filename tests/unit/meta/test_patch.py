"""The three patch types; expectations of order were recorded from a real API server."""

import pytest

from fission.meta import patch


def containers(*items):
    return {"spec": {"template": {"spec": {"containers": list(items)}}}}


def test_a_merge_patch_deletes_with_null_and_replaces_lists():
    before = {"a": 1, "b": {"c": 1, "d": 2}, "l": [1, 2]}
    assert patch.apply_merge(before, {"a": None, "b": {"c": None}, "l": [3]}) == {
        "b": {"d": 2},
        "l": [3],
    }
    assert before == {"a": 1, "b": {"c": 1, "d": 2}, "l": [1, 2]}


def test_a_json_patch_copies_and_moves():
    operations = [
        {"op": "copy", "from": "/data/a", "path": "/data/copied"},
        {"op": "move", "from": "/data/copied", "path": "/data/moved"},
    ]
    assert patch.apply_json({"data": {"a": "5"}}, operations) == {"data": {"a": "5", "moved": "5"}}


def test_a_json_patch_that_does_not_apply_is_rejected():
    for operation in (
        {"op": "test", "path": "/a", "value": 2},
        {"op": "remove", "path": "/nope"},
        {"op": "replace", "path": "/nope/x", "value": 1},
    ):
        with pytest.raises(patch.PatchRejected):
            patch.apply_json({"a": 1}, [operation])


def test_a_json_patch_that_is_no_list_is_malformed():
    with pytest.raises(patch.PatchError, match="cannot unmarshal object"):
        patch.apply_json({}, {"op": "add"})


def test_containers_merge_by_name_and_new_ones_come_first():
    before = containers({"name": "c1", "image": "i:1"})
    after = patch.apply_strategic(before, containers({"name": "new", "image": "n:1"}))
    assert after == containers({"name": "new", "image": "n:1"}, {"name": "c1", "image": "i:1"})


def test_env_items_can_be_added_and_deleted():
    before = containers({"name": "c1", "env": [{"name": "A", "value": "1"}, {"name": "B"}]})
    change = containers(
        {"name": "c1", "env": [{"name": "Z", "value": "9"}, {"name": "A", "$patch": "delete"}]}
    )
    after = patch.apply_strategic(before, change)
    assert after == containers({"name": "c1", "env": [{"name": "Z", "value": "9"}, {"name": "B"}]})


def test_a_list_can_be_replaced():
    before = containers({"name": "a"}, {"name": "b"})
    after = patch.apply_strategic(before, containers({"$patch": "replace"}, {"name": "c"}))
    assert after == containers({"name": "c"})


def test_the_order_of_elements_can_be_set():
    before = {"spec": {"containers": [{"name": "a"}, {"name": "b"}, {"name": "c"}]}}
    change = {
        "spec": {
            "$setElementOrder/containers": [{"name": "c"}, {"name": "a"}],
            "containers": [{"name": "a", "image": "x"}],
        }
    }
    assert patch.apply_strategic(before, change)["spec"]["containers"] == [
        {"name": "b"},
        {"name": "c"},
        {"name": "a", "image": "x"},
    ]


def test_finalizers_are_a_set():
    before = {"metadata": {"finalizers": ["ex.com/a"]}}
    after = patch.apply_strategic(before, {"metadata": {"finalizers": ["ex.com/b"]}})
    assert after["metadata"]["finalizers"] == ["ex.com/b", "ex.com/a"]
    change = {"metadata": {"$deleteFromPrimitiveList/finalizers": ["ex.com/a"]}}
    assert patch.apply_strategic(after, change)["metadata"]["finalizers"] == ["ex.com/b"]


def test_keys_that_are_not_retained_go():
    before = {"spec": {"strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1}}}}
    change = {"spec": {"strategy": {"$retainKeys": ["type"], "type": "Recreate"}}}
    assert patch.apply_strategic(before, change) == {"spec": {"strategy": {"type": "Recreate"}}}


def test_a_map_can_be_replaced():
    change = {"data": {"$patch": "replace", "only": "1"}}
    assert patch.apply_strategic({"data": {"a": "1"}}, change) == {"data": {"only": "1"}}


def test_a_missing_merge_key_is_an_error():
    with pytest.raises(patch.MissingMergeKey, match=r"map: map\[image:n:1\] does not contain"):
        patch.apply_strategic(containers({"name": "a"}), containers({"image": "n:1"}))


def test_ports_have_different_keys_in_pods_and_services():
    service = {"spec": {"ports": [{"port": 80, "name": "a"}]}}
    after = patch.apply_strategic(service, {"spec": {"ports": [{"port": 80, "targetPort": 1}]}})
    assert after["spec"]["ports"] == [{"port": 80, "name": "a", "targetPort": 1}]


def test_data_keys_that_look_like_fields_are_plain():
    assert patch.core_merge_key(("data", "containers")) is None
