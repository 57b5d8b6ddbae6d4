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


def test_a_least_amount_alone_is_the_most_as_well():
    assert flagvalues.make_resources(100, None, None, 256) == {
        "limits": {"cpu": "100m", "memory": "256Mi"},
        "requests": {"cpu": "100m"},
    }


def test_nothing_asked_for_is_nothing():
    assert flagvalues.make_resources(None, None, None, None) == {}


@pytest.mark.parametrize(
    ("amounts", "message"),
    [
        ((200, 100, None, None), "--mincpu 200 is more than --maxcpu 100"),
        ((None, None, 0, None), "--minmemory 0: must be greater than 0"),
    ],
)
def test_amounts_that_make_no_sense(amounts, message):
    with pytest.raises(errors.UsageError, match=message):
        flagvalues.make_resources(*amounts)
