"""CEL: what compiles, what is refused by name, what evaluates to what."""

from typing import Any

import pytest

from fission.cluster.apiserver.crd import cel, structural

NODE = structural.parse(
    {
        "type": "object",
        "properties": {
            "size": {"type": "integer"},
            "ratio": {"type": "number"},
            "name": {"type": "string"},
            "pull-policy": {"type": "string"},
            "namespace": {"type": "string"},
            "since": {"type": "string", "format": "date-time"},
            "timeout": {"type": "string", "format": "duration"},
            "list": {"type": "array", "items": {"type": "string"}},
            "map": {"type": "object", "additionalProperties": {"type": "integer"}},
            "inner": {"type": "object", "properties": {"flag": {"type": "boolean"}}},
        },
    }
)
VALUE = {
    "size": 3,
    "ratio": 2,
    "name": "abc",
    "pull-policy": "Never",
    "namespace": "ns",
    "since": "2026-01-01T00:00:00Z",
    "timeout": "90s",
    "list": ["a", "b"],
    "map": {"k-1": 1},
    "inner": {"flag": True},
}


def evaluate(text: str, old: Any = None) -> Any:
    variables = {"self": cel.convert(VALUE, NODE)}
    if old is not None:
        variables["oldSelf"] = cel.convert(old, NODE)
    return cel.compile_expression(text, NODE).evaluate(variables)


@pytest.mark.parametrize(
    "text",
    [
        "self.size > 2 && self.ratio < 2.5",
        "has(self.name) && !has(self.inner.flag) || self.inner.flag",
        "self.name.startsWith('a') && self.name.endsWith('c') && self.name.contains('b')",
        "self.name.matches('^[a-c]+$') && self.name.size() == 3 && size(self.list) == 2",
        "self.list.all(x, x in ['a', 'b']) && self.list.exists(x, x == 'a')",
        "self.list.exists_one(x, x == 'a') && self.list.map(x, x + '!')[0] == 'a!'",
        "self.map.all(k, self.map[k] > 0) && 'k-1' in self.map",
        "self.pull__dash__policy == 'Never' && self.__namespace__ == 'ns'",
        "self.since < timestamp('2026-02-01T00:00:00Z') && self.timeout > duration('1m')",
        "self.name.upperAscii() == 'ABC' && self.name.replace('b', '') == 'ac'",
        "self.name.split('b').join('-') == 'a-c' && self.name.find('[bc]+') == 'bc'",
        "self.name.indexOf('c') == 2 && self.name.substring(1) == 'bc'",
        "self.name.charAt(0) == 'a' && self.list.isSorted() && [1, 2].sum() == 3",
        "(self.size > 5 ? 'big' : 'small') == 'small'",
        "type(self.size) == int && string(self.size) == '3' && int('4') == 4",
    ],
)
def test_true_things(text: str) -> None:
    assert bool(evaluate(text)) is True


def test_old_self_marks_a_transition_rule() -> None:
    assert cel.compile_expression("self == oldSelf", NODE).uses_old
    assert not cel.compile_expression("self.size > 1", NODE).uses_old
    assert not bool(evaluate("self.size <= oldSelf.size", old=VALUE | {"size": 1}))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("selfy.size > 1", "undeclared reference to 'selfy' (in container '')"),
        ("self.colour == 'x'", "undefined field 'colour'"),
        ("self.inner.flags", "undefined field 'flags'"),
        ("quantity('1Gi') == self", "undeclared reference to 'quantity' (in container '')"),
        ("self.name.shout()", "undeclared reference to 'shout' (in container '')"),
        ("self.list.all(self.size, true)", "argument must be a simple name"),
        ("self.map.all(k, k == q)", "undeclared reference to 'q' (in container '')"),
    ],
)
def test_what_cannot_be_evaluated_is_refused_by_name(text: str, message: str) -> None:
    with pytest.raises(cel.CompileError) as caught:
        cel.compile_expression(text, NODE)
    assert caught.value.message == message


@pytest.mark.parametrize("text", ["self.size >", "self.?size", "'open", "1 +* 2"])
def test_what_is_no_expression_is_refused(text: str) -> None:
    with pytest.raises(cel.CompileError, match="Syntax error"):
        cel.compile_expression(text, NODE)


@pytest.mark.parametrize(
    ("text", "message"),
    [("self.map.absent == 1", "no such key: absent"), ("1 / 0 == 1", "modulus or divide by zero")],
)
def test_an_evaluation_that_fails_says_why(text: str, message: str) -> None:
    with pytest.raises(cel.EvaluationError) as caught:
        evaluate(text)
    assert caught.value.message == message


@pytest.mark.parametrize(
    ("text", "guard"),
    [
        ("!has(self.name) || self.name != ''", "name"),
        (" !has( self.name )||true", "name"),
        ("has(self.name) || true", None),
        ("!has(self.name) && true", None),
        ("!has(self.name) || true ? false : true", None),
        ("!has(self.inner.flag) || true", None),
    ],
)
def test_the_guard_of_a_rule_is_the_field_it_needs(text: str, guard: str | None) -> None:
    assert cel.compile_expression(text, NODE).guard == guard
