import pytest
from hypothesis import given
from hypothesis import strategies as st

from fission.kube import informer
from fission.meta import watch


def an_object(name, version="1", uid=None, **more):
    metadata = {"name": name, "namespace": "default", "uid": uid or f"uid-{name}"}
    return {"metadata": {**metadata, "resourceVersion": version}, **more}


def a_mirror(decode=lambda obj: obj):
    mirror = informer.Mirror(decode)
    told = []
    mirror.add_handler(lambda old, new: told.append((old, new)))
    return mirror, told


def show_list(mirror, items):
    mirror.replace([mirror.keep(item) for item in items])


def test_a_list_is_told_as_what_appeared():
    mirror, told = a_mirror()
    one, two = an_object("a"), an_object("b")
    assert not mirror.synced
    show_list(mirror, [one, two])
    assert mirror.synced
    assert told == [(None, one), (None, two)]
    assert mirror.store.get("default", "a") is one


def test_a_packed_mirror_keeps_no_bookkeeping():
    mirror = informer.Mirror(lambda obj: obj, packed=True)
    told = []
    mirror.add_handler(lambda old, new: told.append((old, new)))
    first, second = an_object("a", spec={"size": 1}), an_object("a", "2", spec={"size": 2})
    notes = {informer.LAST_APPLIED: "{}", "mine": "kept"}
    written = {**first["metadata"], "managedFields": [{"manager": "kubectl"}], "annotations": notes}
    show_list(mirror, [{**first, "metadata": written}])
    bare = {**first, "metadata": {**first["metadata"], "annotations": {"mine": "kept"}}}
    assert mirror.store.get("default", "a") == bare
    mirror.apply(watch.WatchEvent("MODIFIED", second))
    assert told[1] == (bare, second)
    assert mirror.store.list() == [second]


def test_changes_are_told_with_what_was_before():
    mirror, told = a_mirror()
    one, changed = an_object("a"), an_object("a", "2")
    mirror.apply(watch.WatchEvent("ADDED", one))
    mirror.apply(watch.WatchEvent("MODIFIED", changed))
    mirror.apply(watch.WatchEvent("DELETED", an_object("a", "3")))
    assert told == [(None, one), (one, changed), (changed, None)]
    assert mirror.store.list() == []


def test_what_is_known_already_is_not_told_again():
    mirror, told = a_mirror()
    show_list(mirror, [an_object("a")])
    show_list(mirror, [an_object("a")])
    mirror.apply(watch.WatchEvent("MODIFIED", an_object("a")))
    assert len(told) == 1


def test_a_relist_tells_only_the_differences():
    mirror, told = a_mirror()
    gone, changes, stays = an_object("gone"), an_object("changes"), an_object("stays")
    show_list(mirror, [gone, changes, stays])
    told.clear()
    changed, came = an_object("changes", "5"), an_object("came")
    show_list(mirror, [changed, stays, came])
    assert told == [(gone, None), (changes, changed), (None, came)]


def test_an_object_made_anew_under_its_name_is_two_changes():
    mirror, told = a_mirror()
    old, new = an_object("a", uid="first"), an_object("a", "9", uid="second")
    show_list(mirror, [old])
    show_list(mirror, [new])
    assert told == [(None, old), (old, None), (None, new)]


def test_a_handler_that_fails_keeps_nobody_else_from_hearing(caplog):
    mirror = informer.Mirror(lambda obj: obj)
    told = []

    def fail(old, new):
        raise RuntimeError("broken handler")

    mirror.add_handler(fail)
    mirror.add_handler(lambda old, new: told.append(new))
    show_list(mirror, [an_object("a")])
    assert len(told) == 1
    assert "informer handler failed" in caplog.text


def test_a_handler_added_late_hears_of_what_is_known():
    mirror, _ = a_mirror()
    one = an_object("a")
    show_list(mirror, [one])
    told = []
    mirror.add_handler(lambda old, new: told.append((old, new)))
    assert told == [(None, one)]


def test_an_object_that_cannot_be_decoded_counts_as_absent(caplog):
    def decode(obj):
        if obj.get("bad"):
            raise ValueError("spec.x must be a number")
        return obj

    mirror, told = a_mirror(decode)
    good = an_object("a")
    show_list(mirror, [good, an_object("b", bad=True)])
    mirror.apply(watch.WatchEvent("MODIFIED", an_object("a", "2", bad=True)))
    assert told == [(None, good), (good, None)]
    assert "spec.x must be a number" in caplog.text
    healed = an_object("a", "3")
    mirror.apply(watch.WatchEvent("MODIFIED", healed))
    assert told[-1] == (None, healed)


def test_handlers_find_the_new_state_in_the_store():
    mirror = informer.Mirror(lambda obj: obj)
    seen = []
    mirror.add_handler(lambda old, new: seen.append(mirror.store.get("default", "a")))
    one = an_object("a")
    show_list(mirror, [one])
    mirror.apply(watch.WatchEvent("DELETED", one))
    assert seen == [one, None]


STATES = st.lists(
    st.dictionaries(st.sampled_from("abc"), st.tuples(st.integers(1, 2), st.integers(1, 3))),
    max_size=6,
)


@given(STATES)
def test_what_handlers_hear_adds_up_to_every_state(states):
    mirror, told = a_mirror()
    replica = {}
    for state in states:
        show_list(
            mirror,
            [an_object(name, str(version), uid=f"{uid}") for name, (uid, version) in state.items()],
        )
        for old, new in told:
            name = (old or new)["metadata"]["name"]
            assert replica.get(name) == old
            replica[name] = new
        told.clear()
        current = {name: obj for name, obj in replica.items() if obj is not None}
        assert current == {obj["metadata"]["name"]: obj for obj in mirror.store.list()}
        assert current.keys() == state.keys()


@pytest.mark.parametrize("type_", ["BOOKMARK", "ERROR"])
def test_other_events_change_nothing(type_):
    mirror, told = a_mirror()
    mirror.apply(watch.WatchEvent(type_, an_object("a")))
    assert told == []
