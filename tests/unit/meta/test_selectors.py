"""Label and field selectors."""

import pytest

from fission.meta import selectors


@pytest.mark.parametrize(
    ("text", "labels", "matches"),
    [
        ("", {}, True),
        ("a=1", {"a": "1"}, True),
        ("a==1,b=2", {"a": "1"}, False),
        ("a!=1", {}, True),
        ("a in (1, 2),b", {"a": "2", "b": ""}, True),
        ("a notin (1,2)", {"a": "2"}, False),
        ("a notin (1,2)", {}, True),
        ("!a", {"a": ""}, False),
        ("a>4", {"a": "5"}, True),
        ("a<4", {"a": "x"}, False),
        ("a=", {"a": ""}, True),
        ("app.kubernetes.io/name=x", {"app.kubernetes.io/name": "x"}, True),
    ],
)
def test_label_selectors(text, labels, matches):
    assert selectors.LabelSelector.parse(text).matches(labels) is matches


@pytest.mark.parametrize("text", ["a in", "a in (", "=b", "a=b c", "a=b,,", "a>x", "@@=1", "a=ü"])
def test_bad_label_selectors_are_refused(text):
    with pytest.raises(selectors.SelectorError, match="unable to parse requirement"):
        selectors.LabelSelector.parse(text)


def test_match_expressions():
    selector = selectors.LabelSelector.from_dict(
        {
            "matchLabels": {"a": "1"},
            "matchExpressions": [{"key": "b", "operator": "In", "values": ["x", "y"]}],
        }
    )
    assert selector.matches({"a": "1", "b": "y"})
    assert not selector.matches({"a": "1"})
    assert str(selector) == "a=1,b in (x,y)"


def test_field_selectors():
    selector = selectors.FieldSelector.parse(r"metadata.name=a,status.phase!=Running")
    assert selector.matches({"metadata.name": "a"})
    assert not selector.matches({"metadata.name": "a", "status.phase": "Running"})
    assert selector.exact("metadata.name") == "a"
    assert selectors.FieldSelector.parse(r"x=a\,b").exact("x") == "a,b"
    with pytest.raises(selectors.SelectorError):
        selectors.FieldSelector.parse("nonsense")
