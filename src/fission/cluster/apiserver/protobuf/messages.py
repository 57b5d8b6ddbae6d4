"""The field tables: which number of which message is which JSON field, and of what type.

``messages.txt`` is generated (``tools/protobuf_fields.py``): a message's name, then indented its
fields as ``number:name:type``. Types: ``s`` string, ``i`` integer, ``b`` boolean, ``y`` bytes,
``d`` double, a message's name; before it ``*`` repeated or ``%`` a map from strings. The file is
read when the first protobuf body arrives, a message is parsed when it is first met.
"""

from __future__ import annotations

import functools
import importlib.resources
from typing import NamedTuple


class Field(NamedTuple):
    name: str
    type: str
    repeated: bool
    map: bool


@functools.cache
def _lines() -> dict[str, str]:
    text = importlib.resources.files(__package__).joinpath("messages.txt").read_text("ascii")
    found: dict[str, list[str]] = {}
    fields: list[str] = []
    for line in text.splitlines():
        if line.startswith(" "):
            fields.append(line)
        else:
            fields = found.setdefault(line, [])
    return {name: " ".join(lines) for name, lines in found.items()}


@functools.cache
def fields_of(message: str) -> dict[int, Field]:
    """Return the message's fields by number; KeyError for a message outside the tables."""
    fields = {}
    for item in _lines()[message].split():
        number, name, kind = item.split(":")
        fields[int(number)] = Field(name, kind.lstrip("*%"), kind[0] == "*", kind[0] == "%")
    return fields
