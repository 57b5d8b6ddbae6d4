"""What tests do with a subscription again and again."""

from __future__ import annotations

import asyncio
import contextlib
import uuid
from collections.abc import AsyncIterator, Callable

from fission.mqtrigger.drivers import base, registry

DEADLINE_SECONDS = 20.0


def new_name(prefix: str = "topic") -> str:
    return f"{prefix}-{uuid.uuid4().hex[:10]}"


@contextlib.asynccontextmanager
async def connected(settings: base.Settings) -> AsyncIterator[base.Driver]:
    """A driver, closed with the block."""
    driver = await registry.load(settings.type)(settings)
    try:
        yield driver
    finally:
        async with asyncio.timeout(2 * DEADLINE_SECONDS):
            await driver.close()


async def publish(driver: base.Driver, topic: str, *bodies: str) -> None:
    for body in bodies:
        await driver.publish(topic, body.encode(), {"Content-Type": "text/plain"})


async def until(
    subscription: base.Subscription,
    enough: Callable[[list[base.Message]], bool],
    seconds: float = DEADLINE_SECONDS,
) -> list[base.Message]:
    """Receives, and settles nothing, until there is enough."""
    found: list[base.Message] = []
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            while not enough(found):
                found += await subscription.receive(10, 1.0)
    assert enough(found), f"only these came: {bodies(found)}"
    return found


async def take(subscription: base.Subscription, count: int) -> list[base.Message]:
    """So many messages."""
    return await until(subscription, lambda found: len(found) >= count)


async def take_all(subscription: base.Subscription, *wanted: str) -> list[base.Message]:
    """Everything up to the last of these bodies; others, and repetitions, are fine."""
    return await until(subscription, lambda found: set(wanted) <= set(bodies(found)))


def bodies(messages: list[base.Message]) -> list[str]:
    return [message.body.decode() for message in messages]
