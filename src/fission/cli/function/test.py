"""``fission function test``."""

import asyncio
import types
from typing import Any, Final
from urllib import parse

from fission.api import function_defaults, function_types, httptrigger_types, objects, resources
from fission.base import errors as base_errors
from fission.cli import command as commands
from fission.cli import context, errors, lookups, options
from fission.cli.backend import protocol
from fission.cli.function import podlogs
from fission.contracts import invocation
from fission.meta import status

_LOG_LINES: Final = 20
_BODY_SHOWN: Final = 2000
_ROUTE_SECONDS: Final = 5.0
"""The function exists, so a router without a route to it is about to learn of it."""
_LABEL_SECONDS: Final = 2.0
"""The function answered, so a pod of it exists; its labels follow behind the answer."""
_PAUSE_SECONDS: Final = 0.05
_GRACE_SECONDS: Final = 5.0
"""Longer than the router's own limit, so that its answer arrives."""


@commands.command(
    "Call a function once and print what it answers.\n\n"
    "  fission fn test --name hello --method POST --body 'hi' -H 'Content-Type: text/plain'"
)
@options.name("Name of the function")
@options.strings("--method", help="Method of the call", default="GET")
@options.strings("--header", "-H", help="Header name:value; repeatable")
@options.string("--body", "-b", help="Body of the call")
@options.strings("--query", "-q", help="Query key=value; repeatable")
@options.duration("--timeout", "-t", help="Longest wait", default="60s")
@options.string("--subpath", help="Path that the function sees")
@options.boolean("--async", help="Call it asynchronously; prints the invocation's id")
@options.string("--alias", help="FunctionAlias to call")
@options.string("--version", help="FunctionVersion to call")
@options.string("--dbtype", help="Where logs are kept", default="kubernetes")
async def command(session: context.Session, name: str, **flags: Any) -> None:
    """Call one."""
    given = types.SimpleNamespace(**flags)
    is_async = bool(flags["async"])
    raw = await lookups.get(session, resources.FUNCTIONS, name)
    call = make_call(session, raw, given, is_async)
    answer = await _call(session, call)
    request_id = answer.header(invocation.REQUEST_ID)
    if request_id:
        session.out.note(f"Request ID: {request_id}")
    if is_async:
        _show_accepted(session, answer)
        return
    if answer.status < 400:
        session.out.content(answer.body)
        return
    await _show_failure(session, raw, answer)


async def _call(session: context.Session, call: protocol.Call) -> protocol.Answer:
    """Call it; a router that has not heard of the function yet is asked again for a while."""
    deadline = session.clock.monotonic() + _ROUTE_SECONDS
    while True:
        answer = await session.backend.call(call)
        is_miss = answer.status == 404 and answer.header(invocation.ROUTE_MISS)
        if not is_miss or session.clock.monotonic() > deadline:
            return answer
        await asyncio.sleep(_PAUSE_SECONDS)


def make_call(
    session: context.Session, raw: dict[str, Any], given: Any, is_async: bool
) -> protocol.Call:
    """The request that the flags ask for."""
    metadata = raw["metadata"]
    function = objects.decode(function_types.Function, raw)
    if given.alias and given.version:
        raise errors.UsageError("--alias and --version exclude each other")
    target = invocation.function_path(
        metadata["name"],
        metadata["namespace"],
        given.alias or given.version or "",
        parse.quote(given.subpath or "", safe="/%:@!$&'()*+,;=~-._"),
    )
    query = [_pair(text, "=", "--query") for text in given.query]
    if query:
        target += "?" + parse.urlencode(query)
    headers = [_pair(text, ":", "--header") for text in given.header]
    if is_async:
        headers.append((invocation.INVOKE_MODE, invocation.INVOKE_MODE_ASYNC))
    limit = float(function_defaults.timeout_seconds(function.spec))
    if given.timeout is not None and given.timeout < limit:
        session.out.warning(
            f"--timeout is shorter than the function's own limit of {limit:g} seconds"
        )
        limit = given.timeout
    else:
        limit += _GRACE_SECONDS
    body = (given.body or "").encode()
    return protocol.Call(_method(given.method), target, headers, body, limit)


def _method(given: tuple[str, ...]) -> str:
    if len(given) > 1:
        raise errors.UsageError("--method: a call has exactly one")
    method = (given[0] if given else "GET").upper()
    if method not in httptrigger_types.METHODS:
        allowed = ", ".join(httptrigger_types.METHODS)
        raise errors.UsageError(f"--method {method}: valid values are {allowed}")
    return method


def _pair(text: str, separator: str, flag: str) -> tuple[str, str]:
    key, found, value = text.partition(separator)
    if not found or not key.strip():
        raise errors.UsageError(f"{flag} {text!r}: want name{separator}value")
    return key.strip(), value.strip()


def _show_accepted(session: context.Session, answer: protocol.Answer) -> None:
    if answer.status == 501:
        raise errors.CliError("async invocation is not enabled on this cluster")
    if answer.status != 202:
        text = answer.body.decode("utf-8", "replace").strip()
        raise errors.CliError(f"the call was not accepted: status {answer.status}: {text}")
    session.out.line("Accepted (202)")
    session.out.line(f"invocationId: {answer.header(invocation.INVOCATION_ID)}")


async def _show_failure(
    session: context.Session, function: dict[str, Any], answer: protocol.Answer
) -> None:
    """What failed where, then what the newest pod printed."""
    name = function["metadata"]["name"]
    session.out.note(diagnose(name, answer))
    if answer.status not in (401, 403):
        error = invocation.decode_error(answer.body)
        if error is not None and error.reason == invocation.SPECIALIZATION_FAILED:
            session.out.note(f"more of it: fission fn describe --name {name}")
            if error.message:  # a pod that tries again and again has logged nothing else
                raise errors.CallFailed("error getting function response")
        await _show_logs(session, function, _LABEL_SECONDS if error is None else 0)
    raise errors.CallFailed("error getting function response")


def diagnose(name: str, answer: protocol.Answer) -> str:
    """What failed where, in one line; a traceback follows on its own."""
    error = invocation.decode_error(answer.body)
    component = answer.header(invocation.COMPONENT)
    if answer.status in (401, 403) and (component or error or not answer.body):
        return (
            f'✗ the call of "{name}" was refused with status {answer.status}: it is not signed'
            " with this platform's secret; set FISSION_INTERNAL_AUTH_SECRET to it"
        )
    if error is not None:
        detail = f": {error.message}" if error.message else ""
        if "\n" in error.message:
            detail = f":\n{error.message.rstrip()}"
        return (
            f'✗ function "{name}" failed in {error.component} ({error.reason}) — '
            f"status {answer.status}, request {error.request_id or 'unknown'}{detail}"
        )
    if answer.header(invocation.ROUTE_MISS):
        return f'✗ the router has no route to function "{name}"; is it running? see `fission check`'
    try:
        text = status.from_dict(objects_body(answer.body), answer.status).message
    except ValueError:
        text = answer.body.decode("utf-8", "replace").strip()[:_BODY_SHOWN]
    return f'✗ function "{name}" returned {answer.status}: {text}'


def objects_body(body: bytes) -> dict[str, Any]:
    """A Status in a body; ValueError when it is something else."""
    import json

    found = json.loads(body)
    if not isinstance(found, dict) or found.get("kind") != "Status":
        raise ValueError("not a Status")
    return found


async def _show_logs(
    session: context.Session, function: dict[str, Any], wait_seconds: float
) -> None:
    try:
        pods = await _pods(session, function, wait_seconds)
        if pods:
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
