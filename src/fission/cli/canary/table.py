"""Canary configurations as a table."""

from typing import Any

from fission.api import canaryconfig_defaults, canaryconfig_types, objects
from fission.cli import context, lookups, output, views

HEADER = (
    "NAME",
    "TRIGGER",
    "FUNCTION-N",
    "FUNCTION-N-1",
    "WEIGHT-INCREMENT",
    "INTERVAL",
    "FAILURE-THRESHOLD",
    "FAILURE-TYPE",
    "STATUS",
    "READY",
)


def show(session: context.Session, found: list[dict[str, Any]], *, wide: bool) -> None:
    """Print them."""
    if not wide:
        session.out.table(HEADER, [_row(each) for each in found])
        return
    session.out.table(
        (*HEADER, "WEIGHT", "AGE", "NAMESPACE"),
        [
            (
                *_row(each),
                weight(each),
                views.age(session, each),
                lookups.namespace_of(each),
            )
            for each in found
        ],
    )


def weight(raw: dict[str, Any]) -> str:
    """The new function's weight in the interval under way."""
    window = (raw.get("status") or {}).get("window")
    return str(window.get("newWeight", 0)) if window else output.NONE


def _row(raw: dict[str, Any]) -> tuple[str, ...]:
    config = objects.decode(canaryconfig_types.CanaryConfig, raw)
    spec = config.spec
    return (
        lookups.name_of(raw),
        spec.trigger,
        spec.new_function,
        spec.old_function,
        str(canaryconfig_defaults.weight_increment(spec)),
        spec.duration or canaryconfig_defaults.INTERVAL,
        str(spec.failure_threshold),
        spec.failure_type or canaryconfig_types.STATUS_CODE,
        canaryconfig_defaults.status(config),
        views.ready(raw),
    )
