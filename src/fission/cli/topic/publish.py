"""``fission topic publish``."""

from typing import Any, Final

from fission.cli import command as commands
from fission.cli import context, errors, options
from fission.cli.topic import events
from fission.contracts import statestore as wire

_JSON: Final = "application/json"


@commands.command(
    "Publish a message to a topic of the built-in queue.\n\n"
    "  fission topic publish --topic orders --data '{\"id\": 7}'"
)
@options.string("--topic", help="Name of the topic", required=True)
@options.string("--data", help="The message", required=True)
@options.string("--content-type", help="What the message is", default=_JSON)
@options.string("--mqtype", help="Kind of queue: statestore", default=events.STATESTORE)
@options.string("--key", help="Messages with the same key are handled in order")
async def command(session: context.Session, topic: str, data: str, **flags: Any) -> None:
    """Publish one."""
    queue = flags["mqtype"] or events.STATESTORE
    if queue != events.STATESTORE:
        raise errors.UsageError(
            f"--mqtype {queue}: only statestore is published to from here;"
            " use the broker's own client for others"
        )
    event = wire.Event(
        type=flags["content_type"] or _JSON, payload=data.encode(), key=flags["key"] or ""
    )
    request = wire.AppendRequest(
        stream=events.stream(session, topic), expected_seq=wire.ANY, events=[event]
    )
    await events.call(session, wire.APPEND, request, wire.HeadResponse)
    session.out.line(f'published to topic "{topic}" in namespace "{session.namespace}" ({queue})')
