"""Headers of the call, and what goes to the response and error topics. Pure."""

from __future__ import annotations

import functools
import string
from collections.abc import Iterable, Mapping
from typing import Final

from fission.api import messagequeuetrigger_defaults, messagequeuetrigger_types
from fission.contracts import invocation
from fission.mqtrigger.drivers import base

Spec = messagequeuetrigger_types.MessageQueueTriggerSpec

CONTENT_TYPE: Final = "Content-Type"
MAX_CAUSE_CHARS: Final = 500

NOT_CALLED_WITH: Final = frozenset(
    {
        "connection",
        "content-length",
        "content-type",
        "expect",
        "host",
        "http2-settings",
        "keep-alive",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)
"""Record headers that a request must not carry: they would frame it, or say whose type it is."""
NOT_CALLED_WITH_PREFIXES: Final = (
    "x-fission-auth-",
    "x-fission-function-",
    "x-fission-invoke-",
    "x-fission-mqtrigger-",
    "x-fission-params-",
)
"""Names that the platform speaks in: a message may not pretend to be it."""

NOT_ANSWERED_WITH: Final = NOT_CALLED_WITH - {"content-type"} | {
    "date",
    "server",
    "vary",
    "x-content-type-options",
}
"""Response headers that speak of the connection and not of the answer."""


def call_headers(
    spec: Spec, message: base.Message, message_id: str, attempt: int
) -> list[tuple[str, str]]:
    """Headers of the request: the record's own, then ours."""
    headers = [
        (name, value)
        for name, value in message.headers.items()
        if _may_call_with(name) and is_header_value(value)
    ]
    headers.append((CONTENT_TYPE, _content_type(spec, message)))
    headers.append((invocation.TOPIC, spec.topic))
    headers.append((invocation.RESPONSE_TOPIC, spec.response_topic))
    headers.append((invocation.ERROR_TOPIC, spec.error_topic))
    headers.append((invocation.MESSAGE_ID, message_id))
    headers.append((invocation.MESSAGE_ATTEMPT, str(attempt)))
    if message.key and is_header_value(message.key):
        headers.append((invocation.MESSAGE_KEY, message.key))
    return headers


def message_id(trigger_uid: str, message: base.Message) -> str:
    """The same at every delivery of a message to this trigger, and no other's."""
    text = f"{trigger_uid}/{message.topic}/{message.position}"
    if text.isascii() and text.isprintable() and " " not in text:
        return text
    return "".join(char if 0x20 < ord(char) < 0x7F else "_" for char in text)


def response_headers(
    spec: Spec, answer: Iterable[tuple[str, str]], message_id: str
) -> dict[str, str]:
    """Headers of the record on the response topic: the function's, and whose answer it is."""
    headers = {name: value for name, value in answer if name.lower() not in NOT_ANSWERED_WITH}
    headers[invocation.TOPIC] = spec.topic
    headers[invocation.MESSAGE_ID] = message_id
    return headers


def error_headers(
    spec: Spec, message: base.Message, message_id: str, attempts: int, cause: str
) -> dict[str, str]:
    """Headers of the record on the error topic; its body is the message's own."""
    headers = dict(message.headers)
    lowered = {name.lower() for name in headers}
    if CONTENT_TYPE.lower() not in lowered:
        headers[CONTENT_TYPE] = _content_type(spec, message)
    headers["MessageSource"] = spec.topic
    headers["RecycleCounter"] = str(max(0, attempts - 1))
    headers[invocation.TOPIC] = spec.topic
    headers[invocation.RESPONSE_TOPIC] = spec.response_topic
    headers[invocation.ERROR_TOPIC] = spec.error_topic
    headers[invocation.MESSAGE_ID] = message_id
    headers[invocation.MESSAGE_ATTEMPT] = str(attempts)
    headers[invocation.MESSAGE_CAUSE] = printable(cause)
    return headers


def printable(text: str) -> str:
    """Text as a header's value: one line of ASCII, not too long."""
    one_line = " ".join(text.split())
    return "".join(char if 0x20 <= ord(char) < 0x7F else "?" for char in one_line)[:MAX_CAUSE_CHARS]


def is_header_value(text: str) -> bool:
    """Whether it can stand in a request's header as it is."""
    return text.isascii() and text.replace("\t", " ").isprintable() and text == text.strip()


def is_header_name(text: str) -> bool:
    """Whether it can be a header's name."""
    return bool(text) and set(text) <= _TOKEN


_TOKEN: Final = frozenset("!#$%&'*+-.^_`|~" + string.digits + string.ascii_letters)


@functools.lru_cache(maxsize=1024)
def _may_call_with(name: str) -> bool:
    lowered = name.lower()
    if not is_header_name(name):
        return False
    return lowered not in NOT_CALLED_WITH and not lowered.startswith(NOT_CALLED_WITH_PREFIXES)


def _content_type(spec: Spec, message: base.Message) -> str:
    if spec.content_type:
        return spec.content_type
    own: Mapping[str, str] = {name.lower(): value for name, value in message.headers.items()}
    found = own.get("content-type", "")
    if found and is_header_value(found):
        return found
    return messagequeuetrigger_defaults.CONTENT_TYPE
