"""How long the last start of a function took, by step: an annotation that the executor writes.

``{"at": <RFC 3339>, "totalMs": n, "steps": [{"name": "pod", "ms": n}, …]}`` under
``api.labels.COLD_START``, on a specialized pod of poolmgr and on the Deployment of a function that
has one. Steps follow each other; what they leave of the total was spent between them. A fetcher
tells its own steps in the ``Server-Timing`` header of its answer.

Steps of poolmgr: ``lookup`` (environment, package, settings), ``pod`` (until a generic pod was
there), ``turn`` (until this function was next to load), the fetcher's ``fetch``, ``settings`` and
``load``, and ``calls`` (the way there and back). Of the others: ``scale`` and ``ready``.
"""

import datetime
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import msgspec

from fission.base import clock as clocks

LOOKUP: Final = "lookup"
POD: Final = "pod"
TURN: Final = "turn"
CALLS: Final = "calls"
SCALE: Final = "scale"
READY: Final = "ready"

TIMING_HEADER: Final = "Server-Timing"
MAX_STEPS: Final = 16
"""Of a header that somebody else's fetcher wrote."""


@dataclass(frozen=True, slots=True)
class Step:
    """One part of a start."""

    name: str
    ms: float


@dataclass(frozen=True, slots=True)
class ColdStart:
    """A start as it is told to people."""

    at: str
    """When it was over, RFC 3339."""
    total_ms: float
    steps: tuple[Step, ...]


class _Wire(msgspec.Struct, rename="camel"):
    at: str
    total_ms: float
    steps: list[Step]


def make(at: datetime.datetime, total_seconds: float, steps: Iterable[Step]) -> ColdStart:
    """A start that is over now."""
    return ColdStart(clocks.format_rfc3339(at), round(total_seconds * 1000, 1), tuple(steps))


def encode(start: ColdStart) -> str:
    """The annotation's value."""
    wire = _Wire(start.at, start.total_ms, list(start.steps))
    return msgspec.json.encode(wire).decode()


def decode(value: str) -> ColdStart | None:
    """What an annotation says; None when it says nothing that can be read."""
    try:
        wire = msgspec.json.decode(value, type=_Wire)
    except msgspec.MsgspecError:
        return None
    return ColdStart(wire.at, wire.total_ms, tuple(wire.steps))


def make_header(steps: Iterable[Step]) -> str:
    """``fetch;dur=3.1, load;dur=5.0``."""
    return ", ".join(f"{step.name};dur={step.ms:.1f}" for step in steps)


def parse_header(value: str) -> list[Step]:
    """The steps of a ``Server-Timing`` header; what is not understood is left out."""
    steps = []
    for part in value.split(",")[:MAX_STEPS]:
        name, *parameters = (word.strip() for word in part.split(";"))
        for parameter in parameters:
            key, _, number = parameter.partition("=")
            if key.strip() == "dur" and name:
                try:
                    steps.append(Step(name, max(0.0, float(number))))
                except ValueError:
                    continue
    return steps
