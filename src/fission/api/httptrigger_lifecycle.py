"""The conditions of an HTTPTrigger. The router is the one writer."""

import datetime
from typing import Final

from fission.api import conditions, httptrigger_types

ADMITTED: Final = "RouteAdmitted"
MUX_BUILD_FAILED: Final = "MuxBuildFailed"
INVALID_CORS_CONFIG: Final = "InvalidCorsConfig"
INVALID_INGRESS_CONFIG: Final = "InvalidIngressConfig"
FUNCTION_NOT_FOUND: Final = "FunctionNotFound"
ROUTE_CONFLICT: Final = "RouteConflict"
INVALID_ROUTE_TEMPLATE: Final = "InvalidRouteTemplate"


def mark_admitted(trigger: httptrigger_types.HTTPTrigger, now: datetime.datetime) -> bool:
    """The route is in the table."""
    message = "the route is served"
    if not (trigger.spec.methods or trigger.spec.method):
        message += ", but spec.methods is empty: every request is answered with 405"
    return _mark(trigger, conditions.TRUE, ADMITTED, message, now)


def mark_refused(
    trigger: httptrigger_types.HTTPTrigger, reason: str, message: str, now: datetime.datetime
) -> bool:
    """The route is not in the table, for one of the reasons above."""
    return _mark(trigger, conditions.FALSE, reason, message, now)


def is_ready(trigger: httptrigger_types.HTTPTrigger) -> bool:
    """Served as of the spec that it has."""
    return conditions.is_ready(trigger.status, trigger.metadata.generation)


def _mark(
    trigger: httptrigger_types.HTTPTrigger,
    value: str,
    reason: str,
    message: str,
    now: datetime.datetime,
) -> bool:
    generation = trigger.metadata.generation
    changes = [
        conditions.mark(trigger.status, type_, value, reason, message, generation, now)
        for type_ in (conditions.ROUTE_ADMITTED, conditions.READY)
    ]
    return any(changes)
