"""The delivery record of a trigger: columns of ``list -o wide`` and a block of ``get``.

The same for every kind of trigger, as ``status.delivery`` is.
"""

from typing import Any, Final

from fission.cli import context, output, views

Obj = dict[str, Any]

HEADER: Final = ("LAST_DELIVERY", "DELIVERED", "FAILED", "LAG", "LAST_ERROR")
_ERROR_WIDTH: Final = 80


def columns(session: context.Session, trigger: Obj) -> tuple[str, ...]:
    """Cells below ``HEADER``. Times are ages; what nobody knows is ``<none>``."""
    record = _record(trigger)
    now = session.clock.now()
    error = record.get("lastError") or {}
    shown = output.NONE
    if error:
        age = output.format_age(error.get("at"), now)
        shown = f"{output.one_line(str(error.get('message', '')), _ERROR_WIDTH)} ({age})"
    lag = record.get("lag")
    return (
        output.format_age(record.get("lastDelivered"), now),
        str(record.get("delivered", 0)),
        str(record.get("failed", 0)),
        output.NONE if lag is None else str(lag),
        shown,
    )


def show(session: context.Session, trigger: Obj) -> None:
    """Everything that is recorded of one trigger; nothing before its first event."""
    record = _record(trigger)
    if not record:
        return
    session.out.line("\nDELIVERY:")
    session.out.table(HEADER[:-1], [columns(session, trigger)[:-1]])
    error = record.get("lastError") or {}
    if error:
        age = output.format_age(error.get("at"), session.clock.now())
        message = output.one_line(str(error.get("message", "")), views.MESSAGE_WIDTH)
        session.out.line(f"Last error ({age} ago): {message}")


def _record(trigger: Obj) -> Obj:
    return (trigger.get("status") or {}).get("delivery") or {}
