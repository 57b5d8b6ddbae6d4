"""``fission topic peek``."""

import datetime
from typing import Final

from fission.base import clock as clocks
from fission.cli import command as commands
from fission.cli import context, errors, options, output
from fission.cli.topic import events
from fission.contracts import statestore as wire

_HEADER: Final = ("SEQ", "TYPE", "AGE", "PAYLOAD")
_LIMIT: Final = 10
_SHOWN: Final = 100
_MAX_BYTES: Final = 1 << 20


@commands.command(
    "Show the newest messages of a topic; none is taken out.\n\n"
    "  fission topic peek --topic orders --limit 3",
)
@options.string("--topic", help="Name of the topic", required=True)
@options.integer("--limit", help="Most messages shown", default=_LIMIT)
async def command(session: context.Session, topic: str, limit: int | None) -> None:
    """Show them."""
    limit = _LIMIT if limit is None else limit
    if not 1 <= limit <= wire.MAX_PAGE:
        raise errors.UsageError(f"--limit {limit}: want 1 to {wire.MAX_PAGE}")
    stream = events.stream(session, topic)
    head = await events.call(
        session, wire.HEAD, wire.StreamRequest(stream=stream), wire.HeadResponse
    )
    rows: list[tuple[str, ...]] = []
    now = session.clock.now()
    after = max(0, head.head - limit)
    while after < head.head:  # large ones do not come all at once
        request = wire.ReadRequest(
            stream=stream, from_seq=after, limit=head.head - after, max_bytes=_MAX_BYTES
        )
        found = await events.call(session, wire.READ, request, wire.ReadResponse)
        if not found.events:
            break
        rows += [_row(event, now) for event in found.events]
        after = found.events[-1].seq
    session.out.line(f"head: {head.head}")
    session.out.table(_HEADER, rows)


def _row(event: wire.Event, now: datetime.datetime) -> tuple[str, ...]:
    age = output.format_age(clocks.format_rfc3339(event.at) if event.at else None, now)
    return (str(event.seq), event.type, age, output.one_line(_text(event.payload), _SHOWN))


def _text(payload: bytes) -> str:
    try:
        return payload.decode()
    except UnicodeDecodeError:
        return f"{len(payload)} bytes: {payload[:32].hex(' ')}"
