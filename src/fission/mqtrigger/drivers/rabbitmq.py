"""RabbitMQ: the topic is a durable queue, every message is acknowledged by hand.

The queue has to exist, unless ``queueType`` says which kind to declare. Sending goes through the
default exchange with confirms, persistent and mandatory. A message that is released waits here and
not in the broker, before its successors that the broker has already sent; what is unfinished when
the channel closes, the broker puts back where it was.
"""

import asyncio
import contextlib
import logging
import ssl
from collections.abc import Iterator, Mapping
from typing import Any, Final

import aio_pika
import yarl
from aio_pika import abc, exceptions
from aiormq import exceptions as amqp

from fission.mqtrigger.drivers import base, lanes, options, rabbitmq_queue, tls

ANSWER_SECONDS: Final = 10.0
HEARTBEAT_SECONDS: Final = 10
CLOSE_SECONDS: Final = 1.0
PREFETCH: Final = 64
EXAMPLE: Final = "amqp://rabbitmq.data.svc:5672/"

for _name in ("aio_pika", "aiormq"):
    logging.getLogger(_name).setLevel(logging.CRITICAL)


async def connect(settings: base.Settings) -> "RabbitMQ":
    """Raises ``Unreachable``, ``Unauthorized``, ``Misconfigured``."""
    read = options.Options(settings)
    order = lanes.order(read)
    prefetch = int(read.number("prefetch", 1, 65535, PREFETCH))
    kind = read.choice("queueType", ("", "quorum", "classic"), "")
    url, context = _address(read, settings)
    with failures():
        async with asyncio.timeout(ANSWER_SECONDS):
            connection = await aio_pika.connect(
                url,
                ssl_context=context,
                timeout=ANSWER_SECONDS,
                client_properties={
                    "connection_name": f"fission {settings.namespace}/{settings.name}"
                },
            )
    return RabbitMQ(connection, read, order, prefetch, kind)


def _address(
    read: options.Options, settings: base.Settings
) -> tuple[yarl.URL, ssl.SSLContext | None]:
    """The broker's URL with credentials and heartbeat, and how to speak TLS with it."""
    host = read.text("host") or settings.url or read.required("host", example=EXAMPLE)
    try:
        url = yarl.URL(host)
        known = url.scheme in ("amqp", "amqps") and bool(url.host)
    except ValueError:
        known = False
    if not known:
        raise base.Misconfigured(
            "host, as secret key or spec.metadata: allowed are amqp:// and amqps:// URLs, as "
            f"{EXAMPLE}"
        )
    secured = url.scheme == "amqps" or tls.wanted(read)
    url = url.with_scheme("amqps" if secured else "amqp")
    if user := read.text("username"):
        url = url.with_user(user)
    if password := read.text("password"):
        url = url.with_password(password)
    if vhost := read.text("vhostName"):
        url = url.with_path("/" + vhost.strip("/"))
    url = url.update_query(heartbeat=str(HEARTBEAT_SECONDS))
    return url, tls.context(read) if secured else None


@contextlib.contextmanager
def failures() -> Iterator[None]:
    """The libraries' errors in the engine's words."""
    try:
        yield
    except base.DriverError:
        raise
    except exceptions.DeliveryError as error:
        raise _unroutable(error) from error
    except amqp.ChannelNotFoundEntity as error:
        raise base.TopicMissing(f"RabbitMQ: {error}") from error
    except amqp.ChannelPreconditionFailed as error:
        raise base.Misconfigured(f"spec.metadata.queueType: {error}") from error
    except (
        amqp.AuthenticationError,
        amqp.ProbableAuthenticationError,
        amqp.ChannelAccessRefused,
        amqp.ConnectionNotAllowed,
    ) as error:
        raise base.Unauthorized(f"RabbitMQ refuses: {error}") from error
    except (amqp.AMQPError, TimeoutError, OSError, RuntimeError) as error:
        words = str(error) or type(error).__name__
        raise (tls.refusal(error) or base.Unreachable(f"RabbitMQ: {words}")) from error


def _unroutable(error: exceptions.DeliveryError) -> base.DriverError:
    if isinstance(error, exceptions.PublishError):
        return base.TopicMissing("no such queue")
    return base.DriverError("RabbitMQ did not accept the message (nack): is the queue full?")


async def _end(channel: abc.AbstractChannel) -> None:
    """Closes it; one that waits for an answer that never comes would not close either."""
    with contextlib.suppress(amqp.AMQPError, OSError, TimeoutError, RuntimeError):
        async with asyncio.timeout(CLOSE_SECONDS):
            if not channel.is_closed:
                await channel.close()


def no_queue(name: str) -> base.TopicMissing:
    """What is missing, and the two ways to have it."""
    return base.TopicMissing(
        f"there is no queue {name!r}: rabbitmqadmin declare queue name={name} durable=true "
        'arguments=\'{"x-queue-type":"quorum"}\' makes one, spec.metadata.queueType=quorum has it '
        "made here"
    )


class RabbitMQ:
    """A ``base.Driver``."""

    def __init__(
        self,
        connection: abc.AbstractConnection,
        read: options.Options,
        order: str,
        prefetch: int,
        kind: str,
    ) -> None:
        self._connection = connection
        self._read = read
        self._order = order
        self._prefetch = prefetch
        self._kind = kind
        self._declared: set[str] = set()
        self._sender: abc.AbstractChannel | None = None
        self._opening = asyncio.Lock()
        self._subscriptions: list[rabbitmq_queue.Queue] = []

    async def subscribe(self, topic: str, group: str) -> rabbitmq_queue.Queue:
        """All who read a queue share it, whatever their group."""
        self._read.same(topic, "queueName")
        with failures():
            async with asyncio.timeout(2 * ANSWER_SECONDS):
                await self._declare(topic)
                channel = await self._connection.channel(publisher_confirms=False)
                await channel.set_qos(prefetch_count=self._prefetch)
                made = rabbitmq_queue.Queue(self, channel, topic, self._order)
                await made.start()
        self._subscriptions.append(made)
        return made

    async def publish(
        self, topic: str, body: bytes, headers: Mapping[str, str], key: str = ""
    ) -> None:
        with failures():
            async with asyncio.timeout(2 * ANSWER_SECONDS):
                if self._kind:
                    await self._declare(topic)
                exchange = await self._open_exchange()
                message = rabbitmq_queue.outgoing(body, headers, key)
                try:
                    await exchange.publish(message, topic, mandatory=True, timeout=ANSWER_SECONDS)
                except exceptions.DeliveryError as error:
                    failure = _unroutable(error)
                    missing = isinstance(failure, base.TopicMissing)
                    raise (no_queue(topic) if missing else failure) from error

    async def close(self) -> None:
        for each in self._subscriptions:
            await each.close()
        with contextlib.suppress(amqp.AMQPError, OSError, TimeoutError, RuntimeError):
            async with asyncio.timeout(ANSWER_SECONDS):
                await self._connection.close()

    async def look(self, topic: str) -> tuple[int, int]:
        """Messages that wait in a queue, and its consumers. Raises ``TopicMissing``. A question
        about a queue that is not there costs the channel, so each has its own."""
        with failures():
            async with asyncio.timeout(ANSWER_SECONDS):
                channel = await self._connection.channel(publisher_confirms=False)
                try:
                    queue = await channel.declare_queue(topic, passive=True)
                    found: Any = queue.declaration_result
                    return int(found.message_count or 0), int(found.consumer_count or 0)
                except amqp.ChannelNotFoundEntity as error:
                    raise no_queue(topic) from error
                finally:
                    await _end(channel)

    async def _declare(self, topic: str) -> None:
        if topic in self._declared:
            return
        if self._kind:
            channel = await self._connection.channel(publisher_confirms=False)
            try:
                arguments: dict[str, Any] = {"x-queue-type": self._kind}
                await channel.declare_queue(topic, durable=True, arguments=arguments)
            finally:
                await _end(channel)
        else:
            await self.look(topic)
        self._declared.add(topic)

    async def _open_exchange(self) -> abc.AbstractExchange:
        async with self._opening:
            if self._sender is None or self._sender.is_closed:
                self._sender = await self._connection.channel(
                    publisher_confirms=True, on_return_raises=True
                )
        return self._sender.default_exchange
