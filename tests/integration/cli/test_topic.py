"""Topics: what is published is there, and is shown."""

from __future__ import annotations

import pytest
import pytest_asyncio

from tests.support import cliplatform

pytestmark = pytest.mark.asyncio(loop_scope="module")

PUBLISHED = 'published to topic "orders" in namespace "default" (statestore)\n'


@pytest_asyncio.fixture(loop_scope="module")
async def statestore(cluster, platform, tmp_path):
    async with cliplatform.statestored(cluster, tmp_path / "state"):
        yield


async def test_what_is_published_is_shown(good, statestore):
    assert await good("topic", "peek", "--topic", "orders") == "head: 0\nSEQ TYPE AGE PAYLOAD\n"
    for number in range(3):
        data = f'{{"id": {number}}}'
        assert await good("topic", "publish", "--topic", "orders", "--data", data) == PUBLISHED
    plain = ("--content-type", "text/plain", "--key", "k")
    await good("topics", "publish", "--topic", "orders", "--data", "a\nb", *plain)
    shown = await good("topic", "peek", "--topic", "orders", "--limit", "2")
    lines = [line.split() for line in shown.splitlines()]
    assert lines[:2] == [["head:", "4"], ["SEQ", "TYPE", "AGE", "PAYLOAD"]]
    assert lines[2][:2] == ["3", "application/json"]
    assert lines[2][3:] == ['{"id":', "2}"]
    assert lines[3][:2] == ["4", "text/plain"]
    assert lines[3][3:] == ["a", "b"]


async def test_topics_of_namespaces_are_apart(good, statestore):
    await good("topic", "publish", "--topic", "t", "--data", "1", "-n", "other")
    assert (await good("topic", "peek", "--topic", "t")).startswith("head: 0\n")
    assert (await good("topic", "peek", "--topic", "t", "-n", "other")).startswith("head: 1\n")


async def test_what_cannot_be_is_said(bad, statestore):
    assert "--topic: 'a/b' is not a topic" in await bad("topic", "peek", "--topic", "a/b")
    assert "--limit 0: want 1 to 1000" in await bad("topic", "peek", "--topic", "a", "--limit", "0")
    kafka = ("--mqtype", "kafka")
    assert "only statestore" in await bad("topic", "publish", "--topic", "a", "--data", "b", *kafka)
    large = await bad("topic", "publish", "--topic", "a", "--data", "x" * 3_500_000)
    assert "statestore: the request is longer than 4194304 bytes" in large


async def test_another_secret_is_refused_in_words(command_line, bad, statestore):
    command_line.env["FISSION_INTERNAL_AUTH_SECRET"] = "another"
    assert "not signed with this platform's secret" in await bad("topic", "peek", "--topic", "a")


async def test_a_statestore_that_is_named_and_not_there_is_told(command_line, bad, platform):
    command_line.env["FISSION_STATESTORE_URL"] = "http://127.0.0.1:1"
    said = await bad("topic", "peek", "--topic", "a")
    assert "statestore at http://127.0.0.1:1 cannot be reached" in said
