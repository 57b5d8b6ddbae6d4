import json

import pytest

from fission.kubewatcher import plan
from fission.meta import gvk


def an_object(name="a", uid="u1", version="5", **rest):
    metadata = {"name": name, "namespace": "default", "uid": uid, "resourceVersion": version}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, **rest}


def listed(*args):
    return plan.make_event(plan.ADDED, an_object(*args))


def told(events):
    return [(event.type, event.name, event.seen.uid) for event in events]


@pytest.mark.parametrize(
    ("known", "expected"),
    [
        ({}, [("ADDED", "a", "u1")]),
        ({"a": plan.Seen("u1", "5")}, []),
        ({"a": plan.Seen("u1", "4")}, [("MODIFIED", "a", "u1")]),
        ({"a": plan.Seen("u0", "4")}, [("DELETED", "a", "u0"), ("ADDED", "a", "u1")]),
    ],
)
def test_a_listed_object_is_told_by_what_was_told_before(known, expected):
    assert told(plan.differences(known, listed(), gvk.PODS, "default")) == expected


def test_what_is_known_and_not_listed_is_gone_and_shown_as_it_is_remembered():
    known = {"a": plan.Seen("u1", "5"), "b": plan.Seen("u2", "6")}

    (event,) = plan.vanished(known, frozenset("b"), gvk.PODS, "default")

    assert (event.type, event.is_partial) == ("DELETED", True)
    assert json.loads(event.body) == {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "a", "namespace": "default", "uid": "u1"},
    }


def test_a_state_that_was_told_is_no_news_and_a_deletion_always_is():
    known = {"a": plan.Seen("u1", "5")}

    assert not plan.is_news(known, plan.make_event("MODIFIED", an_object()))
    assert plan.is_news(known, plan.make_event("MODIFIED", an_object(version="6")))
    assert plan.is_news(known, plan.make_event("ADDED", an_object(uid="u2")))
    assert plan.is_news({}, plan.make_event("DELETED", an_object()))


def test_what_was_told_is_remembered_until_that_object_is_deleted():
    known = {}
    plan.note(known, plan.make_event("ADDED", an_object()))
    plan.note(known, plan.make_event("DELETED", an_object(uid="u0")))
    assert known == {"a": plan.Seen("u1", "5")}

    plan.note(known, plan.make_event("DELETED", an_object(version="9")))

    assert known == {}


@pytest.mark.parametrize(
    ("version", "position", "expected"),
    [("5", "5", True), ("5", "10", True), ("11", "10", False), ("abc", "10", False)],
)
def test_an_old_state_is_told_by_its_number(version, position, expected):
    assert plan.is_told(listed("a", "u1", version), position) is expected


def test_of_our_own_triggers_only_the_spec_counts():
    trigger = an_object() | {"kind": "KubernetesWatchTrigger"}
    trigger["metadata"]["generation"] = 3

    assert plan.version_of(trigger) == "generation 3"
    assert plan.version_of(an_object()) == "5"


def test_what_changes_because_events_are_delivered_is_our_own():
    journal = an_object()
    journal["metadata"]["labels"] = {"fission.io/watch-journal": "t"}
    event = an_object() | {"kind": "Event", "source": {"component": "kubewatcher"}}

    assert plan.is_own(journal)
    assert plan.is_own(event)
    assert not plan.is_own(event | {"source": {"component": "router"}})
    assert not plan.is_own(an_object())


def test_a_body_is_indented_and_keeps_letters_as_they_are():
    event = plan.make_event("ADDED", an_object(data={"text": "größer"}))

    assert event.body.startswith(b'{\n    "apiVersion": "v1",\n')
    assert "größer".encode() in event.body
