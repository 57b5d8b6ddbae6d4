"""Topics: what is published is there, and is shown."""

from __future__ import annotations

import pytest
import pytest_asyncio

from fission.contracts import egress
from fission.contracts import statestore as wire
from tests.support import cliplatform

pytestmark = pytest.mark.asyncio(loop_scope="module")

PUBLISHED = 'published to topic "orders" in namespace "default" (statestore)\n'


@pytest_asyncio.fixture(loop_scope="module")
async def statestore(cluster, platform, tmp_path):
    async with cliplatform.statestored(cluster, tmp_path / "state") as client:
        yield client


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


async def test_the_newest_are_shown_however_large_they_are(good, statestore):
    for letter in "ab":
        await good("topic", "publish", "--topic", "large", "--data", letter * 700_000)
    shown = (await good("topic", "peek", "--topic", "large")).splitlines()
    assert [line.split()[0] for line in shown[2:]] == ["1", "2"]


async def test_what_cannot_be_is_said(bad, statestore):
    assert "--topic: 'a/b' is not a topic" in await bad("topic", "peek", "--topic", "a/b")
    assert "--limit 0: want 1 to 1000" in await bad("topic", "peek", "--topic", "a", "--limit", "0")
    publish = ("topic", "publish", "--data", "b")
    assert "unsupported message queue type 'stan'" in await bad(
        *publish, "--topic", "a", "--mqtype", "stan"
    )
    assert "invalid topic for kafka: a/b" in await bad(
        *publish, "--topic", "a/b", "--mqtype", "kafka"
    )
    large = await bad("topic", "publish", "--topic", "a", "--data", "x" * 3_500_000)
    assert "statestore: the request is longer than 4194304 bytes" in large


async def test_what_nobody_would_send_is_refused(bad, statestore):
    kafka = ("topic", "publish", "--topic", "a", "--data", "b", "--mqtype", "kafka")
    said = await bad(*kafka)
    assert "the platform has no broker of type kafka" in said
    assert "set MQTRIGGER_KAFKA_URL in the Deployment mqtrigger" in said
    wrong = egress.State(reason="BrokerUnauthorized", message="SASL failed", is_hopeless=True)
    await statestore.set(egress.scope(), "kafka", wire.encode(wrong))
    said = await bad(*kafka)
    assert "nothing can be sent to kafka" in said
    assert "SASL failed" in said
    assert await statestore.stats(egress.queue("kafka")) == wire.StatsResponse()


async def test_a_message_for_a_broker_is_queued_and_what_delays_it_is_told(
    command_line, good, statestore
):
    away = egress.State(reason="BrokerUnreachable", message="refused", at="2027-01-01T00:00:00Z")
    await statestore.set(egress.scope(), "nats-jetstream", wire.encode(away))
    words = ("--topic", "a.b", "--data", "x", "--key", "k", "--mqtype", "nats-jetstream")
    done = await command_line.run("topic", "publish", *words)
    assert done.code == 0
    assert done.out == 'published to topic "a.b" in namespace "default" (nats-jetstream)\n'
    assert done.err == (
        "nats-jetstream is away since 2027-01-01T00:00:00Z: refused."
        " The message is kept and will be sent when it is back\n"
    )
    queue = egress.queue("nats-jetstream")
    (message,) = await statestore.lease(queue, 10, 60.0)
    job = egress.decode_job(message.body)
    assert job == egress.Job(
        topic="a.b", namespace="default", content_type="application/json", key="k", payload=b"x"
    )
    await statestore.kill(message.receipt, "too large")
    done = await command_line.run("topic", "publish", *words)
    assert (
        "dead letters of queue mq-egress-nats-jetstream, which could not be sent before: 1;"
        in done.err
    )


async def test_another_secret_is_refused_in_words(command_line, bad, statestore):
    command_line.env["FISSION_INTERNAL_AUTH_SECRET"] = "another"
    assert "not signed with this platform's secret" in await bad("topic", "peek", "--topic", "a")


async def test_a_statestore_that_is_named_and_not_there_is_told(command_line, bad, platform):
    command_line.env["FISSION_STATESTORE_URL"] = "http://127.0.0.1:1"
    said = await bad("topic", "peek", "--topic", "a")
    assert "statestore at http://127.0.0.1:1 cannot be reached" in said
