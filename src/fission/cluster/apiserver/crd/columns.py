"""Printer columns: JSONPath as Kubernetes uses it, over one object.

Fields, ``['quoted fields']``, indexes, ``[*]`` and one-comparison filters
(``[?(@.type=='Ready')]``) cover what definitions write; anything else is refused by name when the
definition is created. The core's table printer calls ``cell``.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import orjson

from fission.base import errors

Step = Callable[[Any], Iterable[Any]]

_FIELD = re.compile(r"\.([A-Za-z0-9_\-]+)")
_QUOTED = re.compile(r"\[(['\"])((?:\\.|(?!\1).)*)\1\]")
_INDEX = re.compile(r"\[(-?\d+)\]")
_STAR = re.compile(r"\[\*\]|\.\*")
_FILTER = re.compile(
    r"\[\?\(\s*@((?:\.[A-Za-z0-9_\-]+|\[['\"][^'\"]+['\"]\])+)"
    r"\s*(?:(==|!=|<=|>=|<|>)\s*('[^']*'|\"[^\"]*\"|true|false|-?\d+(?:\.\d+)?))?\s*\)\]"
)
_COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "==": lambda a, b: a == b,
    "!=": lambda a, b: a != b,
    "<": lambda a, b: a < b,
    ">": lambda a, b: a > b,
    "<=": lambda a, b: a <= b,
    ">=": lambda a, b: a >= b,
}


class PathError(errors.Error):
    """The text is not a path that is understood."""

    reason = "InvalidPath"


@functools.lru_cache(maxsize=1024)
def parse(text: str) -> Callable[[Any], list[Any]]:
    """Return a function from an object to the values that the path finds in it."""
    path = text.strip()
    if path.startswith("{") and path.endswith("}"):
        path = path[1:-1]
    path = path.removeprefix("$")
    if not path.startswith((".", "[")):
        raise PathError("must be a json path starting with a dot")
    steps: list[Step] = []
    position = 0
    while position < len(path):
        for pattern, make in _STEPS:
            match = pattern.match(path, position)
            if match:
                steps.append(make(match))
                position = match.end()
                break
        else:
            raise PathError(f"cannot be understood from {path[position:]!r}")
    return functools.partial(_walk, steps)


def cell(obj: Any, json_path: str, type_: str) -> Any:
    """The cell of a column: one value by its type, several joined by commas, None when absent."""
    values = [value for value in parse(json_path)(obj) if value is not None]
    if not values:
        return None
    if type_ in ("string", "date"):
        return ",".join(_text(value) for value in values)
    value = values[0]
    if type_ == "integer":
        return int(value) if _is_number(value) else None
    if type_ == "number":
        return value if _is_number(value) else None
    return value if isinstance(value, bool) else None


def _walk(steps: Sequence[Step], obj: Any) -> list[Any]:
    values = [obj]
    for step in steps:
        values = [found for value in values for found in step(value)]
    return values


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (dict, list)):
        return orjson.dumps(value).decode()
    return str(value)


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _field(name: str) -> Step:
    return lambda value: [value[name]] if isinstance(value, dict) and name in value else []


def _index(number: int) -> Step:
    def step(value: Any) -> list[Any]:
        if isinstance(value, list) and -len(value) <= number < len(value):
            return [value[number]]
        return []

    return step


def _star(value: Any) -> Iterable[Any]:
    if isinstance(value, dict):
        return list(value.values())
    return value if isinstance(value, list) else []


def _filter(match: re.Match[str]) -> Step:
    find = parse(match[1])
    compare = _COMPARISONS.get(match[2] or "")
    wanted = _literal(match[3]) if match[3] else None

    def holds(item: Any) -> bool:
        found = find(item)
        if compare is None:
            return bool(found)
        try:
            return bool(found) and compare(found[0], wanted)
        except TypeError:
            return False

    return lambda value: [item for item in _star(value) if holds(item)]


def _literal(text: str) -> Any:
    if text[0] in "'\"":
        return text[1:-1]
    if text in ("true", "false"):
        return text == "true"
    return float(text) if "." in text else int(text)


_STEPS: tuple[tuple[re.Pattern[str], Callable[[re.Match[str]], Step]], ...] = (
    (_STAR, lambda match: _star),
    (_FIELD, lambda match: _field(match[1])),
    (_QUOTED, lambda match: _field(re.sub(r"\\(.)", r"\1", match[2]))),
    (_INDEX, lambda match: _index(int(match[1]))),
    (_FILTER, _filter),
)
