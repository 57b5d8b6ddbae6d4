"""Settings that are refused before anybody is asked."""

from __future__ import annotations

import pytest

from fission.mqtrigger.drivers import base, registry

PEM = b"-----BEGIN CERTIFICATE-----\nx\n-----END CERTIFICATE-----\n"


@pytest.mark.parametrize(
    ("kind", "metadata", "secret", "match"),
    [
        ("kafka", {}, {}, "bootstrapServers is missing"),
        ("kafka", {"bootstrapServers": "a:1", "sasl": "oauth"}, {}, "sasl: 'oauth' found"),
        ("kafka", {"bootstrapServers": "a:1", "sasl": "plaintext"}, {}, "username is missing"),
        ("kafka", {"bootstrapServers": "a:1", "order": "both"}, {}, "order: 'both'.*partition"),
        ("kafka", {"bootstrapServers": "a:1"}, {"cert": PEM}, "give both or neither"),
        ("nats-jetstream", {}, {}, "natsServer is missing"),
        ("nats-jetstream", {"natsServer": "http://a:1"}, {}, "natsServer: 'http://a:1' found"),
        ("nats-jetstream", {"natsServer": "nats://a:1"}, {"nkey": b"x"}, "creds or nkey: a seed"),
        ("rabbitmq", {}, {}, "host is missing"),
        ("rabbitmq", {"host": "http://a:1"}, {}, "allowed are amqp://"),
        ("rabbitmq", {"host": "amqp://a:1", "queueType": "lazy"}, {}, "queueType: 'lazy'"),
        ("redis", {}, {}, "address .or host. is missing"),
        ("redis", {"address": "a:b"}, {}, "address: 'a:b' found"),
        ("redis", {"address": "a:1", "listName": "l"}, {}, "lists are not read here"),
        ("redis", {"address": "a:1", "takeoverSeconds": "0"}, {}, "takeoverSeconds: '0' found"),
    ],
)
async def test_misconfigured(
    kind: str, metadata: dict[str, str], secret: dict[str, bytes], match: str
) -> None:
    with pytest.raises(base.Misconfigured, match=match):
        await registry.load(kind)(base.Settings(kind, "", metadata, secret))
