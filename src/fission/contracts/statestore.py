"""Anybody of the platform → statestore: keyed values, event streams and work queues, durable.

Every call is a POST of JSON, answered 200 or with an ``ErrorBody``. Bytes are base64, durations
are nanoseconds, sequence numbers of a stream begin at 1; its head is the newest, 0 before the
first. Objects inside a message have capitalised keys. What is marked as our own is optional and
left out where it says nothing, so that peers without it are served as before.
"""

import datetime
import re
from typing import Final, TypeVar

import msgspec
from msgspec import field

from fission.contracts import gojson

T = TypeVar("T")

PORT: Final = 8891
SOCKET_NAME: Final = "http"
SERVICE: Final = "statestore"
URL_VARIABLE: Final = "FISSION_STATESTORE_URL"
"""Where the service is, for who is not to look it up."""

KV_GET: Final = "/v1/kv/get"
KV_SET: Final = "/v1/kv/set"
KV_DELETE: Final = "/v1/kv/delete"
KV_LIST: Final = "/v1/kv/list"
APPEND: Final = "/v1/eventlog/append"
READ: Final = "/v1/eventlog/read"
TRIM: Final = "/v1/eventlog/trim"
HEAD: Final = "/v1/eventlog/head"
ENQUEUE: Final = "/v1/queue/enqueue"
LEASE: Final = "/v1/queue/lease"
ACK: Final = "/v1/queue/ack"
NACK: Final = "/v1/queue/nack"
KILL: Final = "/v1/queue/kill"
DEAD_LETTERS: Final = "/v1/queue/deadletters"
REDRIVE: Final = "/v1/queue/redrive"
PURGE: Final = "/v1/queue/purge"
STATS: Final = "/v1/queue/stats"

MAX_REQUEST_BYTES: Final = 4 << 20
MAX_WAIT_SECONDS: Final = 30.0
"""Longest ``waitNanos``; more is cut to it."""
MAX_PAGE: Final = 1000
"""Most events, messages or keys of one answer; more is cut to it."""
MAX_ATTEMPTS: Final = 3
"""Deliveries of a message of a queue before it is a dead letter."""
NANOS: Final = 1_000_000_000

ANY: Final = -1
"""``expectedSeq`` of an append that goes behind whatever is there."""

VERSION_CONFLICT: Final = "version_conflict"
NOT_FOUND: Final = "not_found"
CAPABILITY_UNAVAILABLE: Final = "capability_unavailable"
QUOTA_EXCEEDED: Final = "quota_exceeded"
INVALID_RECEIPT: Final = "invalid_receipt"
BAD_REQUEST: Final = "bad_request"
CLOSED: Final = "closed"
INTERNAL: Final = "internal"

STATUS_CODES: Final = {
    VERSION_CONFLICT: 409,
    NOT_FOUND: 404,
    CAPABILITY_UNAVAILABLE: 501,
    QUOTA_EXCEEDED: 429,
    INVALID_RECEIPT: 400,
    BAD_REQUEST: 400,
    CLOSED: 503,
    INTERNAL: 500,
}


class _Request(
    msgspec.Struct, kw_only=True, rename="camel", omit_defaults=True, forbid_unknown_fields=True
):
    """Zero and absent are the same in a request."""


class _Answer(msgspec.Struct, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """Everything is written in an answer."""


class ErrorBody(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Why a call failed. ``head``: of the stream, where an append expected another one."""

    code: str = field(default_factory=str)
    message: str = ""
    head: int = 0


class Scope(msgspec.Struct, frozen=True, rename="pascal", forbid_unknown_fields=True):
    """Whose keys; ``owner`` is ``<kind>/<name>``."""

    namespace: str = ""
    owner: str = ""
    keyspace: str = ""


class Page(msgspec.Struct, rename="pascal", omit_defaults=True, forbid_unknown_fields=True):
    """A part of a list: ``token`` is what the part before gave as next; limit 0 is the default."""

    token: str = ""
    limit: int = 0


class Event(
    msgspec.Struct, kw_only=True, rename="pascal", omit_defaults=True, forbid_unknown_fields=True
):
    """One event of a stream. ``seq`` and ``at`` are given by the store.

    ``type`` of a topic's event is its content type. Our own: ``key`` is the lane within which
    consumers keep the order; ``headers`` travel with the payload.
    """

    seq: int = field(default_factory=int)  # a factory's default is written, unlike a plain one
    type: str = field(default_factory=str)
    payload: bytes = field(default_factory=bytes)
    at: datetime.datetime | None = None
    key: str = ""
    headers: dict[str, str] = field(default_factory=dict)


class LeasedMessage(msgspec.Struct, kw_only=True, rename="pascal", forbid_unknown_fields=True):
    """A message of a queue under a lease, which its receipt alone may settle."""

    id: str = field(default="", name="ID")
    receipt: str = ""
    body: bytes = b""
    attempts: int = 0
    """Deliveries begun so far, with this one."""


class DeadMessage(msgspec.Struct, kw_only=True, rename="pascal", forbid_unknown_fields=True):
    """A message that nobody could handle."""

    id: str = field(default="", name="ID")
    body: bytes = b""
    reason: str = ""
    attempts: int = 0
    enqueued_at: datetime.datetime | None = None
    died_at: datetime.datetime | None = None


class GetRequest(_Request):
    scope: Scope = Scope()
    key: str = ""


class GetResponse(_Answer):
    value: bytes = b""
    version: int = 0


class SetRequest(_Request):
    """``if_version``: none writes whatever is there, 0 only a new key, else only that version."""

    scope: Scope = Scope()
    key: str = ""
    value: bytes = b""
    if_version: int | None = None
    ttl_nanos: int = 0
    max_keys: int = 0
    """A new key is refused in a scope that has this many; 0 is no bound."""


class DeleteRequest(_Request):
    """``if_version``: 0 deletes whatever is there."""

    scope: Scope = Scope()
    key: str = ""
    if_version: int = 0


class ListRequest(_Request):
    scope: Scope = Scope()
    prefix: str = ""
    page: Page = field(default_factory=Page)


class ListResponse(_Answer):
    keys: list[str] = field(default_factory=list)
    next: str = ""


class AppendRequest(_Request):
    stream: str = ""
    expected_seq: int = 0
    """The head that the writer knows, or ``ANY``."""
    events: list[Event] = field(default_factory=list)


class HeadResponse(_Answer):
    """``first``, our own: the oldest event that is kept; head + 1 when none is."""

    head: int = 0
    first: int = 0


class ReadRequest(_Request):
    """Events behind ``from_seq``. Our own: wait for the first, and a bound of payload bytes."""

    stream: str = ""
    from_seq: int = 0
    limit: int = 0
    wait_nanos: int = 0
    max_bytes: int = 0


class ReadResponse(_Answer):
    """Our own: ``head`` and ``first`` as in ``HeadResponse``, as of the same moment."""

    events: list[Event] = field(default_factory=list)
    head: int = 0
    first: int = 0


class TrimRequest(_Request):
    """Forget events below a sequence number."""

    stream: str = ""
    below_seq: int = 0


class StreamRequest(_Request):
    stream: str = ""


class EnqueueRequest(_Request):
    queue: str = ""
    body: bytes = b""
    delay_nanos: int = 0
    dedup_key: str = ""
    """As long as a message with this key is unsettled, it stands for all others with it."""


class EnqueueResponse(_Answer):
    id: str = ""


class LeaseRequest(_Request):
    """Our own: ``wait_nanos`` for the first message."""

    queue: str = ""
    n: int = 0
    lease_for_nanos: int = 0
    wait_nanos: int = 0


class LeaseResponse(_Answer):
    messages: list[LeasedMessage] = field(default_factory=list)


class AckRequest(_Request):
    receipt: str = ""


class NackRequest(_Request):
    receipt: str = ""
    retry_after_nanos: int = 0


class KillRequest(_Request):
    receipt: str = ""
    reason: str = ""


class DeadLettersRequest(_Request):
    """The token of the next page is the id of the last message of this one."""

    queue: str = ""
    page: Page = field(default_factory=Page)


class DeadLettersResponse(_Answer):
    messages: list[DeadMessage] = field(default_factory=list)


class RedriveRequest(_Request):
    queue: str = ""
    ids: list[str] = field(default_factory=list)


class RedriveResponse(_Answer):
    redriven: int = 0


class QueueRequest(_Request):
    queue: str = ""


class PurgeResponse(_Answer):
    purged: int = 0


class StatsResponse(_Answer):
    visible: int = 0
    leased: int = 0
    dead: int = 0
    oldest_visible_age_nanos: int = 0


class Empty(_Answer):
    """An answer that says only that it was done."""


def decode(content: bytes, kind: type[T]) -> T:
    """The message in a body; raises ``gojson.MessageError``."""
    try:
        return msgspec.json.decode(content, type=kind)
    except msgspec.DecodeError:
        return gojson.decode(content or b"{}", kind)  # other case, nulls, unknown fields: slower


def encode(message: msgspec.Struct) -> bytes:
    """The body of a message."""
    return msgspec.json.encode(message)


# --- names that several components must agree on ---

TOPIC_PREFIX: Final = "topic/"
_TOPIC: Final = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?")
MAX_TOPIC: Final = 249


def is_topic(name: str) -> bool:
    """Whether a topic may have this name: letters, digits and ``.-_``, not at either end."""
    return len(name) <= MAX_TOPIC and _TOPIC.fullmatch(name) is not None


def topic_stream(namespace: str, topic: str) -> str:
    """The stream of a topic of a namespace; ValueError for names that could mean another one."""
    if not namespace or "/" in namespace:
        raise ValueError(f"{namespace!r} is not the name of a namespace")
    if not is_topic(topic):
        raise ValueError(
            f"{topic!r} is not a topic: letters, digits, '.', '-' and '_', at most {MAX_TOPIC},"
            " with a letter or digit at both ends"
        )
    return f"{TOPIC_PREFIX}{namespace}/{topic}"


def cursor_scope(namespace: str, group: str) -> Scope:
    """Where a group of consumers keeps how far it is; the keys in it are topics."""
    return Scope(namespace=namespace, owner=f"consumer/{group}", keyspace="cursors")


def readers_scope(namespace: str, topic: str) -> Scope:
    """Who reads a topic: a key for each group. Of a topic that has none, little is kept."""
    return Scope(namespace=namespace, owner=f"topic/{topic}", keyspace="groups")


def topic_of(stream: str) -> tuple[str, str] | None:
    """Namespace and topic of a topic's stream."""
    namespace, found, topic = stream.removeprefix(TOPIC_PREFIX).partition("/")
    return (namespace, topic) if found and stream.startswith(TOPIC_PREFIX) else None
