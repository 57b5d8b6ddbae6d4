"""Queues of messages on their way to brokers, for those who publish and who look after them.

Who may ``create`` triggers of queues in a namespace may publish from it. A dead letter may be any
namespace's: they are for who may do that in all of them. How a broker is, and how many messages
wait for it, everybody may know who is known.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from typing import TypeVar

from fission.api import resources
from fission.base import errors
from fission.contracts import egress, gojson, signing, statestore
from fission.controller import access, forwarding
from fission.meta import status
from fission.web import service

Handler = Callable[[service.Request], Awaitable[service.Response]]
T = TypeVar("T")

_ALL = ""
"""In place of a namespace: in every one."""


class Queues:
    """Passes calls on to statestore, those that concern queues to brokers."""

    def __init__(
        self, who: access.Access, forwarder: forwarding.Forwarder, masters: signing.Masters
    ) -> None:
        self._access = who
        self._forwarder = forwarder
        self._target = forwarding.Target(
            statestore.SERVICE, statestore.SOCKET_NAME, masters.keys(signing.STATESTORE)
        )

    def routes(self) -> Iterator[tuple[str, Handler]]:
        """Statestore's routes that lead through here."""
        yield statestore.ENQUEUE, self.enqueue
        yield statestore.KV_GET, self.state
        yield statestore.STATS, self._of_queue(statestore.STATS, statestore.QueueRequest, "")
        for path, kind, verb in (
            (statestore.DEAD_LETTERS, statestore.DeadLettersRequest, "get"),
            (statestore.REDRIVE, statestore.RedriveRequest, "create"),
            (statestore.PURGE, statestore.QueueRequest, "delete"),
        ):
            yield path, self._of_queue(path, kind, verb)

    async def enqueue(self, request: service.Request) -> service.Response:
        """Publish, from the namespace that the message names."""
        person, sent = await self._read(request, statestore.EnqueueRequest)
        mq_type = _type_of(sent.queue)
        try:
            job = egress.decode_job(sent.body)
        except gojson.MessageError as error:
            raise errors.InvalidInput(f"body: not a message for a broker: {error}") from error
        if not egress.is_topic(mq_type, job.topic):
            raise errors.InvalidInput(f"invalid topic for {mq_type}: {job.topic[:80]}")
        await self._require(person, "create", job.namespace)
        return await self._forward(request, statestore.ENQUEUE)

    async def state(self, request: service.Request) -> service.Response:
        """How a broker is."""
        _, asked = await self._read(request, statestore.GetRequest)
        if asked.scope != egress.scope():
            raise status.Forbidden("scope: only states of brokers can be read from here")
        return await self._forward(request, statestore.KV_GET)

    def _of_queue(
        self,
        path: str,
        kind: type[
            statestore.QueueRequest | statestore.DeadLettersRequest | statestore.RedriveRequest
        ],
        verb: str,
    ) -> Handler:
        async def handle(request: service.Request) -> service.Response:
            person, asked = await self._read(request, kind)
            _type_of(asked.queue)
            if verb:
                await self._require(person, verb, _ALL)
            return await self._forward(request, path)

        return handle

    async def _read(
        self, request: service.Request, kind: type[T]
    ) -> tuple[access.Person | None, T]:
        person = await self._access.identify(request.headers.get("authorization"))
        body = await request.read_for_signature(statestore.MAX_REQUEST_BYTES)
        try:
            return person, statestore.decode(body, kind)
        except gojson.MessageError as error:
            raise errors.InvalidInput(f"the body is not a message: {error}") from error

    async def _require(self, person: access.Person | None, verb: str, namespace: str) -> None:
        operation = access.Operation(verb, resources.MESSAGEQUEUETRIGGERS, namespace)
        await self._access.require(person, operation)

    async def _forward(self, request: service.Request, path: str) -> service.Response:
        return await self._forwarder.forward(
            request, self._target, path, statestore.MAX_REQUEST_BYTES
        )


def _type_of(queue: str) -> str:
    """The broker's type of a queue; raises Forbidden of any other."""
    mq_type = egress.type_of(queue)
    if mq_type is None:
        raise status.Forbidden("queue: only queues of messages for brokers can be reached")
    return mq_type
