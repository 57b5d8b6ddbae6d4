"""Timers as a table."""

from typing import Any

from fission.api import objects, timetrigger_defaults, timetrigger_types
from fission.cli import context, deliveries, lookups, output, views

HEADER = ("NAME", "CRON", "FUNCTION_NAME", "METHOD", "SUBPATH", "READY")
WIDE = ("NAMESPACE", "AGE", "LAST_TICK", "NEXT_TICK", "MISSED", "UNKNOWN")


def show(session: context.Session, found: list[dict[str, Any]], *, wide: bool) -> None:
    """Print them."""
    if not wide:
        session.out.table(HEADER, [_row(each) for each in found])
        return
    session.out.table(
        (*HEADER, *WIDE, *deliveries.HEADER),
        [
            (
                *_row(each),
                lookups.namespace_of(each),
                views.age(session, each),
                *_ticks(each),
                *deliveries.columns(session, each),
            )
            for each in found
        ],
    )


def show_ticks(session: context.Session, trigger: dict[str, Any]) -> None:
    """Print when it was fired last and will be next; nothing before a timer has seen it."""
    if (trigger.get("status") or {}).get("cron"):
        session.out.line("\nTICKS:")
        session.out.table(WIDE[2:], [_ticks(trigger)])


def _row(raw: dict[str, Any]) -> tuple[str, ...]:
    spec = objects.decode(timetrigger_types.TimeTrigger, raw).spec
    return (
        lookups.name_of(raw),
        spec.cron,
        spec.function_ref.name,
        timetrigger_defaults.method(spec),
        timetrigger_defaults.sub_path(spec),
        views.ready(raw),
    )


def _ticks(raw: dict[str, Any]) -> tuple[str, ...]:
    status = raw.get("status") or {}
    return (
        status.get("lastFireTime") or output.NONE,
        status.get("nextFireTime") or output.NONE,
        str(status.get("missed") or 0),
        str(status.get("unknown") or 0),
    )
