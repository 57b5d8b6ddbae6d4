"""How programs are run: variables of the container, then the package's own ``binary.env``.

``binary.env`` holds lines ``NAME=value`` with the same names; what it says wins, so that packages
of one environment may differ. Blank lines and lines that begin with ``#`` mean nothing.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass

from fission_binary import errors

FILE = "binary.env"
PREFIX = "BINARY_"
MODES = ("request", "server")
OUTPUTS = ("body", "cgi")


@dataclass(frozen=True)
class Settings:
    """How one program is run."""

    mode: str = "request"
    """``request``: one process per request; ``server``: one process that listens on ``PORT``."""
    output: str = "body"
    """``body``: standard output is the body of a 200; ``cgi``: it begins with header lines."""
    timeout_seconds: float = 3600.0
    """Longest run for one request. The router's own limit, the function's timeout, ends a call
    sooner: its connection closes."""
    start_timeout_seconds: float = 30.0
    """How long a server may take until it listens."""


def load(env: Mapping[str, str], folder: str | None) -> Settings:
    """Settings for a package; LoadError names a wrong one and where it stands."""
    found = {name: (value, "the environment") for name, value in env.items() if _is_ours(name)}
    if folder is not None:
        path = os.path.join(folder, FILE)
        found |= {name: (value, FILE) for name, value in _read(path).items()}
    values: dict[str, object] = {}
    for name, (value, where) in found.items():
        if name not in _FIELDS:
            known = ", ".join(sorted(_FIELDS))
            raise errors.LoadError(f"{where}: {name} is no setting; there are {known}")
        field, allowed = _FIELDS[name]
        values[field] = _number(name, value, where) if allowed is None else value
        if allowed is not None and value not in allowed:
            raise errors.LoadError(
                f"{where}: {name}: found {value!r}, allowed are {' and '.join(allowed)}"
            )
    return Settings(**values)  # type: ignore[arg-type]


_FIELDS: dict[str, tuple[str, tuple[str, ...] | None]] = {
    "BINARY_MODE": ("mode", MODES),
    "BINARY_OUTPUT": ("output", OUTPUTS),
    "BINARY_TIMEOUT": ("timeout_seconds", None),
    "BINARY_START_TIMEOUT": ("start_timeout_seconds", None),
}


def _is_ours(name: str) -> bool:
    return name.startswith(PREFIX) and name in _FIELDS


def _read(path: str) -> dict[str, str]:
    try:
        with open(path, encoding="utf-8") as file:
            lines = [line.strip() for line in file]
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError) as error:
        raise errors.LoadError(f"{FILE} cannot be read: {error}") from error
    found = {}
    for number, line in enumerate(lines, 1):
        if not line or line.startswith("#"):
            continue
        name, equals, value = line.partition("=")
        if not equals:
            raise errors.LoadError(f"{FILE}, line {number}: found {line!r}, needs NAME=value")
        found[name.strip()] = value.strip()
    return found


def _number(name: str, value: str, where: str) -> float:
    try:
        seconds = float(value)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < 1e9:
        raise errors.LoadError(f"{where}: {name}: found {value!r}, needs seconds above 0")
    return seconds
