"""Words of messages about specs: the nearest known name, and what a value is. Pure."""

from collections.abc import Collection
from typing import Any, Final

from fission.cli import suggest

_FEW: Final = 20


def suggestion(key: str, known: Collection[str]) -> str:
    """``; did you mean name?`` for the nearest of the known words, or all if there are few."""
    close = suggest.nearest(key, known)
    if close:
        return f"; did you mean {close}?"
    return f"; known are {', '.join(sorted(known))}" if 0 < len(known) <= _FEW else ""


def name_of(value: Any) -> str:
    """A value of YAML in words."""
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return f"number {value}"
    if isinstance(value, str):
        shown = value if len(value) <= 40 else f"{value[:39]}…"
        return f'text "{shown}"'
    return "a mapping" if isinstance(value, dict) else "a list"
