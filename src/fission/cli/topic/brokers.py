"""Messages for a broker: into the queue from which mqtrigger sends them, if anybody will."""

from fission.cli import context, errors
from fission.cli.topic import events
from fission.contracts import egress, gojson
from fission.contracts import statestore as wire

_SETTINGS = "MQTRIGGER_{}_URL"


async def publish(session: context.Session, mq_type: str, job: egress.Job) -> None:
    """Put one message into the queue; raises when nobody would ever take it out."""
    if not egress.is_topic(mq_type, job.topic):
        raise errors.UsageError(f"invalid topic for {mq_type}: {job.topic}")
    state = await _state(session, mq_type)
    if state.is_hopeless:
        raise errors.CliError(
            f"nothing can be sent to {mq_type}",
            why=f"since {state.at}: {state.message}",
            remedy="mend the settings of the Deployment mqtrigger, and publish again",
        )
    request = wire.EnqueueRequest(queue=egress.queue(mq_type), body=wire.encode(job))
    await events.call(session, wire.ENQUEUE, request, wire.EnqueueResponse)
    if state.reason:
        session.out.note(
            f"{mq_type} is away since {state.at}: {state.message}. The message is kept and will be"
            " sent when it is back"
        )
    await _tell_of_dead_letters(session, mq_type)


async def _state(session: context.Session, mq_type: str) -> egress.State:
    request = wire.GetRequest(scope=egress.scope(), key=mq_type)
    try:
        found = await events.call(session, wire.KV_GET, request, wire.GetResponse)
        return egress.decode_state(found.value)
    except events.NotFound as error:
        variable = _SETTINGS.format(mq_type.partition("-")[0].upper())
        raise errors.CliError(
            f"the platform has no broker of type {mq_type}",
            why="nobody would send the message",
            remedy=f"set {variable} in the Deployment mqtrigger of the platform's namespace",
        ) from error
    except gojson.MessageError as error:
        raise errors.CliError(f"the state of {mq_type} is not readable: {error}") from error


async def _tell_of_dead_letters(session: context.Session, mq_type: str) -> None:
    queue = egress.queue(mq_type)
    stats = await events.call(
        session, wire.STATS, wire.QueueRequest(queue=queue), wire.StatsResponse
    )
    if stats.dead:
        session.out.note(
            f"dead letters of queue {queue}, which could not be sent before: {stats.dead};"
            " mqtrigger's log says why"
        )
