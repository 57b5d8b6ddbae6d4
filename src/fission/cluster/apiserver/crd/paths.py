"""Paths into an object, and their two texts.

A path is a tuple of property names, list indexes and map keys. Schema errors write all names with
dots (``spec.opts.a``); field paths write map keys in brackets (``spec.opts[a]``).
"""

from __future__ import annotations

import re
from typing import NamedTuple


class Key(NamedTuple):
    """A key of a map (``additionalProperties``), as opposed to a declared property."""

    text: str


Part = str | int | Key
Path = tuple[Part, ...]

_STEP = re.compile(r"\.([A-Za-z_][\w-]*)|\['((?:[^'\\]|\\.)*)'\]|\[(\d+)\]")


def render(path: Path) -> str:
    """``spec.ports[0].name``, ``spec.opts[a]``; the root is ``<nil>``."""
    text = ""
    for part in path:
        if isinstance(part, Key):
            text += f"[{part.text}]"
        elif isinstance(part, int):
            text += f"[{part}]"
        else:
            text += f".{part}" if text else part
    return text or "<nil>"


def parse_simple(json_path: str) -> Path | None:
    """The parts of a path such as ``.spec.replicas`` or ``.metadata['a.b']``; None if it is more.

    ``fieldPath`` of rules, ``selectableFields`` and the scale subresource use this form.
    """
    parts: list[Part] = []
    position = 0
    while position < len(json_path):
        match = _STEP.match(json_path, position)
        if match is None:
            return None
        name, quoted, index = match.groups()
        if name is not None:
            parts.append(name)
        elif quoted is not None:
            parts.append(re.sub(r"\\(.)", r"\1", quoted))
        else:
            parts.append(int(index))
        position = match.end()
    return tuple(parts)
