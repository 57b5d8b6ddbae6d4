"""Server-side apply as pure functions: sets, merges, conflicts, removal."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fission.cluster.apiserver.ownership import fieldsets, listtypes, managers
from fission.meta import status

SHAPE = listtypes.core_shape


def author(name):
    return managers.Author(name, "v1", "2026-01-01T00:00:00Z")


def apply(entries, name, live, intent, force=False):
    return managers.apply(entries, author(name), live, intent, SHAPE, force=force)


def fields(entries):
    return {e["manager"]: e["fieldsV1"] for e in managers.write(entries)}


def test_the_first_intent_owns_its_leaves():
    applied = apply([], "m1", {}, {"data": {"a": "1", "b": "1"}})
    assert applied.value == {"data": {"a": "1", "b": "1"}}
    assert fields(applied.entries) == {"m1": {"f:data": {"f:a": {}, "f:b": {}}}}


def test_another_value_is_a_conflict_that_names_field_and_owner():
    first = apply([], "m1", {}, {"data": {"a": "1", "b": "1"}})
    with pytest.raises(status.Conflict) as caught:
        apply(first.entries, "m2", first.value, {"data": {"a": "2", "b": "2"}})
    assert caught.value.message == (
        'Apply failed with 2 conflicts: conflicts with "m1":\n- .data.a\n- .data.b'
    )
    assert [c.field for c in caught.value.causes] == [".data.a", ".data.b"]


def test_force_takes_the_field_from_its_owner():
    first = apply([], "m1", {}, {"data": {"a": "1", "b": "1"}})
    forced = apply(first.entries, "m2", first.value, {"data": {"a": "2"}}, force=True)
    assert forced.value == {"data": {"a": "2", "b": "1"}}
    assert fields(forced.entries) == {
        "m1": {"f:data": {"f:b": {}}},
        "m2": {"f:data": {"f:a": {}}},
    }


def test_the_same_value_is_shared_and_survives_the_first_owner():
    first = apply([], "m1", {}, {"data": {"a": "1"}})
    shared = apply(first.entries, "m2", first.value, {"data": {"a": "1"}})
    left = apply(shared.entries, "m1", shared.value, {"data": {"b": "1"}})
    assert left.value == {"data": {"a": "1", "b": "1"}}


def test_a_field_dropped_from_the_intent_goes():
    first = apply([], "m1", {}, {"data": {"a": "1", "b": "1"}})
    second = apply(first.entries, "m1", first.value, {"data": {"b": "1"}})
    assert second.value == {"data": {"b": "1"}}
    emptied = apply(second.entries, "m1", second.value, {})
    assert emptied.value == {}


def test_items_of_keyed_lists_are_owned_one_by_one():
    def pod(*containers):
        return {"spec": {"containers": list(containers)}}

    live = pod({"name": "c1", "image": "i", "env": [{"name": "A", "value": "1"}]})
    intent = pod({"name": "c1", "env": [{"name": "C", "value": "3"}]}, {"name": "c2"})
    applied = apply([], "m5", live, intent)
    first = applied.value["spec"]["containers"][0]
    assert [e["name"] for e in first["env"]] == ["A", "C"]
    owned = fields(applied.entries)["m5"]["f:spec"]["f:containers"]
    assert owned['k:{"name":"c1"}'] == {
        ".": {},
        "f:env": {'k:{"name":"C"}': {".": {}, "f:name": {}, "f:value": {}}},
        "f:name": {},
    }
    again = apply(applied.entries, "m5", applied.value, pod({"name": "c1"}))
    assert [c["name"] for c in again.value["spec"]["containers"]] == ["c1"]
    assert [e["name"] for e in again.value["spec"]["containers"][0]["env"]] == ["A"]


def test_an_update_takes_what_it_changes():
    first = apply([], "m1", {}, {"data": {"a": "1", "b": "1"}})
    new = {"data": {"a": "9", "b": "1"}}
    entries = managers.after_update(first.entries, author("upd"), first.value, new, SHAPE)
    assert fields(entries) == {"m1": {"f:data": {"f:b": {}}}, "upd": {"f:data": {"f:a": {}}}}
    assert managers.after_update(entries, author("x"), new, new, SHAPE) is entries


def test_what_stood_there_belongs_to_before_first_apply():
    with pytest.raises(status.Conflict, match='conflict with "before-first-apply" using v1'):
        apply([], "m1", {"data": {"a": "9"}}, {"data": {"a": "1"}})


def test_a_schema_says_which_lists_are_maps():
    schema = {
        "properties": {
            "spec": {
                "properties": {
                    "ports": {
                        "x-kubernetes-list-type": "map",
                        "x-kubernetes-list-map-keys": ["name"],
                        "items": {"properties": {"tags": {"x-kubernetes-list-type": "set"}}},
                    }
                }
            }
        }
    }
    shape = listtypes.schema_shape(schema)
    assert shape(("spec", "ports"), []).keys == ("name",)
    assert shape(("spec", "ports", "tags"), []).is_set
    assert shape(("spec", "other"), []).atomic
    assert shape(("metadata", "finalizers"), []).is_set


SCALARS = st.one_of(st.integers(0, 3), st.text("ab", max_size=2))
OBJECTS = st.recursive(
    SCALARS, lambda inner: st.dictionaries(st.sampled_from("abc"), inner, max_size=3), max_leaves=8
)
ROOTS = st.dictionaries(st.sampled_from(["data", "spec"]), OBJECTS, max_size=2)


@given(ROOTS, ROOTS)
def test_a_forced_intent_is_always_fulfilled(live, intent):
    applied = apply([], "m", live, intent, force=True)
    assert fieldsets.merge(applied.value, intent, SHAPE) == applied.value
    again = apply(applied.entries, "m", applied.value, intent)
    assert again.value == applied.value


@given(ROOTS)
def test_fields_v1_survive_the_wire(obj):
    paths = frozenset(fieldsets.paths_of(obj, SHAPE, inner=True))
    assert frozenset(fieldsets.from_fields_v1(fieldsets.to_fields_v1(paths))) == paths
