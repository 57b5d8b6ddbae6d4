"""Label and field selectors: text or dict → predicate, in Kubernetes' grammar."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from fission.base import errors
from fission.meta import labels

Operator = Literal["=", "!=", "in", "notin", "exists", "!", ">", "<"]


class SelectorError(errors.InvalidInput):
    """A selector cannot be parsed; the message says where."""

    reason = "InvalidSelector"


@dataclass(frozen=True, slots=True)
class Requirement:
    key: str
    operator: Operator
    values: tuple[str, ...] = ()

    def matches(self, found: Mapping[str, str]) -> bool:
        value = found.get(self.key)
        match self.operator:
            case "=" | "in":
                return value in self.values if value is not None else False
            case "!=" | "notin":
                return value is None or value not in self.values
            case "exists":
                return value is not None
            case "!":
                return value is None
        try:
            number, limit = int(value or ""), int(self.values[0])
        except ValueError:
            return False
        return number > limit if self.operator == ">" else number < limit

    def __str__(self) -> str:
        match self.operator:
            case "exists":
                return self.key
            case "!":
                return f"!{self.key}"
            case "in" | "notin":
                return f"{self.key} {self.operator} ({','.join(sorted(self.values))})"
        return f"{self.key}{self.operator}{self.values[0]}"


_TOKEN = re.compile(r"\s*(==|!=|=|!|>|<|\(|\)|,|[^\s=!<>(),]+)")


class _Tokens:
    def __init__(self, text: str) -> None:
        self.items = _TOKEN.findall(text)
        self.position = 0

    def peek(self) -> str:
        return self.items[self.position] if self.position < len(self.items) else ""

    def take(self) -> str:
        token = self.peek()
        self.position += 1
        return token


_MARKS = frozenset(("==", "!=", "=", "!", ">", "<", "(", ")", ","))


def _fail(why: str) -> SelectorError:
    return SelectorError(f"unable to parse requirement: {why}")


def _key(token: str) -> str:
    if not token or token in _MARKS:
        raise _fail(f"found '{token}', expected: identifier")
    problems = labels.key_problems(token)
    if problems:
        raise _fail(f'<nil>: Invalid value: "{token}": {"; ".join(problems)}')
    return token


def _value(token: str, key: str) -> str:
    problems = labels.value_problems(token)
    if problems:
        where = f"values[0][{key}]"
        raise _fail(f'{where}: Invalid value: "{token}": {"; ".join(problems)}')
    return token


def _value_set(tokens: _Tokens, key: str) -> tuple[str, ...]:
    if tokens.take() != "(":
        raise _fail("found '', expected: '('")
    values: list[str] = []
    expects_value = True
    while True:
        token = tokens.take()
        if token == ")":
            if expects_value:
                values.append("")
            return tuple(values)
        if token == ",":
            if expects_value:
                values.append("")
            expects_value = True
        elif token and token not in _MARKS and expects_value:
            values.append(_value(token, key))
            expects_value = False
        else:
            raise _fail(f"found '{token}', expected: ',' or ')'")


def _requirement(tokens: _Tokens) -> Requirement:
    if tokens.peek() == "!":
        tokens.take()
        return Requirement(_key(tokens.take()), "!")
    key = _key(tokens.take())
    token = tokens.peek()
    if token in ("", ","):
        return Requirement(key, "exists")
    tokens.take()
    if token in ("in", "notin"):
        return Requirement(key, "in" if token == "in" else "notin", _value_set(tokens, key))
    if token not in ("=", "==", "!=", ">", "<"):
        raise _fail(f"found '{token}', expected: in, notin, =, ==, !=, gt, lt")
    operator: Operator = "=" if token == "==" else token  # type: ignore[assignment]
    value = "" if tokens.peek() in ("", ",") else tokens.take()
    if value in _MARKS:
        raise _fail(f"found '{value}', expected: identifier")
    if operator in (">", "<") and not re.fullmatch(r"-?\d+", value):
        raise _fail(
            f"values[0][{key}]: Invalid value: \"{value}\": for 'Gt', 'Lt' operators, "
            "the value must be an integer"
        )
    return Requirement(key, operator, (_value(value, key),))


@dataclass(frozen=True, slots=True)
class LabelSelector:
    """All requirements must hold; none at all selects everything."""

    requirements: tuple[Requirement, ...] = ()

    @classmethod
    def parse(cls, text: str) -> LabelSelector:
        """``a=b,c in (x,y),!d``; raises SelectorError."""
        tokens = _Tokens(text)
        if not tokens.peek():
            return cls()
        found = [_requirement(tokens)]
        while tokens.peek():
            if tokens.take() != ",":
                raise _fail(f"found '{tokens.items[tokens.position - 1]}', expected: ',' or 'end'")
            found.append(_requirement(tokens))
        return cls(tuple(found))

    @classmethod
    def from_dict(cls, selector: Mapping[str, Any] | None) -> LabelSelector:
        """``{matchLabels, matchExpressions}``; an empty selector selects everything."""
        found = [
            Requirement(key, "=", (value,))
            for key, value in ((selector or {}).get("matchLabels") or {}).items()
        ]
        operators: dict[str, Operator] = {
            "In": "in",
            "NotIn": "notin",
            "Exists": "exists",
            "DoesNotExist": "!",
        }
        for expression in (selector or {}).get("matchExpressions") or ():
            operator = operators.get(str(expression.get("operator")))
            if operator is None:
                raise SelectorError(
                    f'"{expression.get("operator")}" is not a valid label selector operator'
                )
            found.append(
                Requirement(expression["key"], operator, tuple(expression.get("values") or ()))
            )
        return cls(tuple(found))

    @classmethod
    def from_labels(cls, wanted: Mapping[str, str]) -> LabelSelector:
        """A plain map, as in a Service's selector."""
        return cls(tuple(Requirement(key, "=", (value,)) for key, value in wanted.items()))

    def matches(self, found: Mapping[str, str]) -> bool:
        return all(requirement.matches(found) for requirement in self.requirements)

    def __bool__(self) -> bool:
        return bool(self.requirements)

    def __str__(self) -> str:
        return ",".join(str(requirement) for requirement in self.requirements)


@dataclass(frozen=True, slots=True)
class FieldTerm:
    field: str
    value: str
    equal: bool = True


@dataclass(frozen=True, slots=True)
class FieldSelector:
    """``metadata.name=a,status.phase!=Running``: terms joined by *and*."""

    terms: tuple[FieldTerm, ...] = ()

    @classmethod
    def parse(cls, text: str) -> FieldSelector:
        """Raises SelectorError; ``\\,``, ``\\=`` and ``\\\\`` escape inside values."""
        return cls(tuple(_field_term(part) for part in _split_terms(text) if part))

    @property
    def fields(self) -> Sequence[str]:
        return [term.field for term in self.terms]

    def matches(self, found: Mapping[str, str]) -> bool:
        """A field that is absent counts as empty."""
        return all((found.get(t.field, "") == t.value) is t.equal for t in self.terms)

    def exact(self, field: str) -> str | None:
        """The value that ``field`` must equal, when the selector says so."""
        for term in self.terms:
            if term.field == field and term.equal:
                return term.value
        return None

    def __bool__(self) -> bool:
        return bool(self.terms)


def _split_terms(text: str) -> list[str]:
    parts: list[str] = [""]
    escaped = False
    for char in text:
        if escaped:
            parts[-1] += "\\" + char
            escaped = False
        elif char == "\\":
            escaped = True
        elif char == ",":
            parts.append("")
        else:
            parts[-1] += char
    return parts


_FIELD_TERM = re.compile(r"([^=!]*?)(!=|==|=)(.*)", re.DOTALL)


def _field_term(part: str) -> FieldTerm:
    match = _FIELD_TERM.fullmatch(part)
    if match is None:
        raise SelectorError(f"invalid selector: '{part}'; can't understand '{part}'")
    field, operator, value = match.groups()
    return FieldTerm(field, re.sub(r"\\(.)", r"\1", value), operator != "!=")
