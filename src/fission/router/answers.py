"""Answers that the router gives itself: bytes of whole responses. Pure but for the date."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Final

from fission.contracts import invocation
from fission_http import messages

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fission.router import failures
    from fission_http import head as heads

TEXT: Final = ("Content-Type", "text/plain; charset=utf-8")
NOT_FOUND: Final = b"404 page not found\n"
_TRACE: Final = re.compile(rb"[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}")
METHOD_NOT_ALLOWED: Final = b"405 method not allowed\n"

_date = messages.DateHeader()


def format_answer(
    status: int,
    headers: Sequence[tuple[str, str]] = (),
    body: bytes = b"",
    *,
    keep_alive: bool = True,
    minor: int = 1,
    silent: bool = False,
) -> bytes:
    """A whole response; `silent` leaves out the body, for HEAD."""
    lines = messages.format_headers(list(headers))
    if status != 204:
        lines += f"Content-Length: {len(body)}\r\n"
    if not keep_alive:
        lines += "Connection: close\r\n"
    elif minor == 0:
        lines += "Connection: keep-alive\r\n"
    head = f"{_status_line(status)}{_date.line()}{lines}\r\n".encode("latin-1")
    return head if silent or status == 204 else head + body


def format_failure(
    failure: failures.Failure,
    request_id: bytes,
    head: heads.RequestHead | None,
    *,
    structured: bool,
    detailed: bool,
    keep_alive: bool,
) -> bytes:
    """A whole response that tells of a failure; `head` is None when the request had none."""
    shown = request_id.decode("ascii")
    trace_id = _trace_id(head) if head is not None else ""
    headers, body = failure_parts(
        failure, shown, trace_id, structured=structured, detailed=detailed or failure.open_to_all
    )
    return format_answer(
        failure.status,
        headers,
        body,
        keep_alive=keep_alive,
        minor=head.version_minor if head is not None else 1,
        silent=head is not None and head.method == b"HEAD",
    )


def failure_parts(
    failure: failures.Failure,
    request_id: str,
    trace_id: str = "",
    *,
    structured: bool,
    detailed: bool,
) -> tuple[list[tuple[str, str]], bytes]:
    """Headers and body that tell of a failure; its message only where `detailed`."""
    headers = [(invocation.COMPONENT, failure.component), (invocation.REQUEST_ID, request_id)]
    if failure.retry_after_seconds is not None:
        headers.append(("Retry-After", str(failure.retry_after_seconds)))
    if not structured:
        text = failure.message if detailed else "error sending request to function"
        return [*headers, TEXT], text.encode() + b"\n"
    body = {
        "component": failure.component,
        "reason": failure.reason,
        "requestId": request_id,
        "traceId": trace_id,
    }
    if detailed:
        body["message"] = failure.message
    return [*headers, ("Content-Type", "application/json")], json.dumps(body).encode() + b"\n"


def _trace_id(head: heads.RequestHead) -> str:
    """The trace that the client's `traceparent` names (W3C Trace Context)."""
    match = _TRACE.match(head.get(b"traceparent") or b"")
    return match[1].decode("ascii") if match else ""


def _status_line(status: int) -> str:
    if status == 499:
        return "HTTP/1.1 499 Client Closed Request\r\n"
    return messages.format_status_line(status)
