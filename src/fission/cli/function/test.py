"""``fission function test``."""

import asyncio
import dataclasses
import datetime
import types
from typing import Any, Final

from fission.api import resources
from fission.base import clock as clocks
from fission.base import errors as base_errors
from fission.cli import command as commands
from fission.cli import context, errors, lookups, options
from fission.cli.backend import protocol
from fission.cli.function import calls, podlogs
from fission.contracts import invocation

_LOG_LINES: Final = 20
_ROUTE_SECONDS: Final = 5.0
"""The function exists, so a router without a route to it is about to learn of it."""
_LABEL_SECONDS: Final = 2.0
"""The function answered, so a pod of it exists; its labels follow behind the answer."""
_DEATH_SECONDS: Final = 2.0
_DEADLY: Final = (
    invocation.FUNCTION_ERROR,
    invocation.CONNECTION_REFUSED,
    invocation.DIAL_ERROR,
)
"""What is said of a call whose pod may have died."""
_PAUSE_SECONDS: Final = 0.05


@commands.command(
    "Call a function once and print what it answers, as it comes. Of a call that fails it says\n"
    "where and why, and shows what the newest pod printed. With --verbose it also shows, beside\n"
    "the answer, status, headers and times, and of a cold start how long each step took.\n\n"
    "  fission fn test --name hello --method POST --body 'hi' -H 'Content-Type: text/plain'\n"
    "  fission fn test --name resize --method POST --body @photo.jpg > small.jpg"
)
@options.name("Name of the function")
@options.strings("--method", help="Method of the call", default="GET")
@options.strings("--header", "-H", help="Header name:value; repeatable")
@options.string("--body", "-b", help="Body of the call; @file for a file's, - for standard input")
@options.strings("--query", "-q", help="Query key=value; repeatable")
@options.duration(
    "--timeout", "-t", help="Longest wait, if shorter than the function's own", default="60s"
)
@options.string("--subpath", help="Path that the function sees")
@options.boolean("--verbose", "-V", help="Show status, headers, times, cold start by step")
@options.string("--dbtype", help="Where logs are kept", default="kubernetes")
async def command(session: context.Session, name: str, **flags: Any) -> None:
    """Call one."""
    given = types.SimpleNamespace(**flags)
    raw = await lookups.get(session, resources.FUNCTIONS, name)
    call = calls.make_call(session, raw, given, await calls.read_body(session, given.body))
    began = session.clock.now()
    answer = await _call_shown(session, raw, call, bool(given.verbose))
    if answer.status >= 400:
        await _show_failure(session, raw, answer, began)


async def _call_shown(
    session: context.Session, function: dict[str, Any], call: protocol.Call, verbose: bool
) -> protocol.Answer:
    """Call it and print the body of a success as it comes."""
    if not verbose:
        answer = await _call(session, dataclasses.replace(call, sink=session.out.content))
        _note_request(session, answer)
        return answer
    from fission.cli.function import timing

    timed = timing.Timing(session, function)

    def sink(piece: bytes) -> None:
        timed.piece()
        session.out.content(piece)

    await timed.before()
    answer = await _call(session, dataclasses.replace(call, sink=sink))
    timed.ended()
    await timed.report(answer)
    return answer


def _note_request(session: context.Session, answer: protocol.Answer) -> None:
    request_id = answer.header(invocation.REQUEST_ID)
    if request_id:
        session.out.note(f"Request ID: {request_id}")


async def _call(session: context.Session, call: protocol.Call) -> protocol.Answer:
    """Call it; a router that has not heard of the function yet is asked again for a while."""
    deadline = session.clock.monotonic() + _ROUTE_SECONDS
    while True:
        answer = await session.backend.call(call)
        is_miss = answer.status == 404 and answer.header(invocation.ROUTE_MISS)
        if not is_miss or session.clock.monotonic() > deadline:
            return answer
        await asyncio.sleep(_PAUSE_SECONDS)


async def _show_failure(
    session: context.Session,
    function: dict[str, Any],
    answer: protocol.Answer,
    began: datetime.datetime,
) -> None:
    """What failed where, then what the newest pod printed, or the one that died of the call."""
    name = function["metadata"]["name"]
    session.out.note(calls.diagnose(name, answer))
    if answer.status not in (401, 403):
        error = invocation.decode_error(answer.body)
        if error is not None and error.reason == invocation.SPECIALIZATION_FAILED:
            session.out.note(f"more of it: fission fn describe --name {name}")
            if error.message:  # a pod that tries again and again has logged nothing else
                raise errors.CallFailed("error getting function response")
        if error is not None and error.reason in _DEADLY:
            death = await _death(session, function, began)
            if death:
                session.out.line(death)
                raise errors.CallFailed("error getting function response")
        await _show_logs(session, function, _LABEL_SECONDS if error is None else 0, began)
    raise errors.CallFailed("error getting function response")


async def _death(
    session: context.Session, function: dict[str, Any], began: datetime.datetime
) -> str:
    """How the pod died, which is told a moment after; Events know seconds only."""
    since = clocks.format_rfc3339(began.replace(microsecond=0))
    deadline = session.clock.monotonic() + _DEATH_SECONDS
    while True:
        try:
            death = await podlogs.last_death(session, function, since)
        except base_errors.Error:
            return ""
        if death or session.clock.monotonic() >= deadline:
            return death
        await asyncio.sleep(_PAUSE_SECONDS)


async def _show_logs(
    session: context.Session,
    function: dict[str, Any],
    wait_seconds: float,
    began: datetime.datetime,
) -> None:
    """What the call printed; where nothing is known of that, the last lines of the newest pod."""
    try:
        pods = await _pods(session, function, wait_seconds)
        if pods and not await podlogs.show_since(session, function, pods, began):
            await podlogs.show_last_words(session, function, podlogs.newest(pods), _LOG_LINES)
    except base_errors.Error as error:
        session.out.note(f"the logs could not be read: {error}")


async def _pods(
    session: context.Session, function: dict[str, Any], wait_seconds: float
) -> list[dict[str, Any]]:
    """The function's pods; a pod that answered its first call is labelled a moment later."""
    deadline = session.clock.monotonic() + wait_seconds
    while True:
        pods = await session.backend.function_pods(function)
        if pods or session.clock.monotonic() >= deadline:
            return pods
        await asyncio.sleep(_PAUSE_SECONDS)
