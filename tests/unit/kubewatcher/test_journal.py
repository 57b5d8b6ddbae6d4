import random

import pytest

from fission.kubewatcher import journal, plan
from fission.meta import gvk

IDENTITY = "pods?app=web"


def a_config_map(content, **limits):
    return {"metadata": {"name": "j"}, **journal.encode(content, **limits)}


def test_a_journal_is_read_as_it_was_written():
    known = {"a": plan.Seen("u1", "5"), "ö": plan.Seen("u2", "7")}
    content = journal.Content(IDENTITY, "9", known)

    written = a_config_map(content)

    assert written["data"] == {
        "watched": IDENTITY,
        "resourceVersion": "9",
        "complete": "true",
        "objects": "2",
    }
    assert journal.decode(written, IDENTITY) == content


def test_a_journal_of_another_resource_or_selector_says_nothing():
    written = a_config_map(journal.Content(IDENTITY, "9"))

    assert journal.decode(written, journal.identity_of(gvk.PODS, "app=db")) is None
    assert journal.identity_of(gvk.DEPLOYMENTS, "") == "deployments.apps?"


def many(count):
    draw = random.Random(1)
    return {
        f"web-{draw.getrandbits(40):x}": plan.Seen(f"{draw.getrandbits(128):x}", str(number))
        for number in range(count)
    }


def test_more_objects_than_fit_are_left_out_and_the_journal_says_so():
    written = a_config_map(journal.Content(IDENTITY, "9", many(100)), most_bytes=1000)

    assert written["binaryData"] == {}
    assert journal.decode(written, IDENTITY) == journal.Content(
        IDENTITY, "9", {}, is_complete=False
    )


def test_an_object_takes_some_thirty_bytes():
    written = a_config_map(journal.Content(IDENTITY, "9", many(2000)))

    assert len(written["binaryData"]["objects.json.zlib"]) * 3 / 4 / 2000 < 36


@pytest.mark.parametrize(
    "damage",
    [{}, {"objects.json.zlib": "?"}, {"objects.json.zlib": "bm9uc2Vuc2U="}],
)
def test_of_a_damaged_journal_the_position_is_kept(damage):
    written = a_config_map(journal.Content(IDENTITY, "9", {"a": plan.Seen("u", "1")}))
    written["binaryData"] = damage

    assert journal.decode(written, IDENTITY) == journal.Content(
        IDENTITY, "9", {}, is_complete=False
    )
