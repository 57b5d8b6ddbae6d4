"""What a request must be like before the store looks at it; all raise BadRequest."""

from __future__ import annotations

from fission.contracts import statestore as wire
from fission.statestore import errors, rules


def scope(given: wire.Scope) -> None:
    """Names of a scope; parts may be empty."""
    rules.check_name("scope.Namespace", given.namespace, may_be_empty=True)
    rules.check_name("scope.Owner", given.owner, may_be_empty=True)
    rules.check_name("scope.Keyspace", given.keyspace, may_be_empty=True)


def set_(request: wire.SetRequest) -> None:
    scope(request.scope)
    rules.check_name("key", request.key)
    rules.check_nanos("ttlNanos", request.ttl_nanos)
    if request.if_version is not None and request.if_version < 0:
        raise errors.BadRequest(
            f"ifVersion: {request.if_version}; it is a version, 0 for a key that must be new,"
            " or left out"
        )


def key(given: wire.Scope, name: str) -> None:
    scope(given)
    rules.check_name("key", name)


def keys(request: wire.ListRequest) -> None:
    scope(request.scope)
    rules.check_name("prefix", request.prefix, may_be_empty=True)
    rules.check_name("page.Token", request.page.token, may_be_empty=True)


def append(request: wire.AppendRequest) -> None:
    rules.check_name("stream", request.stream)
    if request.expected_seq < wire.ANY:
        raise errors.BadRequest(
            f"expectedSeq: {request.expected_seq}; it is the head that is expected, or -1 for any"
        )
    if len(request.events) > wire.MAX_PAGE:
        raise errors.BadRequest(
            f"events: {len(request.events)}; at most {wire.MAX_PAGE} go into one append"
        )
    for position, event in enumerate(request.events):
        rules.check_event(position, event)


def read(request: wire.ReadRequest) -> None:
    rules.check_name("stream", request.stream)
    _check_number("fromSeq", request.from_seq)
    rules.check_nanos("waitNanos", request.wait_nanos)


def trim(request: wire.TrimRequest) -> None:
    rules.check_name("stream", request.stream)
    _check_number("belowSeq", request.below_seq)


def enqueue(request: wire.EnqueueRequest) -> None:
    rules.check_name("queue", request.queue)
    rules.check_name("dedupKey", request.dedup_key, may_be_empty=True)
    rules.check_nanos("delayNanos", request.delay_nanos)


def lease(request: wire.LeaseRequest) -> None:
    rules.check_name("queue", request.queue)
    rules.check_nanos("leaseForNanos", request.lease_for_nanos, least=1)
    rules.check_nanos("waitNanos", request.wait_nanos)
    if request.n < 1:
        raise errors.BadRequest(f"n: {request.n}; at least one message must be asked for")


def redrive(request: wire.RedriveRequest) -> None:
    rules.check_name("queue", request.queue)
    if len(request.ids) > wire.MAX_PAGE:
        raise errors.BadRequest(f"ids: {len(request.ids)}; at most {wire.MAX_PAGE} at once")


def _check_number(field: str, value: int) -> None:
    if not 0 <= value < 1 << 40:
        raise errors.BadRequest(f"{field}: {value} is not a sequence number")
