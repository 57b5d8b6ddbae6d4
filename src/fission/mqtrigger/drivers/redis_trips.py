"""Commands on their way to Redis: many with one trip, and what their failures mean."""

import asyncio
import contextlib
from collections.abc import Iterator
from typing import Any, Final

import redis.asyncio as redis
from redis import exceptions

from fission.mqtrigger.drivers import base, tls

BATCH: Final = 128


class Trips:
    """Commands that are given while one trip to the server is under way go with the next, together;
    each has its own answer."""

    def __init__(self, client: redis.Redis) -> None:
        self._client = client
        self._waiting: list[tuple[tuple[Any, ...], asyncio.Future[Any]]] = []
        self._going: asyncio.Future[None] | None = None

    async def add(self, *command: Any) -> Any:
        """The answer of one. Raises ``base.DriverError``."""
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._waiting.append((command, answer))
        if self._going is None or self._going.done():
            self._going = asyncio.ensure_future(self._go())
        with failures():
            return await answer

    async def _go(self) -> None:
        while self._waiting:
            batch, self._waiting = self._waiting[:BATCH], self._waiting[BATCH:]
            pipeline = self._client.pipeline(transaction=False)
            for command, _ in batch:
                pipeline.execute_command(*command)
            try:
                answers: list[Any] = await pipeline.execute(raise_on_error=False)
            except Exception as error:  # whatever it is, those who wait are told
                answers = [error] * len(batch)
            for (_, waiter), answer in zip(batch, answers, strict=True):
                if waiter.done():
                    continue
                if isinstance(answer, Exception):
                    waiter.set_exception(answer)
                else:
                    waiter.set_result(answer)


@contextlib.contextmanager
def failures() -> Iterator[None]:
    """The library's errors in the engine's words."""
    try:
        yield
    except (
        exceptions.AuthenticationError,
        exceptions.AuthorizationError,
        exceptions.NoPermissionError,
    ) as error:
        raise base.Unauthorized(f"Redis refuses: {error}") from error
    except (exceptions.ConnectionError, exceptions.TimeoutError, OSError) as error:
        raise (tls.refusal(error) or base.Unreachable(f"Redis: {error}")) from error
    except exceptions.ResponseError as error:
        if str(error).startswith("WRONGTYPE"):
            raise base.Misconfigured(f"spec.topic: the key is not a stream: {error}") from error
        if str(error).startswith("NOGROUP"):
            raise base.TopicMissing(f"the stream or its consumer group is gone: {error}") from error
        raise base.DriverError(f"Redis: {error}") from error
