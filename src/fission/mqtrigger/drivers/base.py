"""What the engine asks of a message queue. A driver is a module with these, and ``connect``.

One driver is one connection to a broker, one subscription one member of a consumer group on one
topic. The engine calls each subscription from one task at a time for ``receive``; ``settle``,
``release``, ``extend`` and ``lag`` may come from many tasks at once. Time-outs are the driver's:
a call that a dead broker would leave hanging ends in ``Unreachable``.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol, runtime_checkable

from fission.base import errors


class DriverError(errors.Error):
    """The queue did not do what was asked. ``reason`` becomes the trigger's condition."""

    reason: ClassVar[str] = "QueueError"
    retryable: ClassVar[bool] = True


class Unreachable(DriverError):
    """Nobody answers, or the connection broke."""

    reason = "BrokerUnreachable"


class Unauthorized(DriverError):
    """The broker refuses the credentials, or what they may do."""

    reason = "BrokerUnauthorized"


class TopicMissing(DriverError):
    """The broker does not have the topic, queue or stream."""

    reason = "TopicMissing"


class Misconfigured(DriverError):
    """The trigger's metadata or secret lack something, or contradict each other."""

    reason = "Misconfigured"


class Refused(DriverError):
    """The broker will never take this message: too large, headers that it cannot hold."""

    reason = "MessageRefused"
    retryable = False


class Lost(DriverError):
    """The message is no longer ours: its time ran out, or the group gave it to somebody else."""

    reason = "MessageLost"


@dataclass(frozen=True, slots=True)
class Settings:
    """How to reach a broker: a trigger's ``messageQueueType``, ``metadata`` and Secret.

    ``url`` is the platform's own default for the type, empty where it has none; metadata wins.
    """

    type: str
    url: str
    metadata: Mapping[str, str]
    secret: Mapping[str, bytes]
    namespace: str = ""
    """Namespace of the trigger: queues that are kept per namespace use it."""
    name: str = ""
    """Name of the trigger, for the names that a broker shows of its clients."""
    strict: bool = False
    """The whole topic is handled one by one: messages without a key have an order, too."""


@dataclass(slots=True, eq=False)
class Message:
    """One message as it was received; compared by identity."""

    topic: str
    body: bytes
    headers: dict[str, str]
    """As the broker keeps them; ``Content-Type`` among them where it has a place for it."""
    key: str
    """Messages of one key are handled in order; empty: in no order."""
    position: str
    """Where it stands: the same at each delivery, different from any other's in the topic."""
    attempt: int
    """Deliveries as the broker counts them, this one included. 1 where it does not count."""
    handle: Any = None
    """The driver's own."""


class Subscription(Protocol):
    """A member of a group on a topic. What it received and has not settled stays its own until it
    settles, releases or dies; what a member that died had is delivered to the others."""

    async def receive(self, max_messages: int, wait_seconds: float) -> list[Message]:
        """The next messages, at most so many; waits for the first, then takes what is there.

        Empty when nothing came within ``wait_seconds``. Messages of one key come in their order:
        one that was released, or that a dead member had, before its successors that are not yet
        received. For the latter they are kept back for as long as it takes to take it over.
        """
        ...

    async def settle(self, message: Message) -> None:
        """Done: the group will not see it again. Returns when the broker knows, or when what it
        does not know yet can only lead to a duplicate. Raises ``Lost``, ``Unreachable``."""
        ...

    async def release(self, message: Message) -> None:
        """Hand it back unfinished: it is delivered again, at once, and ``attempt`` counts it."""
        ...

    async def extend(self, message: Message) -> None:
        """Still at work on it: the broker's deadline for it begins anew. Called every 10 s,
        more often if the subscription is ``Impatient``."""
        ...

    async def lag(self) -> int | None:
        """How many messages of the topic the group has not settled; None where nobody knows."""
        ...

    async def close(self) -> None:
        """Leave the group; hands back everything unfinished. Safe to call twice, and after loss."""
        ...


@runtime_checkable
class Impatient(Protocol):
    """A subscription that has a say in how often ``extend`` is called."""

    extend_seconds: float


@runtime_checkable
class Forgetful(Protocol):
    """A driver whose queue keeps messages for every group that it knows."""

    async def forget(self, topic: str, group: str) -> None:
        """The group is gone for good: nothing is kept for it any more."""
        ...


class Driver(Protocol):
    """A connection to a broker."""

    async def subscribe(self, topic: str, group: str) -> Subscription:
        """Join a group. A new group of a log starts behind its newest message; a queue starts with
        what is in it. Returns when what is published from now on will be received."""
        ...

    async def publish(
        self, topic: str, body: bytes, headers: Mapping[str, str], key: str = ""
    ) -> None:
        """Returns when the broker holds it durably. Raises otherwise; then it may or may not be
        there."""
        ...

    async def close(self) -> None:
        """Closes the connection and its subscriptions."""
        ...
