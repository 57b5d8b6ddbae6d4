"""Runs a Kafka once and keeps its classes as the JVM has them, so that it starts in half the time.

`bin/test` calls it once for each version of Kafka and of the JVM.
"""

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
from pathlib import Path

from tests.conformance.message_queue import brokers, reading
from tests.support import certificates


async def use(broker: brokers.Kafka) -> None:
    """Everything that tests do has its classes loaded."""
    for settings in (broker.settings(), broker.secure()):
        topic = reading.new_name()
        await broker.make_topic(topic)
        async with reading.connected(settings) as driver:
            subscription = await driver.subscribe(topic, "group")
            await reading.publish(driver, topic, "one")
            await subscription.settle((await reading.take(subscription, 1))[0])


def main() -> int:
    if reason := brokers.Kafka.missing():
        print(reason)
        return 1
    made = brokers.KAFKA_CLASSES.with_suffix(f".{os.getpid()}")
    with tempfile.TemporaryDirectory() as folder:
        broker = brokers.Kafka(Path(folder, "kafka"), certificates.Authority("the tests'"))
        broker.options = f"-XX:ArchiveClassesAtExit={made}"
        broker.launch()
        try:
            broker.wait()
            asyncio.run(use(broker))
        finally:
            broker.stop()
        if made.exists():
            made.replace(brokers.KAFKA_CLASSES)
    return 0


if __name__ == "__main__":
    sys.exit(main())
