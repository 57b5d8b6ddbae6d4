"""What an empty field of a CanaryConfig stands for."""

from typing import Final

from fission.api import canaryconfig_types, durations

WEIGHT_INCREMENT: Final = 20
INTERVAL: Final = "2m"
FAILURE_THRESHOLD: Final = 10
"""What the command line writes; an absent field is 0: no call may fail."""

MIN_INTERVAL_SECONDS: Final = 1.0
"""Below it there is nothing to measure."""


def interval_seconds(spec: canaryconfig_types.CanaryConfigSpec) -> float:
    """Time between two steps."""
    return max(durations.parse_seconds(spec.duration or INTERVAL), MIN_INTERVAL_SECONDS)


def weight_increment(spec: canaryconfig_types.CanaryConfigSpec) -> int:
    """Percent moved at each step; with none it would never end."""
    return spec.weight_increment or WEIGHT_INCREMENT


def status(config: canaryconfig_types.CanaryConfig) -> str:
    """How far it is; nothing written yet is pending."""
    return config.status.status or canaryconfig_types.PENDING
