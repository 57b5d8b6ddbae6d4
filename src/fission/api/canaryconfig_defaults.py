"""What an empty field of a CanaryConfig stands for."""

from typing import Final

from fission.api import canaryconfig_types, durations

WEIGHT_INCREMENT: Final = 20
INTERVAL: Final = "2m"
FAILURE_THRESHOLD: Final = 10


def interval_seconds(spec: canaryconfig_types.CanaryConfigSpec) -> float:
    """Time between two steps."""
    return durations.parse_seconds(spec.duration or INTERVAL)


def status(config: canaryconfig_types.CanaryConfig) -> str:
    """How far it is; nothing written yet is pending."""
    return config.status.status or canaryconfig_types.PENDING
