"""What the router itself answers when it cannot give a function's answer."""

from __future__ import annotations

from typing import Final

from fission.contracts import invocation

CLIENT_CLOSED: Final = 499
"""nginx's code for a client that did not wait; nobody reads it but logs and metrics."""


class Failure(Exception):
    """An answer of the platform: its status, who is to blame, and why."""

    def __init__(
        self,
        status: int,
        component: str,
        reason: str,
        message: str,
        retry_after_seconds: int | None = None,
        *,
        open_to_all: bool = False,
    ) -> None:
        """`open_to_all`: the message speaks of what the client did, so that anybody may read it."""
        super().__init__(message)
        self.status = status
        self.component = component
        self.reason = reason
        self.message = message
        self.retry_after_seconds = retry_after_seconds
        self.open_to_all = open_to_all


def function_timeout(seconds: float) -> Failure:
    """The function took longer than its functionTimeout."""
    text = f"the function did not answer within {seconds:g} s"
    return Failure(504, "timeout", invocation.FUNCTION_TIMEOUT, text)


def wait_timeout(seconds: float) -> Failure:
    """No pod came free in time."""
    text = f"no pod of the function came free within {seconds:g} s"
    return Failure(504, "timeout", invocation.WAIT_TIMEOUT, text)


def stream_idle(seconds: float) -> Failure:
    """A streaming function was silent too long before its answer began."""
    text = f"the function was silent for {seconds:g} s"
    return Failure(504, "timeout", invocation.STREAM_IDLE, text)


def stream_max_duration(seconds: float) -> Failure:
    """A streaming function took too long before its answer began."""
    text = f"the stream lasted longer than {seconds:g} s"
    return Failure(504, "timeout", invocation.STREAM_MAX_DURATION, text)


def capacity_exceeded(message: str) -> Failure:
    """The function runs at its concurrency, or too many requests wait already."""
    return Failure(429, "executor", invocation.CAPACITY_EXCEEDED, message, retry_after_seconds=1)


def pod_busy() -> Failure:
    """The pod was full, and too much of the body had gone there to send it to another."""
    text = "the pod was busy with requests of others, and the body is too large to be sent again"
    return Failure(503, "router", invocation.CAPACITY_EXCEEDED, text, retry_after_seconds=1)


def executor_unavailable(message: str) -> Failure:
    """Nobody can give the function a pod."""
    return Failure(500, "executor", invocation.EXECUTOR_UNAVAILABLE, message)


def specialization_failed(message: str) -> Failure:
    """The executor could not make a pod for the function."""
    return Failure(500, "executor", invocation.SPECIALIZATION_FAILED, message)


def connection_refused(message: str) -> Failure:
    """Every pod that was tried refused."""
    return Failure(500, "router", invocation.CONNECTION_REFUSED, message)


def dial_error(message: str) -> Failure:
    """No pod could be reached."""
    return Failure(500, "router", invocation.DIAL_ERROR, message)


def function_error(message: str) -> Failure:
    """The function's pod broke off, or answered what is not HTTP."""
    return Failure(500, "function", invocation.FUNCTION_ERROR, message)


def client_disconnect(why: str = "") -> Failure:
    """The client went away before its answer was complete; `why` is the kernel's word."""
    text = "the client went away" + (f": {why}" if why else "")
    return Failure(CLIENT_CLOSED, "router", invocation.CLIENT_DISCONNECT, text)


def client_unread(seconds: float) -> Failure:
    """The client does not read its answer, and so is not told either."""
    text = f"the client read nothing of its answer for {seconds:g} s"
    return Failure(CLIENT_CLOSED, "router", invocation.CLIENT_SLOW, text)


def client_slow(seconds: float) -> Failure:
    """The client did not send the body that it announced."""
    text = f"the request's body did not arrive: nothing more of it came within {seconds:g} s"
    return Failure(408, "router", invocation.CLIENT_SLOW, text, open_to_all=True)


def bad_request(text: str, status: int = 400) -> Failure:
    """What the client sent is not understood."""
    return Failure(status, "router", invocation.BAD_REQUEST, text, open_to_all=True)


def body_too_large(limit: int) -> Failure:
    """More than the setting allows."""
    text = f"body larger than {limit} bytes"
    return Failure(413, "router", invocation.BODY_TOO_LARGE, text, open_to_all=True)


def too_many_connections() -> Failure:
    """The listener is full."""
    return Failure(
        503,
        "router",
        invocation.TOO_MANY_CONNECTIONS,
        "too many connections",
        retry_after_seconds=1,
        open_to_all=True,
    )


def own_limit(message: str) -> Failure:
    """The router's machine allows it no more connections."""
    reason = invocation.TOO_MANY_CONNECTIONS
    return Failure(503, "router", reason, message, retry_after_seconds=1)
