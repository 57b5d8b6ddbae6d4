"""The JSONPath that printer columns and selectable fields use: first match of a simple path.

``.spec.a``, ``['a']``, ``[0]``, ``[*]``, ``[?(@.type=="Ready")]``; anything else finds nothing.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable
from typing import Any, NamedTuple

_STEP = re.compile(
    r"""\.(?P<field>[A-Za-z0-9_/\\.-]*?(?<!\\)(?=[.\[]|$))"""
    r"""|\[(?P<index>-?\d+)\]|\[(?P<every>\*)\]"""
    r"""|\[['"](?P<quoted>[^'"]+)['"]\]"""
    r"""|\[\?\(@\.(?P<key>[A-Za-z0-9_.-]+)\s*==\s*['"](?P<value>[^'"]*)['"]\)\]"""
)


class Step(NamedTuple):
    kind: str
    key: str
    value: str = ""


@functools.lru_cache(maxsize=512)
def parse(path: str) -> tuple[Step, ...] | None:
    """The steps of a path, or None when it is not a simple one."""
    text = path if path.startswith((".", "[")) else f".{path}"
    steps: list[Step] = []
    position = 0
    while position < len(text):
        match = _STEP.match(text, position)
        if match is None or match.end() == position:
            return None
        position = match.end()
        found = {name: part for name, part in match.groupdict().items() if part is not None}
        if "key" in found:
            steps.append(Step("filter", found["key"], found["value"]))
            continue
        kind, key = next(iter(found.items()))
        if kind in ("field", "quoted"):
            if key:
                steps.append(Step("field", key.replace("\\.", ".")))
        else:
            steps.append(Step(kind, key))
    return tuple(steps)


def first(obj: Any, path: str) -> Any:
    """The first value at ``path``, or None."""
    steps = parse(path)
    if steps is None:
        return None
    return next(iter(_walk([obj], steps)), None)


def _walk(values: Iterable[Any], steps: tuple[Step, ...]) -> Iterable[Any]:
    for step in steps:
        values = [found for value in values for found in _advance(value, step)]
    return values


def _advance(value: Any, step: Step) -> Iterable[Any]:
    if step.kind == "field":
        return [value[step.key]] if isinstance(value, dict) and step.key in value else []
    if not isinstance(value, list):
        return list(value.values()) if step.kind == "every" and isinstance(value, dict) else []
    if step.kind == "every":
        return value
    if step.kind == "index":
        position = int(step.key)
        return [value[position]] if -len(value) <= position < len(value) else []
    return [item for item in value if str(first(item, step.key)) == step.value]
