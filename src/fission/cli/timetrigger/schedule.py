"""What the command line says about a schedule: the server's time and the ticks to come."""

import datetime

from fission.base import clock as clocks
from fission.base import cron
from fission.base import errors as base_errors
from fission.cli import context, errors


def parse(text: str) -> cron.Schedule:
    """Read an expression; refused as a mistake of the command line."""
    try:
        return cron.parse(text)
    except cron.CronError as error:
        raise errors.UsageError(
            error.message, remedy="try schedules with `fission timer showschedule --cron '…'`"
        ) from error


async def show(
    session: context.Session, schedule: cron.Schedule, rounds: int, since: str = ""
) -> None:
    """Print the time there and the next ticks; ``since``: from when ``@every`` counts."""
    now = await _server_time(session)
    session.out.line(f"Current Server Time: {clocks.format_rfc3339(now)}")
    schedule = schedule.anchored(clocks.parse_rfc3339(since) if since else now)
    moment = now
    for number in range(1, rounds + 1):
        moment = schedule.next_after(moment)
        session.out.line(f"Next {number} invocation: {clocks.format_rfc3339(moment)}")


async def _server_time(session: context.Session) -> datetime.datetime:
    try:
        info = await session.backend.server_version()
        return clocks.parse_rfc3339(str((info.get("ServerTime") or {}).get("CurrentTime")))
    except (base_errors.Error, ValueError) as error:
        session.out.warning(f"the server's time could not be read, this is ours: {error}")
        return session.clock.now()
