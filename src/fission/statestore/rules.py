"""The rules of keys, streams and queues: decisions without a database."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from fission.contracts import statestore as wire
from fission.statestore import errors

MAX_NAME: Final = 512
"""Characters of a stream's, queue's or key's name, and of each part of a scope."""
MAX_TYPE: Final = 1024
MAX_HEADERS: Final = 64
MAX_HEADER_CHARS: Final = 16 << 10
MAX_REASON: Final = 4096
DEFAULT_PAGE: Final = 100
MAX_NANOS: Final = 10 * 365 * 24 * 3600 * wire.NANOS
"""Ten years: more is a mistake, and sums of it must stay numbers of 64 bits."""

ROW_BYTES: Final = 64
"""What a row takes besides its contents, roughly; for the quota."""

_RECEIPT: Final = re.compile(r"(\d{1,18})\.(\d{1,18})\.(\d{1,18})")


@dataclass(frozen=True)
class Bounds:
    """How much the store takes."""

    max_bytes: int = 1 << 40
    max_stream_events: int = 1_000_000
    max_unread_events: int = 10_000
    """Of a topic that nobody reads; older ones are forgotten."""
    max_queue_messages: int = 100_000
    """Of one queue, dead letters included."""
    max_attempts: int = wire.MAX_ATTEMPTS
    max_answer_bytes: int = wire.MAX_REQUEST_BYTES
    """Of contents in one answer, the first item aside."""


def check_name(field: str, name: str, *, may_be_empty: bool = False) -> str:
    """The name itself; raises BadRequest."""
    if not name and not may_be_empty:
        raise errors.BadRequest(f"{field} must be given")
    if len(name) > MAX_NAME or not name.isprintable():
        raise errors.BadRequest(
            f"{field}: {name[:80]!r} is not a name of at most {MAX_NAME} printable characters"
        )
    return name


def check_nanos(field: str, nanos: int, *, least: int = 0) -> int:
    """A duration; raises BadRequest."""
    if not least <= nanos <= MAX_NANOS:
        raise errors.BadRequest(
            f"{field}: {nanos} is not between {least} and {MAX_NANOS} (10 years)"
        )
    return nanos


def page_limit(limit: int) -> int:
    """How many to answer with."""
    return DEFAULT_PAGE if limit <= 0 else min(limit, wire.MAX_PAGE)


def check_event(position: int, event: wire.Event) -> None:
    """Raise BadRequest for an event that is more than its payload may make it."""
    if len(event.type) > MAX_TYPE or len(event.key) > MAX_NAME:
        raise errors.BadRequest(
            f"events[{position}]: Type has at most {MAX_TYPE} characters and Key {MAX_NAME}"
        )
    length = sum(len(name) + len(value) for name, value in event.headers.items())
    if len(event.headers) > MAX_HEADERS or length > MAX_HEADER_CHARS:
        raise errors.BadRequest(
            f"events[{position}]: at most {MAX_HEADERS} Headers of {MAX_HEADER_CHARS} characters"
            " altogether"
        )


def next_version(current: int, if_version: int | None) -> int:
    """The version of a value that is written over ``current`` (0: nothing is there)."""
    if if_version is None or if_version == current:
        return current + 1
    if if_version == 0:
        raise errors.VersionConflict(f"the key exists, at version {current}")
    raise errors.VersionConflict(f"ifVersion is {if_version}, but the key " + _is_at(current))


def may_delete(current: int, if_version: int) -> bool:
    """Whether there is something to delete; raises VersionConflict."""
    if if_version > 0 and if_version != current:
        raise errors.VersionConflict(f"ifVersion is {if_version}, but the key " + _is_at(current))
    return current > 0


def check_append(head: int, expected_seq: int, stream: str) -> None:
    """Raise VersionConflict unless the writer knew the head, or said that it does not matter."""
    if expected_seq not in (wire.ANY, head):
        raise errors.VersionConflict(
            f"the head of stream {stream!r} is {head}, not {expected_seq}", head
        )


def check_room(stream: str, kept: int, added: int, most: int) -> None:
    """Raise QuotaExceeded where a stream would hold too many events."""
    if kept + added > most:
        raise errors.QuotaExceeded(
            f"stream {stream!r} holds {kept} of {most} events (STATESTORE_MAX_STREAM_EVENTS):"
            " trim what has been read, or raise the bound"
        )


def check_queue_room(queue: str, live: int, dead: int, most: int) -> None:
    """Raise QuotaExceeded where a queue is full."""
    if live + dead >= most:
        raise errors.QuotaExceeded(
            f"queue {queue!r} holds {live} messages and {dead} dead letters, {most} is its bound"
            " (STATESTORE_MAX_QUEUE_MESSAGES): lease and settle messages, redrive or purge dead"
            " letters, or raise the bound"
        )


def has_attempts_left(attempts: int, most: int) -> bool:
    """Whether a message that failed may be delivered again."""
    return attempts < most


def receipt(message: int, epoch: int, micros: int) -> str:
    """What settles a delivery: the message, which of its deliveries it is, and when it came.

    In a file that took this one's place, such as an older copy of it, the number may be another
    message's; that did not come at the same moment.
    """
    return f"{message}.{epoch}.{micros}"


def parse_receipt(text: str) -> tuple[int, int, int]:
    """Message, epoch and moment; raises InvalidReceipt."""
    match = _RECEIPT.fullmatch(text)
    if match is None or not text.isascii():
        raise errors.InvalidReceipt(f"{text[:80]!r} is not a receipt")
    return int(match[1]), int(match[2]), int(match[3])


def _is_at(version: int) -> str:
    return f"is at version {version}" if version else "does not exist"
