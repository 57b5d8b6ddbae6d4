"""NATS JetStream: one durable pull consumer per trigger, explicit acknowledgement.

The topic is a subject; its stream has to exist. A connection that breaks is not mended but reported
as ``Unreachable``: whoever uses the driver connects anew, and the server delivers again what was
not acknowledged. Pull requests are sent by hand, because the library's ``fetch`` waits for a full
batch: first one that is answered at once, then, if nothing was there, one that waits for a single
message, so that no request outlives its ``receive`` for long.

What a dead reader had, the server keeps for it until ``ack_wait`` is over, and gives out newer
messages meanwhile. All with an order are kept back here until then, and their acknowledgements
are confirmed by the server: none may come again behind its successor.
"""

import asyncio
import collections
import contextlib
import functools
import logging
from collections.abc import Coroutine, Iterator, Mapping, Sequence
from typing import Any, Final
from urllib import parse

import orjson
from nats import errors as nats_errors
from nats.aio import client as nats_client
from nats.aio import msg as nats_msg
from nats.js import api as js_api
from nats.js import client as js_client
from nats.js import errors as js_errors

from fission.base import ids
from fission.mqtrigger.drivers import base, lanes, nkeys, options, tls

ANSWER_SECONDS: Final = 10.0
CLOSE_SECONDS: Final = 1.0
LOOK_SECONDS: Final = 0.5
LATEST_TAKEOVER_SECONDS: Final = 0.5
"""After ``ack_wait``: what a dead reader had is given out again by then."""
PING_SECONDS: Final = 5
ACK_WAIT_SECONDS: Final = 30.0
MAX_ACK_PENDING: Final = 1000
EXAMPLE: Final = "nats://nats.data.svc:4222"

logging.getLogger("nats").setLevel(logging.CRITICAL)


async def connect(settings: base.Settings) -> "JetStream":
    """Raises ``Unreachable``, ``Unauthorized``, ``Misconfigured``."""
    read = options.Options(settings)
    address = read.text("natsServer", "natsServerUrl") or settings.url
    servers = (address or read.required("natsServer", example=EXAMPLE)).split(",")
    for server in servers:
        if parse.urlsplit(server.strip()).scheme not in ("nats", "tls", ""):
            raise read.wrong("natsServer", f"allowed are nats:// and tls:// URLs, as {EXAMPLE}")
    order = lanes.order(read)
    ack_wait = read.number("takeoverSeconds", 0.1, 3600, ACK_WAIT_SECONDS)
    client = nats_client.Client()
    made = JetStream(client, read, order, ack_wait, settings.strict)
    failures: list[Exception] = []
    secured = tls.wanted(read) or any(server.strip().startswith("tls:") for server in servers)
    credentials = _credentials(read, client)
    context = tls.context(read) if secured else None
    with _errors(failures):
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                await client.connect(
                    [server.strip() for server in servers],
                    name=f"fission {settings.namespace}/{settings.name}",
                    allow_reconnect=False,
                    max_reconnect_attempts=1,
                    reconnect_time_wait=0,
                    connect_timeout=int(ANSWER_SECONDS / 2),
                    ping_interval=PING_SECONDS,
                    max_outstanding_pings=2,
                    error_cb=functools.partial(_note, failures),
                    closed_cb=made.stir,
                    tls=context,
                    **credentials,
                )
        except BaseException:
            await _end(client)
            raise
    return made


async def _end(client: nats_client.Client) -> None:
    """Closes the connection. After a handshake that failed the library waits for a word from the
    other side that never comes: the socket is closed by then."""
    with contextlib.suppress(nats_errors.Error, OSError, TimeoutError):
        async with asyncio.timeout(CLOSE_SECONDS):
            await client.close()


async def _note(failures: list[Exception], error: Exception) -> None:
    """What goes wrong is raised where it is noticed; the last one tells why."""
    failures[:] = [error]


def _credentials(read: options.Options, client: nats_client.Client) -> dict[str, Any]:
    """User and password, token, a seed, or a credentials file: whichever the Secret has."""
    try:
        if file := read.text("creds"):
            jwt, seed = nkeys.credentials(file)
            nkeys.public(seed)
            return {"user_jwt_cb": jwt.encode, **_signing(seed)}
        if seed := read.text("nkey"):
            # The library takes a public key only from an nkeys package of its own.
            client._public_nkey = nkeys.public(seed)
            return _signing(seed)
    except nkeys.BadKey as error:
        raise base.Misconfigured(f"secret key creds or nkey: {error}") from error
    given = {
        "user": read.text("username"),
        "password": read.text("password"),
        "token": read.text("token"),
    }
    return {name: value for name, value in given.items() if value}


def _signing(seed: str) -> dict[str, Any]:
    """The library signs only where it is given a user or a token, too; it does not send it."""
    return {"signature_cb": functools.partial(nkeys.sign, seed), "user": "signs"}


@contextlib.contextmanager
def _errors(failures: Sequence[Exception] = ()) -> Iterator[None]:
    """The library's errors in the engine's words; ``failures`` say more than 'no servers'."""
    try:
        yield
    except base.DriverError:
        raise
    except nats_errors.NoServersError as error:
        with _errors():
            raise (failures[-1] if failures else error) from None
    except (js_errors.NoStreamResponseError, js_errors.NotFoundError) as error:
        raise base.TopicMissing(f"JetStream: {error}") from error
    except nats_errors.MaxPayloadError as error:
        raise base.Refused(f"the server takes no message of this size: {error}") from error
    except js_errors.ServiceUnavailableError as error:
        raise base.Unreachable(f"JetStream is not available on this server: {error}") from error
    except (js_errors.APIError, js_errors.BadRequestError) as error:
        raise base.DriverError(f"JetStream: {error}") from error
    except (nats_errors.Error, TimeoutError, OSError) as error:
        words = str(error) or type(error).__name__
        if "authorization" in words.lower() or "permissions" in words.lower():
            raise base.Unauthorized(f"NATS refuses: {words}") from error
        raise (tls.refusal(error) or base.Unreachable(f"NATS: {words}")) from error


class JetStream:
    """A ``base.Driver``."""

    def __init__(
        self,
        client: nats_client.Client,
        read: options.Options,
        order: str,
        ack_wait: float,
        strict: bool = False,
    ) -> None:
        self.client = client
        self.strict = strict
        self.context: js_client.JetStreamContext = client.jetstream(timeout=ANSWER_SECONDS)
        self.order = order
        self.ack_wait = ack_wait
        self._read = read
        self._streams: dict[str, str] = {}
        self._subscriptions: list[Pull] = []

    async def subscribe(self, topic: str, group: str) -> "Pull":
        stream = self._read.text("stream") or await self._stream_of(topic)
        name = self._read.text("consumer") or group
        wanted = js_api.ConsumerConfig(
            name=name,
            durable_name=name,
            deliver_policy=js_api.DeliverPolicy.NEW,
            ack_policy=js_api.AckPolicy.EXPLICIT,
            ack_wait=self.ack_wait,
            max_ack_pending=MAX_ACK_PENDING,
            filter_subject=topic,
        )
        with _errors():
            try:
                found = await self.context.consumer_info(stream, name)
            except js_errors.NotFoundError:
                try:
                    found = await self.context.add_consumer(stream, wanted)
                except js_errors.NotFoundError as error:
                    raise _no_stream(topic, stream) from error
            self._check(found.config)
            made = Pull(self, topic, stream, name, found)
            await made.start()
        self._subscriptions.append(made)
        return made

    async def publish(
        self, topic: str, body: bytes, headers: Mapping[str, str], key: str = ""
    ) -> None:
        stream = await self._stream_of(topic)
        sent = {name: value for name, value in headers.items() if not _is_ours(name)}
        if key:
            sent[lanes.KEY_HEADER] = key
        await self.answer_to(
            self.context.publish(topic, body, ANSWER_SECONDS, stream, sent or None)
        )

    async def answer_to(self, request: Coroutine[Any, Any, object]) -> None:
        """Waits for the server's answer; raises ``Unreachable`` when the connection breaks, of
        which the library does not tell those who wait."""
        asking = asyncio.ensure_future(request)
        try:
            while not asking.done() and self.client.is_connected:
                await asyncio.wait({asking}, timeout=LOOK_SECONDS)
        finally:
            asking.cancel()
        if not asking.done():
            raise base.Unreachable("NATS: the connection broke before the acknowledgement came")
        with _errors():
            asking.result()

    async def forget(self, topic: str, group: str) -> None:
        """Takes the durable consumer out of its stream, which may keep messages for it."""
        with contextlib.suppress(base.TopicMissing), _errors():
            stream = self._read.text("stream") or await self._stream_of(topic)
            await self.context.delete_consumer(stream, group)

    async def close(self) -> None:
        for each in self._subscriptions:
            await each.close()
        await _end(self.client)

    async def stir(self) -> None:
        """The connection is gone: nobody waits for messages any longer."""
        for each in self._subscriptions:
            each.stirred.set()

    async def _stream_of(self, topic: str) -> str:
        """The stream that keeps a subject; asked for once."""
        if topic not in self._streams:
            with _errors():
                try:
                    found = await self.context.find_stream_name_by_subject(topic)
                except js_errors.NotFoundError as error:
                    raise _no_stream(topic) from error
            self._streams[topic] = found
        return self._streams[topic]

    def _check(self, config: js_api.ConsumerConfig) -> None:
        """A consumer that somebody else made has to be one that can be read here."""
        if config.deliver_subject or config.ack_policy != js_api.AckPolicy.EXPLICIT:
            raise base.Misconfigured(
                f"spec.metadata.consumer: {config.durable_name!r} exists and is not a pull "
                "consumer with explicit acknowledgement; name another one"
            )


def _is_ours(name: str) -> bool:
    """Headers between client and server: passed on, they would say where a copy may go."""
    return name.startswith("Nats-") or name == lanes.KEY_HEADER


def _no_stream(topic: str, stream: str = "") -> base.TopicMissing:
    name = stream or "NAME"
    what = f"no stream {stream!r}" if stream else f"no stream keeps the subject {topic!r}"
    return base.TopicMissing(f"{what}: nats stream add {name} --subjects '{topic}' makes one")


class Pull:
    """A ``base.Subscription``."""

    def __init__(
        self, driver: JetStream, topic: str, stream: str, consumer: str, found: js_api.ConsumerInfo
    ) -> None:
        self._driver = driver
        self._client = driver.client
        self._topic = topic
        self._stream = stream
        self._consumer = consumer
        self._ack_wait = found.config.ack_wait or driver.ack_wait
        self.extend_seconds = self._ack_wait / 3
        self._kept: list[base.Message] = []
        self._keep_until = 0.0
        if found.num_ack_pending and driver.order != lanes.NONE:
            now = asyncio.get_running_loop().time()
            self._keep_until = now + self._ack_wait + LATEST_TAKEOVER_SECONDS
        self._next_look = 0.0
        self._inbox = f"_INBOX.{ids.short_id(22)}"
        self._next = f"$JS.API.CONSUMER.MSG.NEXT.{stream}.{consumer}"
        self._arrived: collections.deque[tuple[float, nats_msg.Msg]] = collections.deque()
        self.stirred = asyncio.Event()
        self._asked = 0
        self._failure: base.DriverError | None = None
        self._mine: dict[str, base.Message] = {}
        self._closed = False
        self._inboxed: Any = None

    async def start(self) -> None:
        self._inboxed = await self._client.subscribe(self._inbox, cb=self._on_message)
        await self._client.flush(int(ANSWER_SECONDS))

    async def receive(self, max_messages: int, wait_seconds: float) -> list[base.Message]:
        loop = asyncio.get_running_loop()
        give_up = loop.time() + wait_seconds
        if not self._arrived and not self._kept and self._asked == 0:
            await self._ask(max_messages, 0.0)
        while not self._closed:
            found = self._take(max_messages, loop.time())
            if not found and self._kept:
                found = await self._let_go(max_messages)
            if found:
                return found
            self._raise_failure()
            left = give_up - loop.time()
            if left <= 0:
                return []
            if self._asked <= 0 and not self._kept:
                await self._ask(1, left)
            self.stirred.clear()
            if not self._arrived:
                longest = LOOK_SECONDS / 2 if self._kept else 2 * LOOK_SECONDS
                await self._stir(min(left + LOOK_SECONDS, longest))
        return []

    async def settle(self, message: base.Message) -> None:
        self._owned(message)
        if self._is_ordered(message):
            await self._driver.answer_to(message.handle.ack_sync(ANSWER_SECONDS))
        else:
            with _errors():
                await message.handle.ack()
        self._mine.pop(message.position, None)

    async def release(self, message: base.Message) -> None:
        self._owned(message)
        with _errors():
            await message.handle.nak()
        self._mine.pop(message.position, None)

    async def extend(self, message: base.Message) -> None:
        self._owned(message)
        with _errors():
            await message.handle.in_progress()

    async def lag(self) -> int | None:
        with _errors():
            info = await self._driver.context.consumer_info(self._stream, self._consumer)
        return (info.num_pending or 0) + (info.num_ack_pending or 0)

    async def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        self.stirred.set()
        unfinished = [message.handle for message in self._mine.values()]
        unfinished += [raw for _, raw in self._arrived]
        self._mine.clear()
        self._arrived.clear()
        self._kept.clear()
        # The server delivers them again in the order in which they are handed back.
        unfinished.sort(key=lambda raw: int(raw.metadata.sequence.stream))
        with contextlib.suppress(nats_errors.Error, OSError, TimeoutError):
            # First the inbox: an open request of ours would be given what is handed back.
            await self._inboxed.unsubscribe()
            await self._client.flush(int(ANSWER_SECONDS))
            for raw in unfinished:
                await raw.nak()
            await self._client.flush(int(ANSWER_SECONDS))

    async def _ask(self, count: int, wait_seconds: float) -> None:
        """One pull request; its answers come to the inbox."""
        request: dict[str, Any] = {"batch": count, "no_wait": True}
        if wait_seconds > 0:
            request = {"batch": count, "expires": int(wait_seconds * 1e9)}
        self._asked += count
        with _errors():
            await self._client.publish(self._next, orjson.dumps(request), reply=self._inbox)

    async def _stir(self, seconds: float) -> None:
        """Waits for a message or a word about a request, and notices a dead connection."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self.stirred.wait()
        if not self._client.is_connected:
            raise base.Unreachable("NATS: the connection broke")

    async def _on_message(self, raw: nats_msg.Msg) -> None:
        status = (raw.headers or {}).get("Status") if not raw.reply.startswith("$JS.ACK") else None
        if status is None:
            self._asked = max(0, self._asked - 1)
            if self._closed:
                await raw.nak()
                return
            self._arrived.append((asyncio.get_running_loop().time(), raw))
        elif status != "100":
            self._asked = 0
            if status not in ("404", "408"):
                words = (raw.headers or {}).get("Description", "")
                self._failure = base.TopicMissing(f"JetStream: {status} {words}")
        self.stirred.set()

    def _raise_failure(self) -> None:
        failure, self._failure = self._failure, None
        if failure is not None:
            raise failure
        if not self._client.is_connected:
            raise base.Unreachable("NATS: the connection broke")

    def _take(self, room: int, now: float) -> list[base.Message]:
        """What waited here for longer than the server does comes again and is left out."""
        found: list[base.Message] = []
        while self._arrived and len(found) < room:
            since, raw = self._arrived.popleft()
            if now - since >= self._ack_wait:
                continue
            message = self._message(raw)
            if held := self._mine.get(message.position):
                held.handle = raw  # its time ran out here; it is in work, and once is enough
                continue
            self._mine[message.position] = message
            is_kept = bool(self._kept or self._keep_until) and self._is_ordered(message)
            (self._kept if is_kept else found).append(message)
        return found

    async def _let_go(self, room: int) -> list[base.Message]:
        """What was kept back, in order, as soon as all that was given out before is here."""
        now = asyncio.get_running_loop().time()
        found: list[base.Message] = []
        if self._keep_until:
            if now < self._next_look and now < self._keep_until:
                return []
            self._next_look = now + LOOK_SECONDS / 2
            with _errors():
                info = await self._driver.context.consumer_info(self._stream, self._consumer)
            elsewhere = (info.num_ack_pending or 0) - len(self._mine) - len(self._arrived)
            if elsewhere > 0:
                # Those whose time is over come before any that is new.
                if self._asked <= 0 and len(self._kept) < MAX_ACK_PENDING / 2:
                    await self._ask(elsewhere, 0.0)
                if now < self._keep_until:
                    for message in self._kept:
                        await self.extend(message)
                    return []
                await self._answered()
                found = self._take(room, now)
            self._keep_until = 0.0
            self._kept.sort(key=lambda message: int(message.position))
        free = room - len(found)
        found += self._kept[:free]
        del self._kept[:free]
        return found

    async def _answered(self) -> None:
        """Waits until the server has given what it has."""
        loop = asyncio.get_running_loop()
        give_up = loop.time() + ANSWER_SECONDS
        while self._asked > 0 and loop.time() < give_up and not self._closed:
            self._raise_failure()
            self.stirred.clear()
            await self._stir(LOOK_SECONDS)

    def _is_ordered(self, message: base.Message) -> bool:
        return lanes.is_ordered(self._driver.order, message.key, self._driver.strict)

    def _message(self, raw: nats_msg.Msg) -> base.Message:
        headers = raw.headers or {}
        key = headers.get(lanes.KEY_HEADER, "")
        return base.Message(
            topic=self._topic,
            body=raw.data,
            headers={name: value for name, value in headers.items() if not _is_ours(name)},
            key=lanes.lane(self._driver.order, key),
            position=str(raw.metadata.sequence.stream),
            attempt=raw.metadata.num_delivered or 1,
            handle=raw,
        )

    def _owned(self, message: base.Message) -> None:
        if self._mine.get(message.position) is not message:
            raise base.Lost(f"{message.position}: not in hand any more")
        if not self._client.is_connected:
            raise base.Unreachable("NATS: the connection broke")
