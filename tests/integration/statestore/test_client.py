"""The client of statestore: where it looks, and what a failure tells its caller."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from fission.base import clock as clocks
from fission.contracts import signing
from fission.contracts import statestore as wire
from fission.delivery import statestore as clients
from fission.delivery import statestore_errors as errors
from fission_http import client as http_client
from tests.integration.statestore import support

SCOPE = wire.Scope("default", "function/f", "k")


class Places:
    """Where a client looks; counts how often it was told that they are wrong."""

    def __init__(self, *urls: str) -> None:
        self.known = [*urls]
        self.forgotten = 0

    async def urls(self) -> list[str]:
        return self.known

    def forget(self) -> None:
        self.forgotten += 1


@contextlib.asynccontextmanager
async def client_of(
    places: Places, masters: signing.Masters = support.MASTERS
) -> AsyncIterator[clients.Statestore]:
    async with http_client.Client() as http:
        yield clients.Statestore(http, masters, places, clocks.SystemClock(), timeout_seconds=0.5)


async def answering(content: bytes) -> asyncio.Server:
    """A server that takes a request, says this and closes."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(content)
        await writer.drain()
        writer.close()

    return await asyncio.start_server(handle, "127.0.0.1", 0)


def url_of(server: asyncio.Server) -> str:
    return f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


async def test_the_next_place_is_asked_when_one_refuses(tmp_path: Path) -> None:
    async with support.statestore(tmp_path) as served:
        places = Places("http://127.0.0.1:1", served.url)
        async with client_of(places) as calls:
            assert await calls.append("s", [wire.Event()]) == 1
        assert places.forgotten == 1


async def test_nobody_there_is_told_as_not_done() -> None:
    for places in (Places(), Places("http://127.0.0.1:1")):
        async with client_of(places) as calls:
            with pytest.raises(errors.Unreachable) as caught:
                await calls.append("s", [wire.Event()])
            assert not caught.value.maybe_done
            assert caught.value.retryable


async def test_an_answer_that_is_lost_may_have_been_done() -> None:
    server = await answering(b"")
    async with server, client_of(Places(url_of(server))) as calls:
        with pytest.raises(errors.Unreachable) as caught:
            await calls.append("s", [wire.Event()])
        assert caught.value.maybe_done


async def test_what_is_not_statestore_is_told() -> None:
    server = await answering(b"HTTP/1.1 502 Bad\r\nContent-Length: 5\r\n\r\n<html")
    async with server, client_of(Places(url_of(server))) as calls:
        with pytest.raises(errors.StatestoreError, match="answered 502: '<html'"):
            await calls.head("s")


async def test_each_failure_has_its_type(tmp_path: Path) -> None:
    async with support.statestore(tmp_path) as served:
        calls = served.client
        with pytest.raises(errors.NotFound):
            await calls.get(SCOPE, "a")
        await calls.set(SCOPE, "a", b"1", if_version=0)
        with pytest.raises(errors.VersionConflict):
            await calls.set(SCOPE, "a", b"2", if_version=0)
        with pytest.raises(errors.QuotaExceeded):
            await calls.set(SCOPE, "b", b"", max_keys=1)
        with pytest.raises(errors.InvalidReceipt):
            await calls.ack("1.1")
        with pytest.raises(errors.Rejected, match="stream must be given"):
            await calls.head("")
        await calls.append("s", [wire.Event()])
        with pytest.raises(errors.VersionConflict) as caught:
            await calls.append("s", [wire.Event()], 5)
        assert caught.value.head == 1
        async with client_of(Places(served.url), signing.Masters(b"another")) as stranger:
            with pytest.raises(errors.Refused, match="FISSION_INTERNAL_AUTH_SECRET"):
                await stranger.head("s")


async def test_the_rest_of_the_calls(tmp_path: Path) -> None:
    async with support.statestore(tmp_path) as served:
        calls = served.client
        for key in ("a", "b", "c"):
            await calls.set(SCOPE, key, key.encode())
        page = await calls.keys(SCOPE, limit=2)
        assert (page.keys, (await calls.keys(SCOPE, token=page.next)).keys) == (["a", "b"], ["c"])
        await calls.delete(SCOPE, "a")
        assert (await calls.keys(SCOPE, "a")).keys == []
        await calls.enqueue("q", b"m")
        (message,) = await calls.lease("q", 1, 60)
        await calls.nack(message.receipt, 60)
        assert (await calls.stats("q")).visible == 0
        await calls.enqueue("q", b"n")
        (message,) = await calls.lease("q", 1, 60)
        await calls.kill(message.receipt, "no")
        assert await calls.purge("q") == 1
        await calls.append("s", [wire.Event(), wire.Event()])
        await calls.trim("s", 2)
        assert await calls.head("s") == wire.HeadResponse(head=2, first=2)
