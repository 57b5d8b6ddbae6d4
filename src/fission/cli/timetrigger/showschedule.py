"""``fission timetrigger showschedule``."""

from fission.api import objects, resources, timetrigger_types
from fission.cli import command as commands
from fission.cli import context, errors, lookups, options
from fission.cli.timetrigger import schedule

MOST_ROUNDS = 1000


@commands.command(
    "Show the next ticks of a schedule, by the server's clock.\n\n"
    "  fission timer showschedule --cron 'CRON_TZ=Europe/Berlin 30 2 * * *' --round 5"
)
@options.string("--cron", help="Schedule to try")
@options.string("--name", help="A timer whose schedule is shown instead")
@options.integer("--round", help="How many ticks", default=1)
async def command(
    session: context.Session, cron: str | None, name: str | None, round: int | None
) -> None:
    """Show them."""
    if bool(cron) == bool(name):
        raise errors.UsageError("need either --cron or --name argument")
    rounds = 1 if round is None else round
    if not 1 <= rounds <= MOST_ROUNDS:
        raise errors.UsageError(f"--round {rounds}: want 1 to {MOST_ROUNDS}")
    if cron:
        await schedule.show(session, schedule.parse(cron), rounds)
        return
    raw = await lookups.get(session, resources.TIMETRIGGERS, str(name))
    trigger = objects.decode(timetrigger_types.TimeTrigger, raw)
    since = trigger.status.since if trigger.status.cron == trigger.spec.cron else ""
    since = since or trigger.metadata.creation_timestamp or ""
    await schedule.show(session, schedule.parse(trigger.spec.cron), rounds, since)
