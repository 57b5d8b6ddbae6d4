"""Names and reasons of the conditions on our kinds, and the one way in which they are set."""

import datetime
from typing import Final

from fission.api import reference_types
from fission.meta import conditions

READY: Final = "Ready"
PACKAGE_READY: Final = "PackageReady"
TOOL_EXPOSED: Final = "ToolExposed"
PROVISIONED: Final = "Provisioned"
BUILD_SUCCEEDED: Final = "BuildSucceeded"
ENVIRONMENT_CURRENT: Final = "EnvironmentCurrent"
OCI_PUBLISHED: Final = "OCIPublished"
ROUTE_ADMITTED: Final = "RouteAdmitted"
SCHEDULED: Final = "Scheduled"
SUBSCRIBED: Final = "Subscribed"
BINDING_READY: Final = "BindingReady"
PROGRESSING: Final = "Progressing"

TRUE: Final = "True"
FALSE: Final = "False"
UNKNOWN: Final = "Unknown"


def mark(
    status: reference_types.Status,
    type_: str,
    value: str,
    reason: str,
    message: str,
    generation: int,
    now: datetime.datetime,
) -> bool:
    """Set a condition that speaks of ``generation``; tells whether anything changed."""
    changed = conditions.set_condition(
        status.conditions, type_, value, reason, message, now, generation or None
    )
    if status.observed_generation != generation:
        status.observed_generation = generation
        return True
    return changed


def is_ready(status: reference_types.Status, generation: int) -> bool:
    """Ready, and said so of the spec as it is: a condition of an older generation counts not."""
    found = conditions.get(status.conditions, READY)
    if found is None or found.get("status") != TRUE:
        return False
    return int(found.get("observedGeneration") or generation) == generation
