"""What routers counted: from a metrics page to numbers, and the difference of two looks. Pure.

Counters of a process begin at 0 and never shrink, so a process that began after the window did
counts from 0; one whose count shrank (the function's series were dropped) does as well. Of a
process that was there already and was not looked at when the window began nothing is known: it is
left out. What a process had counted that ended within the window is lost with it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from fission.api import canaryconfig_types
from fission.canary import plan

CALLS: Final = "fission_function_calls_total"
ERRORS: Final = "fission_function_errors_total"
STARTED: Final = "process_start_time_seconds"
_SAMPLE: Final = re.compile(r"^(\w+)(?:\{(.*)\})?\s+(\S+)")
_LABEL: Final = re.compile(r'(\w+)="((?:\\.|[^"\\])*)"')
_ESCAPE: Final = re.compile(r"\\(.)")


@dataclass(frozen=True, slots=True)
class Subject:
    """Whose calls are counted: one function's, as they come through one trigger."""

    namespace: str
    function: str
    path: str
    methods: frozenset[str] = frozenset()
    """Empty: whatever there is."""


def read(page: str, router: str, subject: Subject) -> canaryconfig_types.RouterCount:
    """The counts of one router, from its metrics page."""
    found = canaryconfig_types.RouterCount(router)
    needle = f'function_name="{subject.function}"'
    for line in page.splitlines():
        if line.startswith(STARTED):
            sample = _SAMPLE.match(line)
            found.started = sample[3] if sample else ""
        elif needle in line and line.startswith((CALLS, ERRORS)):
            sample = _SAMPLE.match(line)
            if sample is None or not _is_of(subject, sample[2] or ""):
                continue
            if sample[1] == CALLS:
                found.calls += int(float(sample[3]))
            elif sample[1] == ERRORS:
                found.errors += int(float(sample[3]))
    return found


def _is_of(subject: Subject, labels: str) -> bool:
    found = {name: _ESCAPE.sub(_unescape, value) for name, value in _LABEL.findall(labels)}
    return (
        found.get("function_namespace") == subject.namespace
        and found.get("function_name") == subject.function
        and found.get("path") == subject.path
        and (not subject.methods or found.get("method") in subject.methods)
    )


def _unescape(match: re.Match[str]) -> str:
    return "\n" if match[1] == "n" else match[1]


def difference(
    before: Iterable[canaryconfig_types.RouterCount],
    after: Iterable[canaryconfig_types.RouterCount],
    since_seconds: float,
) -> plan.Counted:
    """What was counted between two looks; ``since_seconds``: the first's time since the epoch."""
    known = {one.router: one for one in before}
    calls = errors = 0
    for one in after:
        base = known.get(one.router)
        if base is None and not _began_after(one.started, since_seconds):
            continue
        is_same = (
            base is not None
            and base.started == one.started
            and base.calls <= one.calls
            and base.errors <= one.errors
        )
        calls += one.calls - (base.calls if base is not None and is_same else 0)
        errors += one.errors - (base.errors if base is not None and is_same else 0)
    return plan.Counted(calls, min(errors, calls))


def _began_after(started: str, since_seconds: float) -> bool:
    try:
        return float(started) >= since_seconds
    except ValueError:
        return False
