"""``fission topic publish``."""

from typing import Any, Final

from fission.cli import command as commands
from fission.cli import context, errors, options
from fission.cli.topic import events
from fission.contracts import egress
from fission.contracts import statestore as wire

_JSON: Final = "application/json"
_TYPES: Final = (events.STATESTORE, *egress.TYPES)


@commands.command(
    "Publish a message to a topic of the built-in queue, or of the platform's broker.\n\n"
    "  fission topic publish --topic orders --data '{\"id\": 7}'\n"
    "  fission topic publish --mqtype kafka --topic orders --data '{\"id\": 7}'"
)
@options.string("--topic", help="Name of the topic", required=True)
@options.string("--data", help="The message", required=True)
@options.string("--content-type", help="What the message is", default=_JSON)
@options.string("--mqtype", help="Kind of queue: " + ", ".join(_TYPES), default=events.STATESTORE)
@options.string("--key", help="Messages with the same key are handled in order")
async def command(session: context.Session, topic: str, data: str, **flags: Any) -> None:
    """Publish one."""
    queue = flags["mqtype"] or events.STATESTORE
    content_type, key = flags["content_type"] or _JSON, flags["key"] or ""
    if queue not in _TYPES:
        raise errors.UsageError(
            f"unsupported message queue type {queue!r}", remedy=f"use one of {', '.join(_TYPES)}"
        )
    if queue != events.STATESTORE:
        from fission.cli.topic import brokers

        job = egress.Job(
            topic=topic,
            namespace=session.namespace,
            content_type=content_type,
            key=key,
            payload=data.encode(),
        )
        await brokers.publish(session, queue, job)
    else:
        event = wire.Event(type=content_type, payload=data.encode(), key=key)
        request = wire.AppendRequest(
            stream=events.stream(session, topic), expected_seq=wire.ANY, events=[event]
        )
        await events.call(session, wire.APPEND, request, wire.HeadResponse)
    session.out.line(f'published to topic "{topic}" in namespace "{session.namespace}" ({queue})')
