"""Calls of functions: paths of the router's internal listener, headers, and its error body."""

from typing import ClassVar, Final
from urllib import parse

from fission.api import schema
from fission.contracts import gojson

PUBLIC_PORT: Final = 8888
INTERNAL_PORT: Final = 8889
SOCKET_NAME: Final = "http"
INTERNAL_SOCKET_NAME: Final = "http-internal"
SERVICE: Final = "router"
APPLICATION: Final = "fission-router"
"""Value of the label ``application`` of both Services."""
INTERNAL_SERVICE: Final = "router-internal"
HEALTHZ: Final = "/router-healthz"
READYZ: Final = "/readyz"
VERSION: Final = "/_version"
PREFIX: Final = "/fission-function/"
DEFAULT_NAMESPACE: Final = "default"
MAX_INTERNAL_BODY_BYTES: Final = 64 * 1024 * 1024

# Added to what a function gets.
FUNCTION_UID: Final = "X-Fission-Function-Uid"
FUNCTION_NAME: Final = "X-Fission-Function-Name"
FUNCTION_NAMESPACE: Final = "X-Fission-Function-Namespace"
FUNCTION_RESOURCE_VERSION: Final = "X-Fission-Function-Resourceversion"
PARAMS_PREFIX: Final = "X-Fission-Params-"
FULL_URL: Final = "X-Fission-Full-Url"
REQUEST_ID: Final = "X-Fission-Request-ID"
MAX_REQUEST_ID_LENGTH: Final = 192

# Said to the caller.
COMPONENT: Final = "X-Fission-Component"
ROUTE_MISS: Final = "X-Fission-Route-Miss"

# Asked by the caller.
INVOKE_MODE: Final = "X-Fission-Invoke-Mode"
INVOKE_MODE_ASYNC: Final = "async"
INVOCATION_ID: Final = "X-Fission-Invocation-Id"
DEBUG: Final = "X-Fission-Debug"

# Said by triggers.
TIMER_NAME: Final = "X-Fission-Timer-Name"
TIMER_SCHEDULED_AT: Final = "X-Fission-Timer-Scheduled-At"
"""The instant that the tick stands for, RFC 3339; names a tick among those of its trigger."""
KUBERNETES_EVENT_TYPE: Final = "X-Kubernetes-Event-Type"
KUBERNETES_OBJECT_TYPE: Final = "X-Kubernetes-Object-Type"
KUBERNETES_OBJECT_PARTIAL: Final = "X-Kubernetes-Object-Partial"
TOPIC: Final = "X-Fission-MQTrigger-Topic"
RESPONSE_TOPIC: Final = "X-Fission-MQTrigger-RespTopic"
ERROR_TOPIC: Final = "X-Fission-MQTrigger-ErrorTopic"
MESSAGE_ID: Final = "X-Fission-MQTrigger-Message-Id"
"""The same at every delivery of one message: whoever handles it can tell a duplicate."""
MESSAGE_ATTEMPT: Final = "X-Fission-MQTrigger-Attempt"
MESSAGE_KEY: Final = "X-Fission-MQTrigger-Key"
MESSAGE_CAUSE: Final = "X-Fission-MQTrigger-Cause"

COMPONENTS: Final = ("router", "executor", "fetcher", "function", "timeout")

FUNCTION_TIMEOUT: Final = "function_timeout"
WAIT_TIMEOUT: Final = "wait_timeout"
"""No pod came free in time: the function has not seen the call."""
STREAM_IDLE: Final = "stream_idle"
STREAM_MAX_DURATION: Final = "stream_max_duration"
CLIENT_DISCONNECT: Final = "client_disconnect"
SPECIALIZATION_FAILED: Final = "specialization_failed"
CAPACITY_EXCEEDED: Final = "capacity_exceeded"
EXECUTOR_UNAVAILABLE: Final = "executor_unavailable"
CONNECTION_REFUSED: Final = "connection_refused"
DIAL_ERROR: Final = "dial_error"
FUNCTION_ERROR: Final = "function_error"
BAD_REQUEST: Final = "bad_request"
BODY_TOO_LARGE: Final = "body_too_large"
CLIENT_SLOW: Final = "client_slow"
GOING_AWAY: Final = "going_away"
TOO_MANY_CONNECTIONS: Final = "too_many_connections"


class ErrorBody(schema.Model):
    """Body of an error that the platform, not the function, answered."""

    written: ClassVar[tuple[str, ...]] = ("component", "reason", "request_id", "trace_id")

    component: str = ""
    reason: str = ""
    request_id: str = ""
    trace_id: str = ""
    message: str = ""
    """What happened in detail; only for callers who may see it."""


class InvocationAccepted(schema.Model):
    """Body of the 202 of an asynchronous call."""

    invocation_id: str = ""


def function_path(name: str, namespace: str, suffix: str = "", sub_path: str = "") -> str:
    """Path that calls a function (or its alias or version ``suffix``) on the internal listener."""
    target = parse.quote(name, safe="")
    if suffix:
        target += ":" + parse.quote(suffix, safe="")
    if namespace not in ("", DEFAULT_NAMESPACE):
        target = f"{parse.quote(namespace, safe='')}/{target}"
    if sub_path and not sub_path.startswith("/"):
        sub_path = "/" + sub_path
    return PREFIX + target + sub_path


def encode_error(error: ErrorBody) -> bytes:
    """Body of an error."""
    return gojson.encode(error)


def decode_error(content: bytes) -> ErrorBody | None:
    """The error in a body, or None when it is not one of the router's."""
    try:
        error = gojson.decode(content, ErrorBody)
    except gojson.MessageError:
        return None
    return error if error.component and error.reason else None
