"""MessageQueueTrigger: calls a function for each message of a topic."""

from typing import Annotated, Any, ClassVar, Final

import msgspec
from msgspec import field

from fission.api import reference_types, schema
from fission.meta import objectmeta

KIND_FISSION: Final = "fission"
KIND_KEDA: Final = "keda"
TYPES_BY_KIND: Final = {
    KIND_FISSION: ("kafka", "nats-jetstream", "rabbitmq", "redis", "statestore"),
    KIND_KEDA: (
        "kafka",
        "aws-sqs-queue",
        "aws-kinesis-stream",
        "gcp-pubsub",
        "stan",
        "nats-jetstream",
        "rabbitmq",
        "redis",
    ),
}


class MessageQueueTriggerSpec(schema.Model):
    """Which topic is read and what is called."""

    required: ClassVar[tuple[str, ...]] = ("functionref", "messageQueueType", "topic")
    written: ClassVar[tuple[str, ...]] = ("function_ref", "message_queue_type", "topic")

    function_ref: Annotated[reference_types.FunctionReference, schema.doc("What is called.")] = (
        field(default_factory=reference_types.FunctionReference, name="functionref")
    )
    message_queue_type: Annotated[str, schema.doc("Which queue.", minLength=1)] = ""
    topic: Annotated[str, schema.doc("Topic that is read.", minLength=1)] = ""
    response_topic: Annotated[str, schema.doc("Topic that answers go to.")] = field(
        default="", name="respTopic"
    )
    error_topic: Annotated[str, schema.doc("Topic that failed messages go to.")] = ""
    max_retries: Annotated[int, schema.doc("Further attempts after a failed one.", minimum=0)] = 0
    content_type: Annotated[str, schema.doc("Content type of the calls.")] = ""
    polling_interval: Annotated[
        int | None, schema.doc("Seconds between looks at how much waits.", format="int32")
    ] = None
    cooldown_period: Annotated[
        int | None,
        schema.doc("Seconds that calls at once stay when less is needed.", format="int32"),
    ] = None
    min_replica_count: Annotated[
        int | None, schema.doc("Least connectors (KEDA), or calls at once.", format="int32")
    ] = None
    max_replica_count: Annotated[
        int | None, schema.doc("Most connectors (KEDA), or calls at once.", format="int32")
    ] = None
    metadata: Annotated[
        dict[str, str], schema.doc("How the queue is reached, in KEDA's names.")
    ] = field(default_factory=dict)
    secret: Annotated[str, schema.doc("Secret with credentials, same namespace.")] = ""
    mqt_kind: Annotated[
        str,
        schema.doc(
            "Who reads: `fission`, or `keda`, which without KEDA is the same. Empty: `keda`, for "
            "types that KEDA knows."
        ),
    ] = field(default="", name="mqtkind")
    podspec: Annotated[
        dict[str, Any] | None, schema.podspec("Placement and resources of the connector's pod.")
    ] = None


class MessageQueueTriggerStatus(reference_types.TriggerStatus):
    """What is known of a trigger. Written by mqtrigger."""


class MessageQueueTrigger(schema.Model):
    """A message queue trigger."""

    api_version: str = "fission.io/v1"
    kind: str = "MessageQueueTrigger"
    metadata: objectmeta.ObjectMeta = msgspec.field(default_factory=objectmeta.ObjectMeta)
    spec: MessageQueueTriggerSpec = msgspec.field(default_factory=MessageQueueTriggerSpec)
    status: MessageQueueTriggerStatus = msgspec.field(default_factory=MessageQueueTriggerStatus)
