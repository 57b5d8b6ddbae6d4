"""What the Function's conditions should say. Pure.

A verdict is the outcome of the last specialization of one generation. It is remembered by the
process that saw it; after a restart the condition itself is the memory, so a failure stays visible
until the function changes or works.
"""

from __future__ import annotations

import copy
import datetime
from dataclasses import dataclass
from typing import Final

from fission.api import conditions as kinds
from fission.api import function_lifecycle, function_types
from fission.executor.poolmgr import provisioning_plan
from fission.meta import conditions

MAX_MESSAGE_CHARS: Final = 4096
"""A traceback's end; the condition's schema allows more than a person wants to read."""
FAILED: Final = "SpecializationFailed"


@dataclass(frozen=True, slots=True)
class Verdict:
    """How the last specialization of a generation ended; an empty reason is success."""

    generation: int
    reason: str = ""
    message: str = ""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What is wrong around a function, as (reason, message); None where nothing is."""

    executor: tuple[str, str] | None = None
    environment: tuple[str, str] | None = None
    package: tuple[str, str] | None = None
    has_package: bool = True
    """A container function has none, and no condition that speaks of one."""


def plan_status(
    function: function_types.Function,
    around: Surroundings,
    verdict: Verdict | None,
    now: datetime.datetime,
    provisioned: provisioning_plan.Report | None = None,
) -> function_types.FunctionStatus | None:
    """The status to write, or None when the present one says it all."""
    changed = copy.copy(function)
    changed.status = copy.deepcopy(function.status)
    generation = function.metadata.generation
    if verdict is None or verdict.generation != generation:
        verdict = _remembered(function)
    moved = _provisioned(changed, provisioned, now)
    if not around.has_package:
        moved |= function_lifecycle.drop_package(changed)
    elif around.package is not None:
        moved |= function_lifecycle.mark_package_not_ready(changed, *around.package, now)
    elif around.executor is None:
        moved |= function_lifecycle.mark_package_ready(changed, now)
    problem = around.executor or around.environment or around.package
    if problem is None and verdict is not None and verdict.reason:
        problem = (verdict.reason, tail(verdict.message))
    if problem is not None:
        moved |= function_lifecycle.mark_not_ready(changed, *problem, now)
    else:
        moved |= function_lifecycle.mark_ready(changed, now)
    return changed.status if moved else None


def _provisioned(
    function: function_types.Function,
    report: provisioning_plan.Report | None,
    now: datetime.datetime,
) -> bool:
    if function.spec.provisioned_concurrency is None:
        return function_lifecycle.drop_provisioned(function)
    if report is None or report.generation != function.metadata.generation:
        return False
    if not report.reason:
        return function_lifecycle.drop_provisioned(function)
    return function_lifecycle.mark_provisioned(
        function,
        (report.ready, report.target, report.asked),
        (report.value, report.reason, tail(report.message, MAX_MESSAGE_CHARS)),
        now,
    )


def tail(message: str, limit: int = MAX_MESSAGE_CHARS) -> str:
    """The end of a text: of a traceback the part that says what happened."""
    return message if len(message) <= limit else "…" + message[1 - limit :]


def _remembered(function: function_types.Function) -> Verdict | None:
    found = conditions.get(function.status.conditions, kinds.READY)
    if found is None or found.get("reason") != FAILED:
        return None
    if found.get("observedGeneration") != function.metadata.generation:
        return None
    return Verdict(function.metadata.generation, FAILED, str(found.get("message") or ""))
