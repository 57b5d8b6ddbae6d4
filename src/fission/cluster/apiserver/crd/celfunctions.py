"""The functions that Kubernetes adds to CEL: strings and lists.

Each takes and returns the engine's types, its first argument is the receiver. What is missing here
(``url``, ``quantity``, ``ip``, optional types) is refused by name when a definition is created.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable
from typing import Any


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


NAMES = _words(
    """
    lowerAscii upperAscii trim replace split join substring indexOf lastIndexOf charAt find
    findAll reverse isSorted sum min max
    """
)
"""What rules may call."""

_ASCII_LOWER = {code: code + 32 for code in range(ord("A"), ord("Z") + 1)}
_ASCII_UPPER = {code: code - 32 for code in range(ord("a"), ord("z") + 1)}


def functions(types: Any) -> dict[str, Callable[..., Any]]:
    """The table by name, over the engine's types."""
    text, number, boolean, sequence = (
        types.StringType,
        types.IntType,
        types.BoolType,
        types.ListType,
    )

    def index_of(value: str, sought: Any, start: int = 0) -> Any:
        if isinstance(value, list):
            return number(value.index(sought) if sought in value else -1)
        return number(value.find(sought, start))

    def last_index_of(value: str, sought: str, end: int | None = None) -> Any:
        return number(value.rfind(sought) if end is None else value.rfind(sought, 0, end + 1))

    def substring(value: str, start: int, end: int | None = None) -> Any:
        stop = len(value) if end is None else end
        if not 0 <= start <= stop <= len(value):
            raise ValueError(f"index out of range: {start}, {stop}")
        return text(str(value)[start:stop])

    def char_at(value: str, index: int) -> Any:
        if not 0 <= index <= len(value):
            raise ValueError(f"index out of range: {index}")
        return text(str(value)[index : index + 1])

    def replace(value: str, old: str, new: str, count: int = -1) -> Any:
        return text(str(value).replace(old, new, count))

    def split(value: str, separator: str, count: int = -1) -> Any:
        if count == 0:
            return sequence([])
        parts = str(value).split(separator, count - 1 if count > 0 else -1)
        return sequence([text(part) for part in (parts if separator else list(value))])

    def find(value: str, pattern: str) -> Any:
        match = re.search(pattern, value)
        return text(match[0] if match else "")

    def find_all(value: str, pattern: str, count: int = -1) -> Any:
        found = [text(match[0]) for match in re.finditer(pattern, value)]
        return sequence(found if count < 0 else found[:count])

    def is_sorted(values: list[Any]) -> Any:
        return boolean(all(a <= b for a, b in itertools.pairwise(values)))

    def total(values: list[Any]) -> Any:
        start = number(0)
        for value in values:
            start = start + value if start else value
        return start

    def extreme(pick: Callable[..., Any]) -> Callable[..., Any]:
        def choose(*values: Any) -> Any:
            items = values[0] if len(values) == 1 and isinstance(values[0], list) else values
            if not items:
                raise ValueError("min and max need at least one value")
            return pick(items)

        return choose

    return {
        "lowerAscii": lambda value: text(str(value).translate(_ASCII_LOWER)),
        "upperAscii": lambda value: text(str(value).translate(_ASCII_UPPER)),
        "trim": lambda value: text(str(value).strip()),
        "replace": replace,
        "split": split,
        "join": lambda values, separator="": text(str(separator).join(values)),
        "substring": substring,
        "indexOf": index_of,
        "lastIndexOf": last_index_of,
        "charAt": char_at,
        "find": find,
        "findAll": find_all,
        "reverse": lambda value: text(str(value)[::-1]),
        "isSorted": is_sorted,
        "sum": total,
        "min": extreme(min),
        "max": extreme(max),
    }
