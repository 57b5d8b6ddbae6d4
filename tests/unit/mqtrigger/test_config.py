"""Where the platform's brokers are, from the environment."""

from __future__ import annotations

import pytest

from fission.base import errors
from fission.mqtrigger import config


def test_brokers_come_from_urls_and_options():
    read = config.from_env(
        {
            "MQTRIGGER_NATS_URL": "nats://n:4222",
            "MQTRIGGER_EGRESS_OPTIONS": '{"kafka": {"bootstrapServers": "k:9092"}}',
        }
    )
    assert sorted(read.brokers) == ["kafka", "nats-jetstream"]
    assert read.brokers["nats-jetstream"].url == "nats://n:4222"
    assert read.brokers["kafka"].metadata == {"bootstrapServers": "k:9092"}
    assert config.from_env({}).brokers == {}


@pytest.mark.parametrize("text", ["{", "[]", '{"kafka": "secret-word"}', '{"stan": {}}'])
def test_options_that_cannot_be_read_are_named_and_not_repeated(text):
    with pytest.raises(errors.SettingsError, match="MQTRIGGER_EGRESS_OPTIONS") as told:
        config.from_env({"MQTRIGGER_EGRESS_OPTIONS": text})
    assert "secret-word" not in str(told.value)
