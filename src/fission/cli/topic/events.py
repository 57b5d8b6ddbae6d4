"""Calls to the streams of topics, and what goes wrong with them in words."""

from typing import Final, TypeVar

import msgspec

from fission.cli import context, errors
from fission.cli.backend import http, protocol
from fission.contracts import gojson
from fission.contracts import statestore as wire

T = TypeVar("T", bound=msgspec.Struct)

STATESTORE: Final = "statestore"


class NotFound(errors.CliError):
    """The key is not there."""

    reason = "NotFound"


def stream(session: context.Session, topic: str) -> str:
    """The stream of a topic of the chosen namespace."""
    try:
        return wire.topic_stream(session.namespace, topic)
    except ValueError as error:
        raise errors.UsageError(f"--topic: {error}") from error


async def call(session: context.Session, path: str, request: msgspec.Struct, kind: type[T]) -> T:
    """One call; raises what it says when it fails."""
    answer = await session.backend.topic_events(path, wire.encode(request))
    if answer.status == 200:
        return wire.decode(answer.body, kind)
    raise _failure(answer)


def _failure(answer: protocol.Answer) -> Exception:
    if answer.status == 401 and not answer.body:
        return errors.CliError(
            "statestore refused the call",
            why="it is not signed with this platform's secret",
            remedy="set FISSION_INTERNAL_AUTH_SECRET to it",
        )
    try:
        body = wire.decode(answer.body, wire.ErrorBody)
    except gojson.MessageError:
        body = wire.ErrorBody()
    if body.code == wire.NOT_FOUND:
        return NotFound(f"statestore: {body.message}")
    if body.code in wire.STATUS_CODES:
        return errors.CliError(f"statestore: {body.message or body.code}")
    return http.error_of(answer.status, answer.body)
