"""Path templates: what is taken, what is refused, and that no path takes long."""

import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as some

from fission.api import httptrigger_ambiguity as ambiguity
from fission.api import httptrigger_expressions as expressions
from fission.api import httptrigger_templates as templates


@pytest.mark.parametrize(
    "expression",
    [
        "[0-9]+",
        "(?:[a-z]+/)*[a-z]+",
        "(?:png|jpe?g|gif)",
        "v[0-9]+(?:\\.[0-9]+)*",
        "(?:[0-9]{1,3}\\.){3}[0-9]{1,3}",
        "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}",
        "[a-z]{2}(?:-[A-Z]{2})?",
        ".+",
        "[^/]+?",
        "\\w+\\.\\d{4}",
    ],
)
def test_usual_expressions_are_searched_in_the_length_of_the_path(expression):
    assert ambiguity.degree(expressions.parse(expression)) == 1
    re.compile(expression)


@pytest.mark.parametrize(
    "expression",
    [
        "(?:a+)+",
        "(?:a|a)*",
        "(?:a|ab|b)*",
        "(?:.*,)*x",
        "(?:[a-z0-9]+-?)*",
        "(?:a{1,30}){1,30}",
        "(?:[^/]+/?)+",
    ],
)
def test_exponential_expressions_are_refused(expression):
    assert ambiguity.degree(expressions.parse(expression)) is None
    with pytest.raises(templates.TemplateError, match=r"exponential.*Let a fixed character"):
        templates.Template(f"/a/{{x:{expression}}}/b")


@pytest.mark.parametrize(
    "expression",
    [
        "a?" * 20 + "a" * 20,
        "(?:a|a)" * 20,
        "(?:a|a){20}",
        "c".join(["(?:ab|ab|ab|ab|ab|ab|ab|ab)"] * 6),
        ".*" * 3 + "(?:[a-z]|x)y",
    ],
)
def test_choices_that_multiply_are_refused(expression):
    with pytest.raises(ambiguity.TooComplex):
        ambiguity.degree(expressions.parse(expression))


@pytest.mark.parametrize(
    ("path", "longest"),
    [
        ("/a/{b}/c/{d}", 1 << 30),
        ("/{a}-{b}", 512),
        ("/{a:.*}/x/{b:.*}", 512),
        ("/{a}-{b}/{c}-{d}", 96),
        ("/{a:[^-/]+}-{b}", 4096),
    ],
)
def test_the_more_ways_to_search_the_shorter_the_path(path, longest):
    assert templates.Template(path).longest == longest


def test_too_many_repetitions_in_a_row_are_refused():
    with pytest.raises(templates.TemplateError, match=r"4 repetitions in a row.*\[\^-/\]"):
        templates.Template("/{a}-{b}-{c}-{d}")


@pytest.mark.parametrize(
    ("expression", "part"),
    [
        ("(a)", "capturing group"),
        ("(?P<n>a)", "of groups only"),
        ("(?=a)", "of groups only"),
        ("(?i:a)", "of groups only"),
        ("a\\1", "\\1 is not taken"),
        ("a\\b", "\\b is not taken"),
        ("^a", "anchor '^'"),
        ("a$", "anchor '$'"),
        ("*a", "nothing precedes"),
        ("a**", "repeats a repetition"),
        ("(?:a*)*", "repeats what may be empty, before '*'"),
        ("(?:a*b?)*", "repeats what may be empty"),
        ("(?:a|){30,31}", "repeats what may be empty"),
        ("(?:(?:(?:){1000}){1000}){1000}", "repeats what may be empty"),
        ("(?:a{0}){9}", "repeats what may be empty"),
        ("(?:|)" * 40, "alternatives may be empty"),
        ("(?:x(?:a*|b*))*", "alternatives may be empty"),
        ("\\x+1", "\\x+1 is no character"),
        ("a++", "repeats a repetition"),
        ("[[:alpha:]]", "put \\ before"),
        ("[a--b]", "put \\ before"),
        ("[z-a]", "not in order"),
        ("(?:a", "not closed"),
        ("a)", "')' too many"),
        ("[a", "ends too early"),
        ("a{5,2}", "not in order"),
        ("a{x}", "no count"),
        ("a\\", "ends too early"),
        ("a" * 600, "at most 512"),
    ],
)
def test_what_is_not_taken_is_named(expression, part):
    with pytest.raises(expressions.ExpressionError) as caught:
        expressions.parse(expression)
    assert part in str(caught.value)


PIECES = some.sampled_from(
    ["a", "b", "[ab]", "[^a]", ".", "\\d", "ab", "(?:a|b)", "(?:ab|c)", "(?:a+b)", "(?:[^/]+/)"]
) | some.sampled_from(["(?:a|)", "(?:|)", "(?:a*|b)", "(?:)", "(?:ab|a|ab)"])
COUNTS = some.sampled_from(["", "*", "+", "?", "{2}", "{1,3}", "+?", "{30,31}", "{40}"])


@given(
    some.lists(some.tuples(PIECES, COUNTS), min_size=1, max_size=5).map(
        lambda pairs: "".join(piece + count for piece, count in pairs)
    ),
    some.sampled_from(["a", "b", "ab", "aab", "/", "a/"]),
)
def test_what_is_accepted_never_takes_long(expression, repeated):
    try:
        template = templates.Template(f"/{{x:{expression}}}!")
    except templates.TemplateError:
        return
    path = "/" + (repeated * 1024)[: min(template.longest, 1024) - 2] + "?"
    begun = time.perf_counter()
    template.match(path)
    template.match_below(path)
    assert time.perf_counter() - begun < 0.5


@given(some.text("ab[]-^\\dx(?:|)*+{}1,.&~/", max_size=14))
def test_what_is_read_python_reads_too(text):
    try:
        expressions.parse(text)
    except expressions.ExpressionError:
        return
    re.compile(f"({text})")


def test_what_is_judged_costs_little_however_it_is_nested():
    begun = time.perf_counter()
    with pytest.raises(templates.TemplateError):
        templates.Template("/{x:" + "(?:" * 9 + "a?" + "){900}" * 9 + "}")
    assert time.perf_counter() - begun < 0.5


@given(some.text("ab/-1.", max_size=12))
def test_matching_is_that_of_the_expression(text):
    template = templates.Template("/{x:[ab]+(?:/[ab]+)*}-{y}")
    expected = re.fullmatch(r"/([ab]+(?:/[ab]+)*)-([^/]+)", "/" + text)
    assert template.match("/" + text) == (expected.groups() if expected else None)


def test_digits_and_letters_are_those_of_ascii():
    assert templates.Template("/{x:\\d+}").match("/7") == ("7",)
    assert templates.Template("/{x:\\d+}").match("/\u0667") is None
