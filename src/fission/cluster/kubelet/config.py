"""Settings of the kubelet that are told by its environment; what the home decides are arguments."""

from __future__ import annotations

from dataclasses import dataclass

from fission.base import settings
from fission.cluster.kubelet import usage


@dataclass(frozen=True)
class Config:
    """Environment of the kubelet's process."""

    usage_seconds: float = settings.setting("FISSION_USAGE_PERIOD", usage.PERIOD_SECONDS)
    """Between two looks at what pods use. The metrics API tells rates over the last two, and
    autoscalers follow them."""
    pod_starts: int = settings.setting("FISSION_POD_STARTS", 0)
    """Pods with a sandbox that come up at once; owners of pods take turns. 0: two for each
    processor, as a start computes for half of its time. More at once would all be ready later."""
