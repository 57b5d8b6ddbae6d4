"""Settings of statestore, read from the environment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from fission.base import errors, settings
from fission.contracts import statestore as wire
from fission.statestore import rules


@dataclass(frozen=True)
class Config:
    """What statestore may be told."""

    driver: str = settings.setting("STATESTORE_DRIVER", "sqlite")
    """What keeps the data; there is only ``sqlite``."""
    path: str = settings.setting("STATESTORE_PATH", "/statestore")
    """Directory (declared path) of the file; one process opens it."""
    max_size_mib: int = settings.setting("STATESTORE_MAX_SIZE_MIB", 3072)
    """How much the file may hold; writes that add are refused beyond. Below the volume's size:
    the log of what is being written (16 MiB and more under load) lies beside it."""
    max_stream_events: int = settings.setting("STATESTORE_MAX_STREAM_EVENTS", 1_000_000)
    """Events of one stream; appends are refused beyond until it is trimmed."""
    max_unread_events: int = settings.setting("STATESTORE_MAX_UNREAD_EVENTS", 10_000)
    """Events of a topic that no trigger reads; older ones are forgotten."""
    max_queue_messages: int = settings.setting("STATESTORE_MAX_QUEUE_MESSAGES", 100_000)
    """Messages of one queue together with its dead letters; more are refused."""
    max_attempts: int = settings.setting("STATESTORE_MAX_ATTEMPTS", wire.MAX_ATTEMPTS)
    """Deliveries of a queue's message before it is a dead letter."""
    retention_seconds: float = settings.setting("STATESTORE_RETENTION", 7 * 24 * 3600.0)
    """How long events of topics are kept, read or not; 0 is for ever."""
    max_waiting: int = settings.setting("STATESTORE_MAX_WAITING", 4096)
    """Calls that wait for news at once."""
    max_inflight_mib: int = settings.setting("STATESTORE_MAX_INFLIGHT_MIB", 64)
    """Bodies of the requests that are being worked on, altogether; more are told to come again."""

    @property
    def bounds(self) -> rules.Bounds:
        return rules.Bounds(
            max_bytes=self.max_size_mib << 20,
            max_stream_events=self.max_stream_events,
            max_unread_events=self.max_unread_events,
            max_queue_messages=self.max_queue_messages,
            max_attempts=self.max_attempts,
        )


def from_env(env: Mapping[str, str]) -> Config:
    """Read and check the settings; raises SettingsError naming the variable."""
    config = settings.load(Config, env)
    if config.driver != "sqlite":
        raise errors.SettingsError(
            f"STATESTORE_DRIVER: {config.driver!r} is not supported; known: sqlite"
        )
    for variable, value, least in (
        ("STATESTORE_MAX_SIZE_MIB", config.max_size_mib, 1),
        ("STATESTORE_MAX_STREAM_EVENTS", config.max_stream_events, 1),
        ("STATESTORE_MAX_UNREAD_EVENTS", config.max_unread_events, 1),
        ("STATESTORE_MAX_QUEUE_MESSAGES", config.max_queue_messages, 1),
        ("STATESTORE_MAX_ATTEMPTS", config.max_attempts, 1),
        ("STATESTORE_RETENTION", config.retention_seconds, 0),
        ("STATESTORE_MAX_WAITING", config.max_waiting, 1),
        ("STATESTORE_MAX_INFLIGHT_MIB", config.max_inflight_mib, 4),
    ):
        if value < least:
            raise errors.SettingsError(f"{variable}: {value:g}; it must be at least {least}")
    return config
