"""Settings of mqtrigger, read from the environment; Fission's names where it has them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import msgspec

from fission.base import errors, settings
from fission.contracts import egress
from fission.kube import tenancy
from fission.mqtrigger import consumer
from fission.mqtrigger.drivers import base


@dataclass(frozen=True)
class Config(tenancy.Tenancy):
    """What mqtrigger may be told."""

    router_url: str = settings.setting("FISSION_ROUTER_INTERNAL_URL", "")
    """The router's internal listener; empty: found through its Service."""
    kafka_url: str = settings.setting("MQTRIGGER_KAFKA_URL", "")
    """Brokers of Kafka triggers whose metadata name none, ``host:port`` with commas."""
    nats_url: str = settings.setting("MQTRIGGER_NATS_URL", "")
    """Server of NATS triggers whose metadata name none, ``nats://host:port``."""
    rabbitmq_url: str = settings.setting("MQTRIGGER_RABBITMQ_URL", "")
    """Server of RabbitMQ triggers whose metadata name none, ``amqp://user:password@host:port``."""
    redis_url: str = settings.setting("MQTRIGGER_REDIS_URL", "")
    """Server of Redis triggers whose metadata name none, ``redis://host:port``."""
    egress_options: str = settings.setting("MQTRIGGER_EGRESS_OPTIONS", "")
    """What else connects to the platform's brokers, for ``topic publish``: JSON, by type the keys
    that triggers have as metadata and in their Secret. It holds passwords: set it from a Secret."""
    most_held: int = settings.setting("MQTRIGGER_MAX_HELD_MESSAGES", 1000)
    """Messages of one trigger that are received and not yet settled, at most."""
    most_held_bytes: int = settings.setting("MQTRIGGER_MAX_HELD_BYTES", 32 * 1024 * 1024)
    """Bytes of them at which no more are received."""
    grace_seconds: float = settings.setting("MQTRIGGER_GRACE", 10.0)
    """How long calls that run may go on when a trigger changes or mqtrigger ends; what is
    unfinished then is handed back. Less than the pod's ``terminationGracePeriodSeconds``."""
    unready_after_seconds: float = settings.setting("MQTRIGGER_UNREADY_AFTER", 5.0)
    """How long a function may take nothing before its trigger's conditions say so."""
    connector_pull_policy: str = settings.setting("CONNECTOR_IMAGE_PULL_POLICY", "IfNotPresent")
    """Pull policy of KEDA connectors' images, which ``<TYPE>_IMAGE`` names."""
    leader_election: bool = settings.setting("LEADER_ELECTION_ENABLED", False)
    """Whether several mqtriggers agree on one that reads; one replica needs none."""

    @property
    def urls(self) -> dict[str, str]:
        """The platform's own broker of each type that has one."""
        urls = {
            "kafka": self.kafka_url,
            "nats-jetstream": self.nats_url,
            "rabbitmq": self.rabbitmq_url,
            "redis": self.redis_url,
        }
        return {name: url for name, url in urls.items() if url}

    @property
    def brokers(self) -> dict[str, base.Settings]:
        """What is published to, by type; raises SettingsError."""
        options = _egress_options(self.egress_options)
        found = {}
        for mq_type in sorted({*self.urls, *options}):
            metadata = options.get(mq_type, {})
            url = self.urls.get(mq_type, "")
            found[mq_type] = base.Settings(mq_type, url, metadata, {}, self.namespace, "egress")
        return found

    @property
    def options(self) -> consumer.Options:
        """How much is held, and how long a stop takes."""
        return consumer.Options(
            most_held=self.most_held,
            most_held_bytes=self.most_held_bytes,
            grace_seconds=self.grace_seconds,
            unready_after_seconds=self.unready_after_seconds,
        )


def _egress_options(text: str) -> dict[str, dict[str, str]]:
    """By type; the text holds passwords, and is not repeated."""
    try:
        options = msgspec.json.decode(text or "{}", type=dict[str, dict[str, str]])
    except msgspec.DecodeError as error:
        raise errors.SettingsError(
            "MQTRIGGER_EGRESS_OPTIONS: not a JSON object of objects of strings, as "
            '{"kafka": {"sasl": "plaintext"}}'
        ) from error
    for mq_type in options:
        if mq_type not in egress.TYPES:
            known = ", ".join(egress.TYPES)
            raise errors.SettingsError(
                f"MQTRIGGER_EGRESS_OPTIONS: {mq_type!r} is not one of {known}"
            )
    return options


def from_env(env: Mapping[str, str]) -> Config:
    """Read and check the settings; raises SettingsError naming the variable."""
    config = settings.load(Config, env)
    settings.check_least(
        ("MQTRIGGER_MAX_HELD_MESSAGES", config.most_held, 1),
        ("MQTRIGGER_MAX_HELD_BYTES", config.most_held_bytes, 1),
        ("MQTRIGGER_GRACE", config.grace_seconds, 0),
    )
    _egress_options(config.egress_options)
    return config
