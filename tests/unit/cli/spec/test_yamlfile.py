"""YAML as Kubernetes reads it; whatever is in a file, it is read or refused with a line."""

import contextlib
import json
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fission.cli import output
from fission.cli.spec import document, yamlfile


def data_of(text):
    return [value.data for value in yamlfile.read(text.encode())]


def refusal(text):
    with pytest.raises(yamlfile.Refused) as refused:
        yamlfile.read(text if isinstance(text, bytes) else text.encode())
    return refused.value.line, refused.value.text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a", "a"),
        ("'1'", "1"),
        ("12", 12),
        ("-0x1F", -31),
        ("0o17", 15),
        ("017", 15),
        ("1_000", 1000),
        ("12:30", "12:30"),
        ("1.50", 1.5),
        ("1e3", 1000.0),
        ("2024-01-01", "2024-01-01"),
        ("1.2.3", "1.2.3"),
        ("0x_", "0x_"),
        ("yes", True),
        ("Off", False),
        ("y", True),
        ("N", False),
        ("1_000.5", 1000.5),
        ("._5", "._5"),
        ("~", None),
        ("!!str 5", "5"),
        ("!!int '5'", 5),
        ("! 5", "5"),
        ("9" * 50, "9" * 50),
    ],
)
def test_scalars_are_what_kubernetes_takes_them_for(text, expected):
    assert data_of(f"a: {text}\n") == [{"a": expected}]


def test_every_value_knows_its_line():
    (value,) = yamlfile.read(b"# head\na:\n  b:\n  - x\n  - c: 1\n    d.e/f: 2\n")

    assert document.line_of(value.node, "a.b") == 3
    assert document.line_of(value.node, "a.b[1].c") == 5
    assert document.line_of(value.node, "a.b[1][d.e/f]") == 6
    assert document.line_of(value.node, "a.b[1].missing.below") == 5


def test_documents_are_told_apart_and_empty_ones_left_out():
    assert data_of("---\n---\na: 1\n---\n# nothing\n---\n- b\n...\n") == [{"a": 1}, ["b"]]


def test_aliases_and_merge_keys_are_expanded():
    text = "base: &b {x: 1, w: 2}\nown:\n  <<: *b\n  w: 3\nboth:\n  <<: [*b, {z: 4}]\nsame: *b\n"

    assert data_of(text) == [
        {
            "base": {"x": 1, "w": 2},
            "own": {"w": 3, "x": 1},
            "both": {"x": 1, "w": 2, "z": 4},
            "same": {"x": 1, "w": 2},
        }
    ]


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("a: [1, 2\nb: 3\n", 2, "is not YAML"),
        ("a:\n\tb: 1\n", 2, "indent with spaces"),
        ("a: 1\nb: 2\na: 3\n", 3, "a is there twice; first on line 1"),
        ("a: *b\n", 1, "there is no anchor &b"),
        ("x: 1\na: &a [*a]\n", 2, "stands inside of what it repeats"),
        ("a: .nan\n", 1, "no number that JSON has"),
        ("a: 1e999\n", 1, "no number that JSON has"),
        ("a: !!python/object:os.system x\n", 1, "tag !!python/object:os.system is not known"),
        ("a: !!binary aGk=\n", 1, "tag !!binary"),
        ("labels:\n  on: x\n", 2, 'key on is not read as text; write "on"'),
        ("1: x\n", 1, 'write "1"'),
        ("? [a]\n: b\n", 1, "a key must be plain text"),
        ("<<: 3\n", 1, "<< takes a mapping"),
        (b"a: 1\nb: \xff\n", 2, "is not UTF-8"),
        ("a: 1\nb: \x01\n", 2, "may not be in it"),
        ("[" * 200 + "]" * 200, 1, "levels deep"),
        ("a: " + "{a: " * 20_000, 1, "levels deep"),
    ],
)
def test_what_is_refused_is_said_with_its_line(text, line, words):
    found_line, found = refusal(text)

    assert words in found
    assert found_line == line


def test_a_bomb_of_aliases_is_no_bomb():
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 10)]

    line, text = refusal("\n".join(lines))

    assert "values, aliases expanded" in text
    assert 1 < line < 7


plain = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**30), 10**30)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(codec="utf-8", categories=["L", "N", "P", "S", "Zs"])),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text("abcdefgh-./", min_size=1).filter(lambda t: t != "~"), inner)
    ),
    max_leaves=20,
)


@settings(max_examples=60, deadline=None)
@given(st.dictionaries(st.from_regex(r"k[a-z]{0,5}", fullmatch=True), plain, min_size=1))
def test_json_and_yaml_of_any_object_are_read_as_it_is(value):
    for text in (json.dumps(value, ensure_ascii=False), output.format_document(value, "yaml")):
        (found,) = data_of(text)
        assert found == value


@settings(max_examples=150, deadline=None)
@given(
    st.text()
    | st.lists(
        st.sampled_from([*"{}[]:,-?&*!|>'\"#%@` \n\t", "a: ", "- ", "&x ", "*x", "---\n", "<<: "]),
        max_size=30,
    ).map("".join)
)
def test_anything_at_all_is_read_or_refused(text):
    found = []
    with contextlib.suppress(yamlfile.Refused):
        found = yamlfile.read(text.encode("utf-8", "surrogatepass"))

    assert all(_is_json(value.data) for value in found)


def _is_json(value):
    if isinstance(value, dict):
        return all(isinstance(key, str) and _is_json(each) for key, each in value.items())
    if isinstance(value, list):
        return all(map(_is_json, value))
    return not isinstance(value, float) or math.isfinite(value)


@given(st.from_regex(r"[yYnN]|[-+.0-9_eEobx]{1,6}", fullmatch=True))
def test_text_that_looks_like_something_else_is_written_as_text(text):
    assert data_of(output.format_document({"a": text}, "yaml")) == [{"a": text}]
