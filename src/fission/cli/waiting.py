"""``wait`` of every kind: until a condition has a status, or until time is up."""

import asyncio
import contextlib
from typing import Final

from fission.cli import context, errors, output, progress
from fission.meta import conditions, gvk, status

_FIRST_POLL_SECONDS: Final = 0.1
_POLL_SECONDS: Final = 1.0
_STATUSES: Final = ("True", "False", "Unknown")


async def run(
    session: context.Session,
    resource: gvk.Resource,
    name: str,
    wanted: str,
    timeout_seconds: float | None,
) -> None:
    """Look every second, at first more often; an object that is not there counts as not yet."""
    type_, value = parse(wanted)
    timeout = 60.0 if timeout_seconds is None else timeout_seconds
    deadline = session.clock.monotonic() + timeout
    word = f"{resource.singular}/{name}"
    pause = _FIRST_POLL_SECONDS
    with contextlib.ExitStack() as stack:
        spinner: progress.Spinner | None = None
        while True:
            seen, why = await _status(session, resource, name, type_)
            if seen == value:
                break
            if session.clock.monotonic() >= deadline:
                raise errors.CliError(
                    f"timed out waiting for condition {type_}={value} on {word} (last seen {seen})",
                    why=why,
                    remedy=f"wait longer with --timeout, now {timeout:g}s"
                    if seen != "not found"
                    else "",
                )
            told = f"{word}: {type_} is {seen}, waiting for {value}"
            if spinner is None:
                spinner = stack.enter_context(session.out.spinner(told))
            spinner.say(told)
            await asyncio.sleep(min(pause, max(deadline - session.clock.monotonic(), 0.0)))
            pause = min(2 * pause, _POLL_SECONDS)
    session.out.line(f"{word} condition met: {type_}={value}")


def parse(wanted: str) -> tuple[str, str]:
    """``condition=Ready`` or ``condition=Ready=False`` as type and status."""
    word, _, rest = wanted.partition("=")
    type_, _, value = rest.partition("=")
    value = value or "True"
    if word != "condition" or not type_ or value not in _STATUSES:
        raise errors.UsageError(
            f'invalid --for "{wanted}": want condition=<Type>[=True|False|Unknown]'
        )
    return type_, value


async def _status(
    session: context.Session, resource: gvk.Resource, name: str, type_: str
) -> tuple[str, str]:
    """The condition's status, and its reason and message if it says any."""
    try:
        found = await session.backend.get(resource, name, session.namespace)
    except status.NotFound:
        return "not found", ""
    condition = conditions.get((found.get("status") or {}).get("conditions"), type_)
    if not condition:
        return "not set", ""
    said = output.one_line(
        ": ".join(str(condition[key]) for key in ("reason", "message") if condition.get(key))
    )
    return str(condition["status"]), said
