"""YAML as Kubernetes reads it, with the line of every value.

What Kubernetes would not take, or would take for something else than it looks like, is refused
here: keys that are no text or are there twice, values of tags, NaN. Aliases and merge keys are
expanded up to a bound, so that a small file cannot become a huge object.
"""

import dataclasses
import math
import re
from collections.abc import Iterator
from typing import Any, Final

import yaml

from fission.cli.spec import document

MAX_DEPTH: Final = 64
"""Nesting; our deepest kind needs a dozen levels."""
MAX_VALUES: Final = 100_000
"""Values of one document, aliases expanded; an object on a platform is a few MiB at most."""

_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_TAG: Final = "tag:yaml.org,2002:"
_NULLS: Final = frozenset({"", "~", "null", "Null", "NULL"})
_BOOLEANS: Final = {
    spelled: value
    for value, several in ((True, "y yes true on"), (False, "n no false off"))
    for word in several.split()
    for spelled in (word, word.title(), word.upper())
}
_INT: Final = re.compile(r"[-+]?(0b[01_]+|0x[0-9a-fA-F_]+|0o?[0-7_]+|[1-9][0-9_]*|0)")
_FLOAT: Final = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_SPECIAL: Final = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")
_MAX_DIGITS: Final = 40
_FIRST: Final = frozenset("-+.0123456789")


@dataclasses.dataclass(frozen=True)
class Value:
    """One document of a file."""

    data: Any
    node: document.Node
    size: int = 1
    """Values in it."""


class Refused(Exception):
    """A file that is not read, and the line where it went wrong."""

    def __init__(self, text: str, line: int = 0) -> None:
        super().__init__(text)
        self.text = text
        self.line = line


def read(content: bytes) -> list[Value]:
    """All documents of a file; empty ones are left out. Raises Refused."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise Refused("is not UTF-8 text", line) from error
    loader = None
    try:
        loader = _Loader(text)
        reader = _Reader(loader)
        return list(reader.documents())
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else 0
        raise Refused(_explain(error, text, line), line) from error
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        shown = f"{error.character!r}" if isinstance(error.character, str) else "a byte"
        raise Refused(f"is not YAML: {shown} may not be in it", line) from error
    except yaml.YAMLError as error:
        raise Refused(f"is not YAML: {error}") from error
    finally:
        if loader is not None:
            loader.dispose()


def _explain(error: yaml.MarkedYAMLError, text: str, line: int) -> str:
    said = ", ".join(part for part in (error.context, error.problem) if part)
    lines = text.splitlines()
    found = lines[line - 1] if 0 < line <= len(lines) else ""
    is_tab = "\t" in found[: len(found) - len(found.lstrip())]
    return f"is not YAML: {said}" + ("; indent with spaces, not tabs" if is_tab else "")


class _Reader:
    """Builds values from the events of a parser."""

    def __init__(self, loader: Any) -> None:
        self._next = loader.get_event
        self._anchors: dict[str, Value | None] = {}
        self._values = 0

    def documents(self) -> Iterator[Value]:
        while True:
            event = self._next()
            if isinstance(event, yaml.StreamEndEvent):
                return
            if not isinstance(event, yaml.DocumentStartEvent):
                continue
            self._anchors, self._values = {}, 0
            value = self._value(self._next(), 0)
            if value.data is not None or value.node.inner is not None:
                yield value

    def _value(self, event: Any, depth: int) -> Value:
        line = event.start_mark.line + 1
        if isinstance(event, yaml.AliasEvent):
            return self._alias(event, line)
        self._count(1, line)
        if depth > MAX_DEPTH:
            raise Refused(f"is nested more than {MAX_DEPTH} levels deep", line)
        if event.anchor:
            self._anchors[event.anchor] = None
        if isinstance(event, yaml.ScalarEvent):
            value = Value(_scalar(event, line), document.Node(line))
        elif isinstance(event, yaml.MappingStartEvent):
            value = self._mapping(line, depth)
        else:
            value = self._sequence(line, depth)
        _check_tag(event, line)
        if event.anchor:
            self._anchors[event.anchor] = value
        return value

    def _alias(self, event: Any, line: int) -> Value:
        name = event.anchor
        if name not in self._anchors:
            raise Refused(f"there is no anchor &{name} above this alias", line)
        found = self._anchors[name]
        if found is None:
            raise Refused(f"alias *{name} stands inside of what it repeats", line)
        self._count(found.size, line)
        return Value(found.data, document.Node(line, found.node.inner), found.size)

    def _count(self, number: int, line: int) -> None:
        self._values += number
        if self._values > MAX_VALUES:
            raise Refused(f"has more than {MAX_VALUES} values, aliases expanded", line)

    def _sequence(self, line: int, depth: int) -> Value:
        data: list[Any] = []
        inner: dict[Any, document.Node] = {}
        before = self._values
        while not isinstance(event := self._next(), yaml.SequenceEndEvent):
            value = self._value(event, depth + 1)
            inner[len(data)] = value.node
            data.append(value.data)
        return Value(data, document.Node(line, inner), self._values - before + 1)

    def _mapping(self, line: int, depth: int) -> Value:
        data: dict[str, Any] = {}
        inner: dict[Any, document.Node] = {}
        merged: list[tuple[Any, document.Node]] = []
        before = self._values
        while not isinstance(event := self._next(), yaml.MappingEndEvent):
            key, key_line = self._key(event)
            value = self._value(self._next(), depth + 1)
            if key == "<<" and not event.style:
                merged += _merged(value, key_line)
                continue
            if key in data:
                raise Refused(f"{key} is there twice; first on line {inner[key].line}", key_line)
            data[key] = value.data
            inner[key] = document.Node(key_line, value.node.inner)
        for each, node in merged:
            for key, item in each.items():
                if key not in data:
                    data[key] = item
                    inner[key] = (node.inner or {}).get(key, node)
        return Value(data, document.Node(line, inner), self._values - before + 1)

    def _key(self, event: Any) -> tuple[str, int]:
        line = event.start_mark.line + 1
        if not isinstance(event, yaml.ScalarEvent):
            raise Refused("a key must be plain text", line)
        self._count(1, line)
        text: str = event.value
        if not event.style and not isinstance(_resolve(text), str):
            raise Refused(f'key {text or "(nothing)"} is not read as text; write "{text}"', line)
        return text, line


def _merged(value: Value, line: int) -> list[tuple[Any, document.Node]]:
    """What a merge key brings in: a mapping, or several of which the first wins."""
    if isinstance(value.data, dict):
        return [(value.data, value.node)]
    found = value.data if isinstance(value.data, list) else [None]
    if not all(isinstance(each, dict) for each in found):
        raise Refused("<< takes a mapping, or a list of them", line)
    inner = value.node.inner or {}
    return [(each, inner[index]) for index, each in enumerate(found)]


def _check_tag(event: Any, line: int) -> None:
    tag = event.tag
    if tag is None or tag == "!":
        return
    plain = {
        yaml.ScalarEvent: ("str", "int", "float", "bool", "null"),
        yaml.MappingStartEvent: ("map",),
        yaml.SequenceStartEvent: ("seq",),
    }
    if tag not in [f"{_TAG}{name}" for name in plain[type(event)]]:
        raise Refused(f"tag {tag.replace(_TAG, '!!')} is not known to Kubernetes", line)


def _scalar(event: Any, line: int) -> Any:
    text = event.value
    if event.tag is None:
        value = _resolve(text) if not event.style else text
    elif event.tag in ("!", f"{_TAG}str"):
        value = text
    else:
        value = _resolve(text)
    if isinstance(value, float) and not math.isfinite(value):
        raise Refused(f"{text} is no number that JSON has", line)
    return value


def _resolve(text: str) -> Any:
    """Plain text as the value that it stands for."""
    if text in _NULLS:
        return None
    if text[0] in _FIRST:
        return _number(text)
    return _BOOLEANS.get(text, text)


def _number(text: str) -> Any:
    if _INT.fullmatch(text):
        digits = text.replace("_", "")
        sign, plain = (-1, digits[1:]) if digits[0] == "-" else (1, digits.lstrip("+"))
        if len(plain) > 1 and plain[0] == "0" and plain[1] not in "bxo":
            return sign * int(plain, 8)
        try:
            return sign * int(plain, 0) if len(plain) <= _MAX_DIGITS else text
        except ValueError:  # 0x_
            return text
    plain = text if text[0] == "." else text.replace("_", "")
    if _FLOAT.fullmatch(plain):
        return float(plain)
    if _SPECIAL.fullmatch(text):
        return math.nan
    return text
