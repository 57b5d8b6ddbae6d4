import types

import pytest

from fission.cli import errors, flagvalues
from fission.meta import objectmeta


def test_labels_and_annotations():
    assert flagvalues.parse_labels("a=1, b=x=y") == {"a": "1", "b": "x=y"}
    assert flagvalues.parse_annotations(["a=1,2", "b="]) == {"a": "1,2", "b": ""}


@pytest.mark.parametrize("text", ["a", "=1", "a=1,b"])
def test_a_label_has_key_and_value(text):
    with pytest.raises(errors.UsageError, match="invalid labels"):
        flagvalues.parse_labels(text)


def test_an_annotation_has_key_and_value():
    with pytest.raises(errors.UsageError, match=r"invalid annotations: 'a' is not key=value"):
        flagvalues.parse_annotations(["a"])


def test_only_what_was_given_replaces_metadata():
    metadata = objectmeta.ObjectMeta(labels={"old": "1"}, annotations={"old": "1"})

    flagvalues.apply_metadata(metadata, "new=2", ())

    assert metadata.labels == {"new": "2"}
    assert metadata.annotations == {"old": "1"}


def amounts(before=None, **flags):
    given = dict.fromkeys(("mincpu", "maxcpu", "minmemory", "maxmemory")) | flags
    resources = before or {}
    flagvalues.apply_resources(resources, types.SimpleNamespace(**given))
    return resources


def test_a_least_amount_alone_is_the_most_as_well():
    assert amounts(mincpu=100, maxmemory=256) == {
        "limits": {"cpu": "100m", "memory": "256Mi"},
        "requests": {"cpu": "100m"},
    }


def test_nothing_asked_for_is_nothing():
    assert amounts() == {}


def test_an_update_keeps_what_it_does_not_name():
    before = {"limits": {"cpu": "1", "memory": "1Gi"}, "requests": {"cpu": "500m"}}

    assert amounts(dict(before), mincpu=200) == {
        "limits": {"cpu": "1", "memory": "1Gi"},
        "requests": {"cpu": "200m"},
    }
    assert amounts(dict(before), mincpu=1500)["limits"]["cpu"] == "1500m"


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ({"mincpu": 200, "maxcpu": 100}, "--mincpu 200 is more than --maxcpu 100"),
        ({"minmemory": 0}, "--minmemory 0: must be greater than 0"),
        (
            {"before": {"requests": {"cpu": "1"}}, "maxcpu": 500},
            "--maxcpu 500 is less than what is asked for, 1; give --mincpu",
        ),
    ],
)
def test_amounts_that_make_no_sense(flags, message):
    with pytest.raises(errors.UsageError, match=message):
        amounts(**flags)
