"""Variables of the function, from the load request. Pure.

A pod is started before anybody knows for which function, so its variables come with the load
request. They are given to what runs for it, and never become variables of the runtime itself.
"""

from __future__ import annotations

from collections.abc import Mapping
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
