"""What functions do, as routers and executors count it: a metrics page as numbers by function.

The pages are Prometheus' text form (``docs/reference/metrics.md``). Counters of a process begin at
0 and never shrink, unless a function's series were dropped when it was deleted. The controller
hands out the pages of all processes, read, as JSON.
"""

import re
from collections.abc import Iterable
from typing import Final

import msgspec

PATH: Final = "/v2/activity"
"""Of the controller; ``namespace`` bounds it."""

CALLS: Final = "fission_function_calls_total"
ERRORS: Final = "fission_function_errors_total"
DURATION: Final = "fission_function_duration_seconds_bucket"
COLD_STARTS: Final = "fission_function_cold_starts_total"
STARTED: Final = "process_start_time_seconds"

_SAMPLE: Final = re.compile(r"^(\w+)(?:\{(.*)\})?\s+(\S+)")
_LABEL: Final = re.compile(r'(\w+)="((?:\\.|[^"\\])*)"')
_WANTED: Final = (CALLS, ERRORS, DURATION, COLD_STARTS)

Key = tuple[str, str]
"""Namespace and name of a function."""


class Counts(msgspec.Struct, rename="camel", omit_defaults=True):
    """Of one function since the process began."""

    namespace: str
    name: str
    calls: float = 0
    errors: float = 0
    """Those answered with 400 or above."""
    buckets: dict[str, float] = {}
    """Calls that took up to so many seconds (``+Inf``: all), each with those of the lesser ones."""
    cold_starts: float = 0


class Process(msgspec.Struct, rename="camel", omit_defaults=True):
    """What one router or executor has counted."""

    process: str
    """The name of its pod."""
    started: float = 0
    """Seconds since the epoch; 0 is unknown."""
    functions: list[Counts] = []


Processes = list[Process]


def read(process: str, page: str, namespace: str = "") -> Process:
    """The counts on a metrics page; of one namespace, if it is given."""
    found = Process(process)
    by_key: dict[Key, Counts] = {}
    for line in page.splitlines():
        if line.startswith(STARTED):
            sample = _SAMPLE.match(line)
            found.started = float(sample[3]) if sample else 0
        elif line.startswith(_WANTED):
            sample = _SAMPLE.match(line)
            if sample is not None:
                _take(by_key, sample[1], sample[2] or "", float(sample[3]), namespace)
    found.functions = list(by_key.values())
    return found


def _take(
    by_key: dict[Key, Counts], metric: str, labels: str, value: float, namespace: str
) -> None:
    named = dict(_LABEL.findall(labels))
    key = named.get("function_namespace", ""), named.get("function_name", "")
    if namespace and key[0] != namespace:
        return
    counts = by_key.get(key)
    if counts is None:
        counts = by_key[key] = Counts(*key)
    if metric == CALLS:
        counts.calls += value
    elif metric == ERRORS:
        counts.errors += value
    elif metric == COLD_STARTS:
        counts.cold_starts += value
    elif metric == DURATION:
        bound = named.get("le", "+Inf")
        counts.buckets[bound] = counts.buckets.get(bound, 0) + value


def encode(processes: Iterable[Process]) -> bytes:
    """The controller's answer."""
    return msgspec.json.encode(list(processes))


def decode(content: bytes) -> Processes:
    """The same read again; raises ``msgspec.MsgspecError``."""
    return msgspec.json.decode(content, type=Processes)
