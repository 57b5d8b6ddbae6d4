"""Kafka: one consumer group per trigger; the acknowledgement is the committed offset.

The topic has to exist. A new group starts behind the newest record, and that start is written to
the broker before the group is joined, so that nothing is missed between joining and the first
commit. Sending waits for all in-sync replicas, with an idempotent producer.
"""

import asyncio
import contextlib
import logging
from collections.abc import Mapping
from typing import Any, Final

import aiokafka
from aiokafka import admin, conn, errors, structs

from fission.mqtrigger.drivers import base, kafka_errors, kafka_group, lanes, options, tls

ANSWER_SECONDS: Final = 10.0
CLOSE_SECONDS: Final = 0.05
TAKEOVER_SECONDS: Final = 10.0
EXAMPLE: Final = "kafka.data.svc:9092"
SASL: Final = {
    "plaintext": "PLAIN",
    "scram_sha256": "SCRAM-SHA-256",
    "scram_sha512": "SCRAM-SHA-512",
}

logging.getLogger("aiokafka").setLevel(logging.CRITICAL)


async def connect(settings: base.Settings) -> "Kafka":
    """Raises ``Unreachable``, ``Unauthorized``, ``Misconfigured``."""
    read = options.Options(settings)
    servers = read.text("bootstrapServers") or settings.url
    servers = servers or read.required("bootstrapServers", example=EXAMPLE)
    order = lanes.order(read, lanes.PARTITION, default=lanes.PARTITION)
    takeover = read.number("takeoverSeconds", 1, 1800, TAKEOVER_SECONDS)
    policy = read.choice("offsetResetPolicy", ("latest", "earliest"), "latest")
    common = {
        "bootstrap_servers": [server.strip() for server in servers.split(",")],
        "client_id": f"fission-{settings.namespace}-{settings.name}",
        "request_timeout_ms": int(ANSWER_SECONDS * 1000),
        **_security(read),
    }
    control = admin.AIOKafkaAdminClient(**common)
    try:
        with kafka_errors.failures():
            async with asyncio.timeout(2 * ANSWER_SECONDS):
                await control.start()
    except BaseException as error:
        await control.close()
        if isinstance(error, base.Unreachable):
            raise await _cause(error, common) from error
        raise
    return Kafka(control, common, read, order, takeover, policy)


def _security(read: options.Options) -> dict[str, Any]:
    mechanism = read.choice("sasl", ("none", *SASL), "none")
    context = tls.context(read) if tls.wanted(read) else None
    if mechanism == "none":
        protocol = "SSL" if context else "PLAINTEXT"
        return {"security_protocol": protocol, "ssl_context": context}
    return {
        "security_protocol": "SASL_SSL" if context else "SASL_PLAINTEXT",
        "ssl_context": context,
        "sasl_mechanism": SASL[mechanism],
        "sasl_plain_username": read.required("username", example="fission"),
        "sasl_plain_password": read.required("password", example="…"),
    }


async def _cause(unreachable: base.DriverError, common: Mapping[str, Any]) -> base.DriverError:
    """The library tells that no server could be used, not why: one more connection shows it."""
    host, _, port = common["bootstrap_servers"][0].rpartition(":")
    settings = {name: common[name] for name in common if name != "bootstrap_servers"}
    try:
        with kafka_errors.failures():
            await (await conn.create_conn(host, int(port), **settings)).close()
    except base.DriverError as error:
        # A handshake that failed closes its socket in a later turn of the loop.
        await asyncio.sleep(CLOSE_SECONDS)
        return tls.refusal(error) or error
    return unreachable


class Kafka:
    """A ``base.Driver``."""

    def __init__(
        self,
        control: admin.AIOKafkaAdminClient,
        common: Mapping[str, Any],
        read: options.Options,
        order: str,
        takeover_seconds: float,
        policy: str,
    ) -> None:
        self._control = control
        self._common = dict(common)
        self._read = read
        self._order = order
        self._takeover = takeover_seconds
        self._policy = policy
        self._known: set[str] = set()
        self._producer: aiokafka.AIOKafkaProducer | None = None
        self._opening = asyncio.Lock()
        self._subscriptions: list[kafka_group.Member] = []

    async def subscribe(self, topic: str, group: str) -> kafka_group.Member:
        self._read.same(topic, "topic")
        name = self._read.text("consumerGroup") or group
        partitions = await self._partitions(topic)
        with kafka_errors.failures():
            async with asyncio.timeout(2 * ANSWER_SECONDS):
                if self._policy == "latest":
                    await self._write_start(topic, name, partitions)
        member = kafka_group.Member(topic, partitions, self._order, self._consumer(name))
        try:
            with kafka_errors.failures():
                await member.join(ANSWER_SECONDS + 2 * self._takeover)
        except BaseException:
            await member.close()
            raise
        self._subscriptions.append(member)
        return member

    async def publish(
        self, topic: str, body: bytes, headers: Mapping[str, str], key: str = ""
    ) -> None:
        if topic not in self._known:
            await self._partitions(topic)
        producer = await self._open_producer()
        try:
            with kafka_errors.failures():
                async with asyncio.timeout(ANSWER_SECONDS):
                    await producer.send_and_wait(
                        topic,
                        body,
                        key=key.encode() or None,
                        headers=[(name, value.encode()) for name, value in headers.items()],
                    )
        except base.Unreachable:
            # It would go on trying, and send later what the caller has long given up.
            if self._producer is producer:
                self._producer = None
            await _stop(producer)
            raise

    async def close(self) -> None:
        for each in self._subscriptions:
            await each.close()
        if self._producer is not None:
            await _stop(self._producer)
        with contextlib.suppress(errors.KafkaError, OSError):
            await self._control.close()

    async def _partitions(self, topic: str) -> list[int]:
        """Numbers of the topic's partitions. Raises ``TopicMissing``."""
        with kafka_errors.failures():
            async with asyncio.timeout(ANSWER_SECONDS):
                found = (await self._control.describe_topics([topic]))[0]
            code = found["error_code"]
            if code not in (0, errors.UnknownTopicOrPartitionError.errno):
                raise errors.for_code(code)(topic)
        if code or not found["partitions"]:
            servers = self._common["bootstrap_servers"][0]
            raise base.TopicMissing(
                f"there is no topic {topic!r}: kafka-topics.sh --create --topic {topic} "
                f"--bootstrap-server {servers} makes one"
            )
        self._known.add(topic)
        return sorted(each["partition"] for each in found["partitions"])

    async def _write_start(self, topic: str, group: str, partitions: list[int]) -> None:
        """A group without a committed offset in this topic gets the ends of its partitions. Another
        member may do the same at once: the broker takes it only while the group has no member."""
        places = [structs.TopicPartition(topic, number) for number in partitions]
        starter = self._consumer(group)
        try:
            await starter.start()
            starter.assign(places)
            kept = [await starter.committed(place) for place in places]
            if any(offset is not None for offset in kept):
                return
            ends = await starter.end_offsets(places)
            with contextlib.suppress(errors.CommitFailedError, errors.UnknownMemberIdError):
                await starter.commit(ends)
        finally:
            await starter.stop()

    def _consumer(self, group: str) -> aiokafka.AIOKafkaConsumer:
        return aiokafka.AIOKafkaConsumer(
            **self._common,
            group_id=group,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            session_timeout_ms=int(self._takeover * 1000),
            heartbeat_interval_ms=int(self._takeover * 1000 / 4),
            # Whoever is busy is alive as long as it sends heartbeats.
            max_poll_interval_ms=24 * 3600 * 1000,
            rebalance_timeout_ms=int(max(self._takeover, ANSWER_SECONDS) * 1000),
            fetch_max_wait_ms=1000,
        )

    async def _open_producer(self) -> aiokafka.AIOKafkaProducer:
        async with self._opening:
            if self._producer is None:
                producer = aiokafka.AIOKafkaProducer(
                    **self._common, acks="all", enable_idempotence=True
                )
                try:
                    with kafka_errors.failures():
                        async with asyncio.timeout(2 * ANSWER_SECONDS):
                            await producer.start()
                except BaseException:
                    await _stop(producer)
                    raise
                self._producer = producer
        return self._producer


async def _stop(producer: aiokafka.AIOKafkaProducer) -> None:
    """Ends it without sending what nobody waits for any longer, as its own end would."""
    with contextlib.suppress(errors.KafkaError, OSError, TimeoutError):
        async with asyncio.timeout(ANSWER_SECONDS / 2):
            if producer._sender is not None:
                await producer._sender.close()
    with contextlib.suppress(errors.KafkaError, OSError, TimeoutError):
        async with asyncio.timeout(ANSWER_SECONDS / 2):
            await producer.client.close()
    producer._closed = True
