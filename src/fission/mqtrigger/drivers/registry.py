"""Which queues there are: ``messageQueueType`` → the driver's module and its extra."""

import asyncio
import importlib
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import ClassVar, Final, cast

from fission.mqtrigger.drivers import base

Connect = Callable[[base.Settings], Awaitable[base.Driver]]


@dataclass(frozen=True, slots=True)
class Entry:
    """A type of queue."""

    module: str
    extra: str
    """``pip install 'fission[…]'`` brings its library."""


TYPES: Final = {
    "kafka": Entry("fission.mqtrigger.drivers.kafka", "kafka"),
    "nats-jetstream": Entry("fission.mqtrigger.drivers.nats", "nats"),
    "rabbitmq": Entry("fission.mqtrigger.drivers.rabbitmq", "rabbitmq"),
    "redis": Entry("fission.mqtrigger.drivers.redis", "redis"),
}
STATESTORE: Final = "statestore"
"""The platform's own; it needs no library."""


class DriverMissing(base.DriverError):
    """The library that speaks to the queue is not installed."""

    reason: ClassVar[str] = "DriverMissing"


class Registry:
    """Finds drivers; ``built_in`` are those that the composition root makes itself."""

    def __init__(self, built_in: Mapping[str, Connect] | None = None) -> None:
        self._built_in = dict(built_in or {})

    async def find(self, queue_type: str) -> Connect:
        """The ``connect`` of a type. Raises ``Misconfigured`` for an unknown one,
        ``DriverMissing`` where its library is not installed."""
        found = self._built_in.get(queue_type)
        return found if found is not None else await asyncio.to_thread(load, queue_type)


def load(queue_type: str) -> Connect:
    """The ``connect`` of a type that comes with a library. Imports, so it takes its time."""
    entry = TYPES.get(queue_type)
    if entry is None:
        known = ", ".join(sorted({*TYPES, STATESTORE}))
        raise base.Misconfigured(
            f"spec.messageQueueType: {queue_type!r} is not read here, only {known}"
        )
    try:
        module = importlib.import_module(entry.module)
    except ImportError as error:
        raise DriverMissing(
            f"the library for {queue_type} is not installed where mqtrigger runs ({error}): "
            f"pip install 'fission[{entry.extra}]'"
        ) from error
    return cast("Connect", module.connect)
