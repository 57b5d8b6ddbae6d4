"""From the flags of ``timer create`` and ``timer update`` to the fields of a TimeTrigger."""

from typing import Any

from fission.api import labels, timetrigger_types
from fission.cli import options
from fission.cli.timetrigger import schedule


def flags(function: Any) -> Any:
    """Flags that create and update share."""
    for decorate in reversed(
        (
            options.string("--function", help="Function to call"),
            options.string(
                "--cron",
                help="When: five fields, six with seconds first, @daily, @every 90s;"
                " 'CRON_TZ=Europe/Berlin ' in front names the zone, otherwise UTC",
            ),
            options.string("--method", help="Method of the call", default="POST"),
            options.string("--subpath", help="Path that the function sees", default="/"),
            options.string(
                "--missedgrace",
                help="How late a missed tick may still be fired, as in 1h; 0s never;"
                " '-' for the timer's own setting",
            ),
        )
    ):
        function = decorate(function)
    return function


def is_empty(given: Any) -> bool:
    """Nothing was asked for."""
    values = (given.function, given.cron, given.method, given.subpath, given.missedgrace)
    return all(value is None for value in values)


def apply(trigger: timetrigger_types.TimeTrigger, given: Any) -> None:
    """Set what was given."""
    spec = trigger.spec
    if given.function is not None:
        spec.function_ref.name = given.function
    if given.cron is not None:
        schedule.parse(given.cron)
        spec.cron = given.cron
    if given.method is not None:
        spec.method = given.method.upper()
    if given.subpath is not None:
        path = given.subpath
        spec.sub_path = path if not path or path.startswith("/") else f"/{path}"
    if given.missedgrace is not None:
        annotations = dict(trigger.metadata.annotations)
        annotations.pop(labels.TIMER_MISSED_GRACE, None)
        if given.missedgrace != "-":
            annotations[labels.TIMER_MISSED_GRACE] = given.missedgrace
        trigger.metadata.annotations = annotations
