"""Calls to statestore: signed, found through its EndpointSlices, with errors by what they mean.

Reads are repeated on a connection that the peer had closed meanwhile; writes are not: an append
whose answer got lost (``Unreachable.maybe_done``) may have happened, and only its caller knows
whether doing it twice matters.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, TypeVar

import msgspec

from fission.base import clock as clocks
from fission.contracts import gojson, signing
from fission.contracts import statestore as wire
from fission.delivery import finders
from fission.delivery import statestore_errors as errors
from fission.kube import peers
from fission.web import client as web_client
from fission_http import client as http_client
from fission_http import errors as http_errors

T = TypeVar("T", bound=msgspec.Struct)

TIMEOUT_SECONDS: Final = 10.0
"""Of a call, besides what it is told to wait."""


def finder(
    env: Mapping[str, str], resolved: peers.Peers, platform_namespace: str
) -> finders.Finder:
    """By ``FISSION_STATESTORE_URL``, else by the Service."""
    url = env.get(wire.URL_VARIABLE)
    if url:
        return finders.Fixed(url)
    return finders.Resolved(resolved, platform_namespace, wire.SERVICE, wire.SOCKET_NAME)


class Statestore:
    """A client of one statestore; ``http`` stays its owner's."""

    def __init__(
        self,
        http: http_client.Client,
        masters: signing.Masters,
        where: finders.Finder,
        clock: clocks.Clock,
        *,
        timeout_seconds: float = TIMEOUT_SECONDS,
    ) -> None:
        self._keys = masters.keys(signing.STATESTORE)
        self._where = where
        self._clock = clock
        self._timeout_seconds = timeout_seconds
        self._http = web_client.HttpClient(sign=self._sign, http=http)

    # --- streams ---

    async def append(
        self, stream: str, events: Sequence[wire.Event], expected_seq: int = wire.ANY
    ) -> int:
        """Append all or nothing, durably; returns the new head. Raises VersionConflict."""
        request = wire.AppendRequest(stream=stream, expected_seq=expected_seq, events=[*events])
        return (await self._call(wire.APPEND, request, wire.HeadResponse)).head

    async def read(
        self,
        stream: str,
        from_seq: int,
        limit: int = wire.MAX_PAGE,
        *,
        wait_seconds: float = 0.0,
        max_bytes: int = 0,
    ) -> wire.ReadResponse:
        """Events behind ``from_seq``; waits for the first at most ``wait_seconds`` (30)."""
        request = wire.ReadRequest(
            stream=stream,
            from_seq=from_seq,
            limit=limit,
            wait_nanos=_nanos(wait_seconds),
            max_bytes=max_bytes,
        )
        return await self._call(
            wire.READ, request, wire.ReadResponse, replay=True, wait_seconds=wait_seconds
        )

    async def head(self, stream: str) -> wire.HeadResponse:
        """Newest and oldest sequence number of a stream; one that is not there is empty."""
        request = wire.StreamRequest(stream=stream)
        return await self._call(wire.HEAD, request, wire.HeadResponse, replay=True)

    async def trim(self, stream: str, below_seq: int) -> None:
        """Forget the events below a sequence number."""
        request = wire.TrimRequest(stream=stream, below_seq=below_seq)
        await self._call(wire.TRIM, request, wire.Empty, replay=True)

    # --- keys ---

    async def get(self, scope: wire.Scope, key: str) -> wire.GetResponse:
        """A value and its version; raises NotFound."""
        request = wire.GetRequest(scope=scope, key=key)
        return await self._call(wire.KV_GET, request, wire.GetResponse, replay=True)

    async def set(
        self,
        scope: wire.Scope,
        key: str,
        value: bytes,
        *,
        if_version: int | None = None,
        ttl_seconds: float = 0.0,
        max_keys: int = 0,
    ) -> None:
        """Write a value, durably; raises VersionConflict, QuotaExceeded."""
        request = wire.SetRequest(
            scope=scope,
            key=key,
            value=value,
            if_version=if_version,
            ttl_nanos=_nanos(ttl_seconds),
            max_keys=max_keys,
        )
        await self._call(wire.KV_SET, request, wire.Empty, replay=if_version is None)

    async def delete(self, scope: wire.Scope, key: str, if_version: int = 0) -> None:
        """Remove a key; one that is not there is no error unless a version is expected."""
        request = wire.DeleteRequest(scope=scope, key=key, if_version=if_version)
        await self._call(wire.KV_DELETE, request, wire.Empty, replay=if_version == 0)

    async def keys(
        self, scope: wire.Scope, prefix: str = "", token: str = "", limit: int = 0
    ) -> wire.ListResponse:
        """Keys in their order, a page of them."""
        page = wire.Page(token=token, limit=limit)
        request = wire.ListRequest(scope=scope, prefix=prefix, page=page)
        return await self._call(wire.KV_LIST, request, wire.ListResponse, replay=True)

    # --- queues ---

    async def enqueue(
        self, queue: str, body: bytes, *, delay_seconds: float = 0.0, dedup_key: str = ""
    ) -> str:
        """Add a message, durably; returns its id."""
        request = wire.EnqueueRequest(
            queue=queue, body=body, delay_nanos=_nanos(delay_seconds), dedup_key=dedup_key
        )
        answer = await self._call(
            wire.ENQUEUE, request, wire.EnqueueResponse, replay=bool(dedup_key)
        )
        return answer.id

    async def lease(
        self, queue: str, n: int, lease_seconds: float, *, wait_seconds: float = 0.0
    ) -> list[wire.LeasedMessage]:
        """Take up to ``n`` messages for a while; waits for the first (30 s at most)."""
        request = wire.LeaseRequest(
            queue=queue,
            n=n,
            lease_for_nanos=_nanos(lease_seconds),
            wait_nanos=_nanos(wait_seconds),
        )
        answer = await self._call(
            wire.LEASE, request, wire.LeaseResponse, wait_seconds=wait_seconds
        )
        return answer.messages

    async def ack(self, receipt: str) -> None:
        """The message is done; raises InvalidReceipt when it is no longer the caller's."""
        await self._call(wire.ACK, wire.AckRequest(receipt=receipt), wire.Empty)

    async def nack(self, receipt: str, retry_after_seconds: float = 0.0) -> None:
        """The message failed: again later, or a dead letter when it had its attempts."""
        request = wire.NackRequest(receipt=receipt, retry_after_nanos=_nanos(retry_after_seconds))
        await self._call(wire.NACK, request, wire.Empty)

    async def kill(self, receipt: str, reason: str) -> None:
        """The message can never succeed: a dead letter at once."""
        await self._call(wire.KILL, wire.KillRequest(receipt=receipt, reason=reason), wire.Empty)

    async def dead_letters(
        self, queue: str, token: str = "", limit: int = 0
    ) -> Sequence[wire.DeadMessage]:
        """A page of dead letters, oldest first; the last one's id is the next page's token."""
        request = wire.DeadLettersRequest(queue=queue, page=wire.Page(token=token, limit=limit))
        answer = await self._call(wire.DEAD_LETTERS, request, wire.DeadLettersResponse, replay=True)
        return answer.messages

    async def redrive(self, queue: str, ids: Sequence[str]) -> int:
        """Give dead letters all their attempts again; returns how many there were."""
        request = wire.RedriveRequest(queue=queue, ids=[*ids])
        return (await self._call(wire.REDRIVE, request, wire.RedriveResponse)).redriven

    async def purge(self, queue: str) -> int:
        """Remove all dead letters; returns how many there were."""
        request = wire.QueueRequest(queue=queue)
        return (await self._call(wire.PURGE, request, wire.PurgeResponse)).purged

    async def stats(self, queue: str) -> wire.StatsResponse:
        """How much is in a queue."""
        request = wire.QueueRequest(queue=queue)
        return await self._call(wire.STATS, request, wire.StatsResponse, replay=True)

    # --- the call ---

    def _sign(self, method: str, uri: str, body: bytes) -> list[tuple[str, str]]:
        if self._keys.current is None:
            return []
        now = self._clock.now().timestamp()
        return signing.headers(self._keys.current, method, uri, body, now)

    async def _call(
        self,
        path: str,
        request: msgspec.Struct,
        kind: type[T],
        *,
        replay: bool = False,
        wait_seconds: float = 0.0,
    ) -> T:
        """One call, on the first server that takes the connection."""
        body = wire.encode(request)
        timeout = self._timeout_seconds + min(wait_seconds, wire.MAX_WAIT_SECONDS)
        problem = "statestore has no ready pod"
        for base in await self._where.urls():
            try:
                answer = await self._http.call(
                    "POST",
                    base + path,
                    _JSON,
                    body,
                    timeout_seconds=timeout,
                    max_bytes=_MAX_ANSWER_BYTES,
                    replay=replay,
                )
            except http_errors.ConnectError as error:
                self._where.forget()
                problem = f"statestore at {base}: {error}"
                continue
            except http_errors.HttpError as error:
                self._where.forget()
                raise errors.Unreachable(
                    f"statestore at {base}: {error}", maybe_done=True
                ) from error
            return _read(answer, kind)
        raise errors.Unreachable(problem)


_JSON: Final = [("Content-Type", "application/json")]
_MAX_ANSWER_BYTES: Final = 16 << 20


def _read(answer: web_client.Answer, kind: type[T]) -> T:
    try:
        if answer.ok:
            return wire.decode(answer.body, kind)
        if answer.status == 401:
            raise errors.Refused(
                "statestore refused the call: it is not signed with this platform's secret"
                f" ({signing.MASTER_VARIABLE}), or the clocks differ by more than a minute"
            )
        raise errors.error_of(wire.decode(answer.body, wire.ErrorBody), answer.status)
    except gojson.MessageError as error:
        text = answer.text()[:200]
        raise errors.StatestoreError(f"statestore answered {answer.status}: {text!r}") from error


def _nanos(seconds: float) -> int:
    return round(seconds * wire.NANOS)
