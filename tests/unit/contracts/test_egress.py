"""Messages for brokers: names of queues and topics, and what a message must have."""

from __future__ import annotations

import pytest

from fission.contracts import egress, gojson
from fission.contracts import statestore as wire


def test_a_message_is_read_as_it_was_written():
    job = egress.Job(topic="t", namespace="n", content_type="a/b", key="k", payload=b"\x00\xff")
    assert egress.decode_job(wire.encode(job)) == job


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"topic": "t"}', b'{"namespace": "n"}'])
def test_what_is_no_message_is_told(body):
    with pytest.raises(gojson.MessageError):
        egress.decode_job(body)


@pytest.mark.parametrize(
    ("queue", "mq_type"),
    [("mq-egress-kafka", "kafka"), ("mq-egress-stan", None), ("asyncinv", None), ("kafka", None)],
)
def test_only_queues_of_brokers_have_a_type(queue, mq_type):
    assert egress.type_of(queue) == mq_type


@pytest.mark.parametrize(
    ("mq_type", "topic", "is_one"),
    [
        ("kafka", "a.b_c-d", True),
        ("kafka", ".", False),
        ("kafka", "a/b", False),
        ("kafka", "a" * 250, False),
        ("rabbitmq", "a/b", True),
        ("redis", "a b", False),
        ("nats-jetstream", "", False),
    ],
)
def test_topics_that_a_broker_can_have(mq_type, topic, is_one):
    assert egress.is_topic(mq_type, topic) is is_one
