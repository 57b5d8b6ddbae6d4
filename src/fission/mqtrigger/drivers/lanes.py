"""Which messages keep their order: the key that the engine gets, from what the metadata asks.

``order: key`` keeps the order of messages with one key, ``topic`` that of the whole topic (one
message at a time), ``none`` keeps no order. Kafka also has ``partition``.
"""

from typing import Final

from fission.mqtrigger.drivers import options

KEY, TOPIC, NONE, PARTITION = "key", "topic", "none", "partition"
KEY_HEADER: Final = "Fission-Message-Key"
"""Carries the key where the broker has no place of its own for it."""


def order(read: options.Options, *more: str, default: str = KEY) -> str:
    """What ``spec.metadata.order`` asks for."""
    return read.choice("order", (KEY, TOPIC, NONE, *more), default)


def lane(wanted: str, key: str) -> str:
    """The engine's key of a message whose own key is ``key``: the key itself, where it may be."""
    if wanted == TOPIC:
        return TOPIC
    return key if wanted == KEY else ""


def is_ordered(wanted: str, key: str, strict: bool) -> bool:
    """Whether the order of a message with this key (the engine's) is kept."""
    return bool(key) or (strict and wanted != NONE)
