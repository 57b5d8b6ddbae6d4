"""Path templates as people know them from gorilla/mux: `{name}` and `{name:regex}`.

A template is judged before it is served: an expression on which a search could take exponential
time is refused, and where it could take the square or the cube of a path's length, longer paths
than `LONGEST_SEARCHED` are not looked at.
"""

from __future__ import annotations

import functools
import re
from typing import Final

from fission.api import httptrigger_ambiguity as ambiguity
from fission.api import httptrigger_expressions as expressions
from fission.base import errors

_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*")
_LONGEST: Final = 2048
LONGEST_SEARCHED: Final[dict[int, int]] = {0: 1 << 30, 1: 4096, 2: 512, 3: 96}
"""Characters of a path, by the power of it that a search may take."""


class TemplateError(errors.Error):
    """A template that cannot be used; the message says why."""

    reason = "InvalidRouteTemplate"


def is_template(path: str) -> bool:
    """Whether a path has variables at all."""
    return "{" in path or "}" in path


def shape(path: str) -> str:
    """The template without the names of its variables: equal shapes match the same paths."""
    if not is_template(path):
        return path
    return "".join(
        part if literal else "{" + (part.partition(":")[2] or "[^/]+") + "}"
        for literal, part in _parts(path)
    )


class Template:
    """A template, read and judged; compiled when something first comes near it."""

    __slots__ = ("_below", "_parts", "_whole", "longest", "open_ended", "steps", "variables")

    def __init__(self, path: str) -> None:
        """Raises TemplateError."""
        if len(path) > _LONGEST:
            raise TemplateError(f"a path template may have {_LONGEST} characters, not {len(path)}")
        self._parts = _read(path)
        self.variables = tuple(part[0] for part in self._parts if isinstance(part, tuple))
        if len(set(self.variables)) < len(self.variables):
            twice = next(name for name in self.variables if self.variables.count(name) > 1)
            raise TemplateError(f"{path!r} has the variable {twice!r} twice")
        self.steps, self.open_ended = _steps(self._parts)
        """Segments that lead to it, None for any one; whether what follows may span several."""
        self.longest = LONGEST_SEARCHED[_judge(path, self._parts)]
        self._whole: re.Pattern[str] | None = None
        self._below: re.Pattern[str] | None = None

    def match(self, path: str) -> tuple[str, ...] | None:
        """What its variables stand for in a path that it matches as a whole."""
        if len(path) > self.longest:
            return None
        if self._whole is None:
            self._whole = re.compile(_expression(self._parts) + r"\Z", re.ASCII)
        found = self._whole.match(path)
        return found.groups() if found is not None else None

    def match_below(self, path: str) -> tuple[tuple[str, ...], int] | None:
        """The same for a path that lies below it, and how long the part is that it matches."""
        if len(path) > self.longest:
            return None
        if self._below is None:
            self._below = re.compile(_expression(self._parts) + "/", re.ASCII)
        found = self._below.match(path)
        return (found.groups(), found.end() - 1) if found is not None else None


_Part = str | tuple[str, str]
"""Literal text; or the name of a variable and its expression."""


def _read(path: str) -> tuple[_Part, ...]:
    parts: list[_Part] = []
    for literal, part in _parts(path):
        if literal:
            parts.append(part)
            continue
        name, colon, expression = part.partition(":")
        if not _NAME.fullmatch(name):
            raise TemplateError(f"{part!r} in {path!r}: a variable needs a name")
        if colon and not expression:
            raise TemplateError(f"{part!r} in {path!r}: the expression is empty")
        if colon:
            _parse(expression, path)
        parts.append((name, expression))
    return tuple(parts)


@functools.lru_cache(maxsize=1024)
def _parsed(expression: str) -> expressions.Node:
    return expressions.parse(expression)


def _parse(expression: str, path: str) -> expressions.Node:
    try:
        return _parsed(expression)
    except expressions.ExpressionError as error:
        raise TemplateError(f"{expression!r} in {path!r}: {error}") from error


def _expression(parts: tuple[_Part, ...]) -> str:
    return "".join(
        re.escape(part) if isinstance(part, str) else f"({part[1] or '[^/]+'})" for part in parts
    )


def _steps(parts: tuple[_Part, ...]) -> tuple[tuple[str | None, ...], bool]:
    steps: list[str | None] = []
    segment: str | None = ""
    for part in parts:
        if isinstance(part, tuple):
            if part[1] and _may_span(part[1]):
                return tuple(steps[1:]), True
            segment = None
            continue
        first, *others = part.split("/")
        if segment is not None:
            segment += first
        for other in others:
            steps.append(segment)
            segment = other
    steps.append(segment)
    return tuple(steps[1:]), False


def _may_span(expression: str) -> bool:
    return any(letter.takes("/") for letter in expressions.letters(_parsed(expression)))


def _judge(path: str, parts: tuple[_Part, ...]) -> int:
    """The power of a path's length that a search may take; 0 where no expression is searched."""
    if _is_plain(parts):
        return 0
    nodes: list[expressions.Node] = []
    for part in parts:
        if isinstance(part, str):
            nodes.extend(expressions.Chars(((ord(each),) * 2,)) for each in part)
        elif part[1]:
            nodes.append(_parsed(part[1]))
        else:
            nodes.append(expressions.Repeat(expressions.NOT_SLASH, 1, None))
    return _degree(expressions.Sequence(tuple(nodes)), path)


@functools.lru_cache(maxsize=1024)
def _judged(node: expressions.Node) -> int | None:
    return ambiguity.degree(node)


def _degree(node: expressions.Node, path: str) -> int:
    try:
        found = _judged(node)
    except ambiguity.TooComplex as error:
        raise TemplateError(f"{path!r} cannot be judged: {error}; write a simpler one") from error
    if found is None:
        raise TemplateError(
            f"{path!r} is refused: a search for it may take exponential time, as a repetition"
            " contains one that can take the same text, such as (?:a+)+. Let a fixed character"
            " separate the inner ones, such as (?:[a-z]+/)*, or repeat once only"
        )
    if found not in LONGEST_SEARCHED:
        raise TemplateError(
            f"{path!r} is refused: {found} repetitions in a row can take the same text, and at most"
            f" {max(LONGEST_SEARCHED)} are allowed. Separate them by / or by a character that they"
            " do not take, such as {a:[^-/]+}-{b}"
        )
    return found


def _is_plain(parts: tuple[_Part, ...]) -> bool:
    """Only variables of the usual kind, at most one in a segment."""
    fresh = True
    for part in parts:
        if isinstance(part, str):
            fresh = fresh or "/" in part
        elif part[1] or not fresh:
            return False
        else:
            fresh = False
    return True


def _parts(path: str) -> list[tuple[bool, str]]:
    """Literal stretches and the insides of braces, in order."""
    parts: list[tuple[bool, str]] = []
    depth = start = 0
    for index, character in enumerate(path):
        if character == "{":
            if depth == 0:
                parts.append((True, path[start:index]))
                start = index + 1
            depth += 1
        elif character == "}":
            depth -= 1
            if depth < 0:
                break
            if depth == 0:
                parts.append((False, path[start:index]))
                start = index + 1
    if depth != 0:
        raise TemplateError(f"{path!r} has unbalanced braces")
    parts.append((True, path[start:]))
    return [(literal, part) for literal, part in parts if part or not literal]
