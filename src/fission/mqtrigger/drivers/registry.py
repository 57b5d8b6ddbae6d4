"""Which queues there are: ``messageQueueType`` → the driver's module and its extra."""

import importlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import ClassVar, Final, cast

from fission.mqtrigger.drivers import base

Connect = Callable[[base.Settings], Awaitable[base.Driver]]


@dataclass(frozen=True, slots=True)
class Entry:
    """A type of queue."""

    module: str
    extra: str = ""
    """What ``pip install 'fission[…]'`` brings its library; empty: nothing more is needed."""


TYPES: Final = {
    "kafka": Entry("fission.mqtrigger.drivers.kafka", "kafka"),
    "nats-jetstream": Entry("fission.mqtrigger.drivers.nats", "nats"),
    "rabbitmq": Entry("fission.mqtrigger.drivers.rabbitmq", "rabbitmq"),
    "redis": Entry("fission.mqtrigger.drivers.redis", "redis"),
    "statestore": Entry("fission.mqtrigger.drivers.statestore"),
}


class DriverMissing(base.DriverError):
    """The library that speaks to the queue is not installed."""

    reason: ClassVar[str] = "DriverMissing"


def find(queue_type: str) -> Connect:
    """The ``connect`` of a type. Raises ``Misconfigured`` for an unknown type, ``DriverMissing``
    where its library is not installed. Imports: call it off the event loop."""
    entry = TYPES.get(queue_type)
    if entry is None:
        known = ", ".join(sorted(TYPES))
        raise base.Misconfigured(
            f"spec.messageQueueType: {queue_type!r} is not read here, only {known}"
        )
    try:
        module = importlib.import_module(entry.module)
    except ImportError as error:
        if not entry.extra:
            raise
        raise DriverMissing(
            f"the library for {queue_type} is not installed where mqtrigger runs ({error}): "
            f"pip install 'fission[{entry.extra}]'"
        ) from error
    return cast("Connect", module.connect)
