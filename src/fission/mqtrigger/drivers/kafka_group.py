"""One member of a consumer group, and what it holds while partitions come and go.

Kafka takes every partition away at a rebalance and gives them out again. What is unfinished stays
ours where the same partition comes back with the offset that we had committed; of any other it is
lost, and its new owner receives it.
"""

import asyncio
import contextlib
from collections.abc import Iterable
from typing import Any, Final

import aiokafka
from aiokafka import abc, errors, structs

from fission.mqtrigger.drivers import base, kafka_errors, kafka_offsets, lanes

PROBE_SECONDS: Final = 3.0
COMMIT_PAUSE_SECONDS: Final = 0.05
ANSWER_SECONDS: Final = 10.0


class Member(abc.ConsumerRebalanceListener):  # type: ignore[misc]
    """A ``base.Subscription``."""

    def __init__(
        self, topic: str, partitions: list[int], order: str, consumer: aiokafka.AIOKafkaConsumer
    ) -> None:
        self._topic = topic
        self._order = order
        self._consumer = consumer
        self._all = [structs.TopicPartition(topic, number) for number in partitions]
        self._owned: dict[int, kafka_offsets.Partition] = {}
        self._before: dict[int, kafka_offsets.Partition] = {}
        self._rebalances = 0
        self._assigned = asyncio.Event()
        self._reading: tuple[int, asyncio.Future[Any]] | None = None
        self._wake = asyncio.Event()
        self._finished = asyncio.Event()
        self._committer: asyncio.Task[None] | None = None
        self._closed = False

    async def join(self, seconds: float) -> None:
        """Returns when the group has given us our partitions, be it none."""
        async with asyncio.timeout(seconds):
            self._consumer.subscribe([self._topic], listener=self)
            await self._consumer.start()
            await self._assigned.wait()
        self._committer = asyncio.create_task(self._keep_committing())

    async def receive(self, max_messages: int, wait_seconds: float) -> list[base.Message]:
        loop = asyncio.get_running_loop()
        give_up = loop.time() + wait_seconds
        while not self._closed:
            self._wake.clear()
            found = self._take_released(max_messages)
            if len(found) < max_messages:
                pause = 0.0 if found else min(give_up - loop.time(), PROBE_SECONDS)
                found += await self._read(max_messages - len(found), max(0.0, pause))
            if found:
                return found
            if not self._wake.is_set():
                await self._probe()
            if loop.time() >= give_up:
                return []
        return []

    async def settle(self, message: base.Message) -> None:
        partition, offset = self._place(message)
        partition.settled(offset)
        self._finished.set()

    async def release(self, message: base.Message) -> None:
        partition, offset = self._place(message)
        partition.released(offset, message)
        self._wake.set()

    async def extend(self, message: base.Message) -> None:
        """A member keeps what it has as long as its heartbeats come."""
        self._place(message)

    async def lag(self) -> int | None:
        with kafka_errors.failures():
            async with asyncio.timeout(ANSWER_SECONDS):
                ends = await self._consumer.end_offsets(self._all)
                behind = 0
                for place, end in ends.items():
                    mine = self._owned.get(place.partition)
                    done = mine.prefix if mine else await self._consumer.committed(place)
                    behind += max(0, end - (done or 0))
        return behind

    async def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        self._wake.set()
        for task in (self._committer, self._reading and self._reading[1]):
            if task is not None:
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)
        self._reading = None
        await self._commit()
        await self._stop()
        self._owned.clear()

    async def on_partitions_revoked(self, revoked: Iterable[structs.TopicPartition]) -> None:
        """The group begins to share out anew; the last word on what is finished."""
        await self._commit()
        self._rebalances += 1
        self._before, self._owned = self._owned, {}

    async def on_partitions_assigned(self, assigned: Iterable[structs.TopicPartition]) -> None:
        for place in assigned:
            committed = await self._consumer.committed(place)
            if committed is None:
                committed = (await self._consumer.beginning_offsets([place]))[place]
            before = self._before.get(place.partition)
            if before is None or before.committed != committed:
                before = kafka_offsets.Partition(place.partition, committed, committed)
            self._owned[place.partition] = before
            self._consumer.seek(place, before.next)
        self._before = {}
        self._rebalances += 1
        self._assigned.set()
        self._wake.set()

    async def _stop(self) -> None:
        """Leaves the group. The library's own end fails with what it has cancelled itself, before
        it has closed its connections."""
        stopping = asyncio.ensure_future(self._consumer.stop())
        await asyncio.wait({stopping}, timeout=ANSWER_SECONDS)
        stopping.cancel()
        await asyncio.gather(stopping, return_exceptions=True)
        if stopping.cancelled() or stopping.exception() is not None:
            with contextlib.suppress(errors.KafkaError, OSError):
                await self._consumer._client.close()

    def _take_released(self, room: int) -> list[base.Message]:
        found: list[base.Message] = []
        for partition in self._owned.values():
            found += partition.again(room - len(found))
        return found

    async def _read(self, room: int, pause_seconds: float) -> list[base.Message]:
        """New records. The read goes on when a release ends the wait; records that were read
        before a rebalance are read again."""
        if self._reading is None:
            reading = self._consumer.getmany(timeout_ms=int(pause_seconds * 1000), max_records=room)
            self._reading = self._rebalances, asyncio.ensure_future(reading)
        rebalances, task = self._reading
        woken = asyncio.ensure_future(self._wake.wait())
        try:
            either: set[asyncio.Future[Any]] = {task, woken}
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        finally:
            woken.cancel()
        if not task.done():
            return []
        self._reading = None
        found: list[base.Message] = []
        for place, records in self._result(task).items():
            partition = self._owned.get(place.partition)
            if partition is not None and rebalances != self._rebalances:
                self._consumer.seek(place, partition.next)
            elif partition is not None:
                found += [self._message(partition, record) for record in records]
        return found

    def _result(self, task: "asyncio.Future[Any]") -> Any:
        with kafka_errors.failures():
            return task.result()

    async def _probe(self) -> None:
        """Silence may be a broker that is gone: the library would wait for it for ever."""
        with kafka_errors.failures():
            async with asyncio.timeout(PROBE_SECONDS):
                await self._consumer.end_offsets(self._all[:1])

    async def _keep_committing(self) -> None:
        while True:
            await self._finished.wait()
            self._finished.clear()
            await self._commit()
            await asyncio.sleep(COMMIT_PAUSE_SECONDS)

    async def _commit(self) -> None:
        """What is finished. A failure is made good by the next one, or ends in duplicates."""
        prefixes = {
            structs.TopicPartition(self._topic, each.number): each.prefix
            for each in self._owned.values()
            if each.prefix > each.committed
        }
        if not prefixes:
            return
        with contextlib.suppress(errors.KafkaError, OSError, TimeoutError):
            async with asyncio.timeout(ANSWER_SECONDS / 2):
                await self._consumer.commit(prefixes)
            for place, prefix in prefixes.items():
                if place.partition in self._owned:
                    self._owned[place.partition].committed = prefix

    def _message(self, partition: kafka_offsets.Partition, record: Any) -> base.Message:
        key = (record.key or b"").decode(errors="replace")
        number = partition.number
        message = base.Message(
            topic=self._topic,
            body=record.value or b"",
            headers={name: _text(value) for name, value in record.headers},
            key=str(number) if self._order == lanes.PARTITION else lanes.lane(self._order, key),
            position=f"{number}-{record.offset}",
            attempt=1,
            handle=(partition, record.offset),
        )
        partition.received(record.offset, message)
        return message

    def _place(self, message: base.Message) -> tuple[kafka_offsets.Partition, int]:
        partition: kafka_offsets.Partition
        partition, offset = message.handle
        known = (self._owned.get(partition.number), self._before.get(partition.number))
        if not any(each is partition for each in known):
            raise base.Lost(f"{message.position}: the group gave the partition to somebody else")
        if not partition.holds(offset, message):
            raise base.Lost(f"{message.position}: not in hand any more")
        return partition, offset


def _text(value: bytes) -> str:
    """Headers of Kafka are bytes."""
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value.decode("latin-1")
