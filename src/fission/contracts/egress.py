"""Command line → statestore → mqtrigger: messages on their way to a broker.

Who publishes to a broker's topic puts a job into the queue of the broker's type; mqtrigger, which
alone knows where the platform's brokers are, sends it. Beside the queues stands for each type that
is set up how its broker is: of a type that has no such value nobody would ever send anything.
"""

from __future__ import annotations

import re
from typing import Final

import msgspec

from fission.contracts import gojson
from fission.contracts import statestore as wire

TYPES: Final = ("kafka", "nats-jetstream", "rabbitmq", "redis")
"""Brokers that can be published to."""
QUEUE_PREFIX: Final = "mq-egress-"
NAMESPACE_HEADER: Final = "fission-namespace"
"""Of a sent message: the namespace that it was published from."""
CONTENT_TYPE_HEADER: Final = "content-type"

_KAFKA_TOPIC: Final = re.compile(r"(?!\.{1,2}$)[A-Za-z0-9._-]{1,249}")
_TOPIC: Final = re.compile(r"[!-~]{1,249}")


class Job(msgspec.Struct, kw_only=True, rename="camel", omit_defaults=True):
    """A message that is to be sent. ``namespace``: who published it."""

    topic: str = ""
    namespace: str = ""
    content_type: str = ""
    key: str = ""
    payload: bytes = b""


class State(msgspec.Struct, kw_only=True, rename="camel"):
    """How a broker is; without a reason it takes messages."""

    reason: str = ""
    message: str = ""
    at: str = ""
    is_hopeless: bool = False
    """Only a change of settings will help."""


def queue(mq_type: str) -> str:
    """The queue of a broker's type."""
    return QUEUE_PREFIX + mq_type


def type_of(queue_name: str) -> str | None:
    """The broker's type of a queue; None of any other queue."""
    mq_type = queue_name.removeprefix(QUEUE_PREFIX)
    return mq_type if queue(mq_type) == queue_name and mq_type in TYPES else None


def is_topic(mq_type: str, name: str) -> bool:
    """Whether a broker of that type can have such a topic."""
    return (_KAFKA_TOPIC if mq_type == "kafka" else _TOPIC).fullmatch(name) is not None


def scope() -> wire.Scope:
    """Where the states are; the keys are types."""
    return wire.Scope(owner="mqtrigger", keyspace="egress")


def decode_job(body: bytes) -> Job:
    """The job in a message of a queue; raises ``gojson.MessageError``."""
    job = gojson.decode(body, Job)
    if not job.topic or not job.namespace:
        raise gojson.MessageError("a job has a topic and a namespace")
    return job


def decode_state(value: bytes) -> State:
    """A state; raises ``gojson.MessageError``."""
    return gojson.decode(value, State)
