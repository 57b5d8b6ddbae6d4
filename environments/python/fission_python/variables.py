"""Variables of the function, from the load request. Pure but for `applied`.

A pod is started before anybody knows for which function, so its variables come with the load
request and are set before any of its code runs. What fails to load leaves none behind.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator, Mapping
from typing import Any

HEADER = "X-Fission-Env"
"""In the answer to a load request with variables: how many were set."""


def parse(load_request: Mapping[str, Any]) -> dict[str, str]:
    """The variables by name; ValueError for what cannot be one, which is not shown."""
    found = load_request.get("env") or {}
    if not isinstance(found, dict):
        raise ValueError("env is no object")
    for name, value in found.items():
        if not name or "=" in name or "\0" in name:
            raise ValueError(f"env: {name!r} cannot be the name of a variable")
        if not isinstance(value, str) or "\0" in value:
            raise ValueError(f"env: the value of {name} is no text without NUL")
    return found


def headers(variables: Mapping[str, str]) -> list[tuple[str, str]]:
    """What the answer to a load request says of them."""
    return [(HEADER, str(len(variables)))] if variables else []


@contextlib.contextmanager
def applied(variables: Mapping[str, str]) -> Iterator[None]:
    """Set them for this process and those that it starts; a failure inside takes them back."""
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    _note_timezone(variables)
    try:
        yield
    except BaseException:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
        _note_timezone(variables)
        raise


def _note_timezone(variables: Mapping[str, str]) -> None:
    if "TZ" in variables:
        time.tzset()
