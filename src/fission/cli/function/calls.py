"""The call that the flags of ``fn test`` ask for, and what is said of one that failed."""

import asyncio
import sys
from typing import Any, Final
from urllib import parse

from fission.api import function_defaults, function_types, httptrigger_types, objects
from fission.cli import context, errors
from fission.cli.backend import protocol
from fission.contracts import invocation
from fission.meta import status

_BODY_SHOWN: Final = 2000
_GRACE_SECONDS: Final = 5.0
"""Longer than the router's own limit, so that its answer arrives."""


async def read_body(session: context.Session, text: str | None) -> bytes:
    """What ``--body`` means: itself, the file behind ``@``, or standard input for ``-``."""
    if text == "-":
        return await asyncio.to_thread(sys.stdin.buffer.read)
    if text is not None and text.startswith("@"):
        return await asyncio.to_thread(session.path(text[1:]).read_bytes)
    return (text or "").encode()


def make_call(
    session: context.Session, raw: dict[str, Any], given: Any, body: bytes
) -> protocol.Call:
    """The request that the flags ask for."""
    metadata = raw["metadata"]
    function = objects.decode(function_types.Function, raw)
    target = invocation.function_path(
        metadata["name"],
        metadata["namespace"],
        "",
        parse.quote(given.subpath or "", safe="/%:@!$&'()*+,;=~-._"),
    )
    query = [_pair(text, "=", "--query") for text in given.query]
    if query:
        target += "?" + parse.urlencode(query)
    headers = [_pair(text, ":", "--header") for text in given.header]
    limit = float(function_defaults.timeout_seconds(function.spec))
    if given.timeout is not None and given.timeout < limit:
        # beside the answer, which may be anything
        session.out.note(
            f"Warning: --timeout is shorter than the function's own limit of {limit:g} seconds"
        )
        limit = given.timeout
    else:
        limit += _GRACE_SECONDS
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
        text = status.from_dict(_status_body(answer.body), answer.status).message
    except ValueError:
        text = answer.body.decode("utf-8", "replace").strip()[:_BODY_SHOWN]
    return f'✗ function "{name}" returned {answer.status}: {text}'


def _status_body(body: bytes) -> dict[str, Any]:
    """A Status in a body; ValueError when it is something else."""
    import json

    found = json.loads(body)
    if not isinstance(found, dict) or found.get("kind") != "Status":
        raise ValueError("not a Status")
    return found
