"""Whether this interpreter fits a ``requires-python``. Pure.

Only what such a line says in practice: release numbers and the operators of version specifiers. A
clause that is anything else is left to the installer to judge.
"""

from __future__ import annotations

import re

_CLAUSE = re.compile(r"\s*(~=|==|!=|<=|>=|<|>)\s*(\d+(?:\.\d+)*)(\.\*)?\s*")

Version = tuple[int, ...]


def fits(specifier: str, python: Version) -> bool:
    """Whether every clause holds for an interpreter of this version, such as (3, 11, 7)."""
    return all(_holds(clause, python) for clause in specifier.split(",") if clause.strip())


def _holds(clause: str, python: Version) -> bool:
    match = _CLAUSE.fullmatch(clause)
    if match is None:
        return True
    operator, text, wildcard = match.groups()
    wanted = tuple(int(part) for part in text.split("."))
    prefix = python[: len(wanted)] == wanted
    if wildcard:
        return prefix == (operator == "==")
    if operator == "~=":
        return _padded(python) >= _padded(wanted) and python[: len(wanted) - 1] == wanted[:-1]
    ours, theirs = _padded(python), _padded(wanted)
    return {
        "==": ours == theirs,
        "!=": ours != theirs,
        "<=": ours <= theirs,
        ">=": ours >= theirs,
        "<": ours < theirs,
        ">": ours > theirs,
    }[operator]


def _padded(version: Version) -> Version:
    return (*version, 0, 0, 0)[:3]
