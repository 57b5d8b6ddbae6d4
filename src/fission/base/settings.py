"""Environment variables → a frozen dataclass; what is misspelt or malformed stops the process.

A settings dataclass maps its fields to variables by ``setting("NAME", default)``. Field types
decide how text is read: ``str``, ``int``, ``float``, ``bool`` and ``tuple[str, ...]`` (commas).
Durations are floats in seconds and accept Go's form too (``50ms``, ``1m30s``), as Fission's do.
"""

from __future__ import annotations

import dataclasses
import re
import typing
from collections.abc import Mapping
from typing import Any, TypeVar

from fission.base import errors

T = TypeVar("T")

_UNITS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ns|us|µs|ms|s|m|h)")


def setting(variable: str, default: Any) -> Any:
    """Declare a field that is read from ``variable``."""
    return dataclasses.field(default=default, metadata={"variable": variable})


def required(variable: str) -> Any:
    """Declare a field that has no default: a missing variable stops the process."""
    return dataclasses.field(metadata={"variable": variable})


def load(cls: type[T], env: Mapping[str, str], *, refuse_prefix: str | None = None) -> T:
    """Read ``cls`` from the environment.

    With ``refuse_prefix`` a variable that begins with it and belongs to no field is an error, so
    that a misspelt setting does not silently stay at its default. Raises SettingsError.
    """
    hints = typing.get_type_hints(cls)
    values: dict[str, Any] = {}
    known = set()
    for field in dataclasses.fields(cls):  # type: ignore[arg-type]
        variable = field.metadata.get("variable")
        if variable is None:
            continue
        known.add(variable)
        text = env.get(variable)
        if text is None or text == "":
            if field.default is dataclasses.MISSING:
                raise errors.SettingsError(f"{variable} must be set")
            continue
        values[field.name] = _parse(variable, text, hints[field.name])
    if refuse_prefix is not None:
        for name in env:
            if name.startswith(refuse_prefix) and name not in known:
                raise errors.SettingsError(
                    f"{name} is not a setting of {cls.__name__}; known: {', '.join(sorted(known))}"
                )
    return cls(**values)


def check_least(*limits: tuple[str, float, float]) -> None:
    """Refuse values that are too small: triples of variable, value and the least that it may be.

    Raises SettingsError.
    """
    for variable, value, least in limits:
        if value < least:
            raise errors.SettingsError(f"{variable} must be at least {least}, not {value}")


def parse_duration_seconds(text: str) -> float:
    """Read a Go duration or a plain number of seconds; raises ValueError."""
    try:
        return float(text)
    except ValueError:
        pass
    position = 0
    total = 0.0
    for match in _DURATION.finditer(text):
        if match.start() != position:
            break
        total += float(match[1]) * _UNITS[match[2]]
        position = match.end()
    if position != len(text) or not text:
        raise ValueError(f"{text!r} is not a duration such as 50ms, 30s or 1m30s")
    return total


def _parse(variable: str, text: str, kind: Any) -> Any:
    try:
        if kind is str or kind == str | None:
            return text
        if kind is bool:
            return _parse_bool(text)
        if kind is int or kind == int | None:
            return int(text)
        if kind is float or kind == float | None:
            return parse_duration_seconds(text)
        if kind == tuple[str, ...]:
            return tuple(part.strip() for part in text.split(",") if part.strip())
    except ValueError as error:
        raise errors.SettingsError(f"{variable}: {error}") from error
    raise TypeError(f"{variable}: no reader for {kind!r}")


def _parse_bool(text: str) -> bool:
    lowered = text.lower()
    if lowered in ("1", "true", "yes", "on"):
        return True
    if lowered in ("0", "false", "no", "off"):
        return False
    raise ValueError(f"{text!r} is neither true nor false")
