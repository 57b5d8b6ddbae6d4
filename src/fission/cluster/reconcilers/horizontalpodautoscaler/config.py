"""Settings of the autoscaler: what Kubernetes has as flags of its controller manager."""

from __future__ import annotations

from dataclasses import dataclass, replace

from fission.base import settings
from fission.cluster.reconcilers.horizontalpodautoscaler import behavior


@dataclass(frozen=True)
class Config:
    """Environment of the embedded API server's process."""

    sync_seconds: float = settings.setting("HPA_SYNC_PERIOD", 5.0)
    """How often each autoscaler is looked at while its target has pods. Kubernetes' 15 s allow for
    metrics that are gathered from many machines; here they are at hand, and a burst is short."""
    downscale_stabilization_seconds: float = settings.setting("HPA_DOWNSCALE_STABILIZATION", 300.0)
    """Pods are not taken away below what was wanted in this time, where `behavior` says nothing."""
    tolerance: float = settings.setting("HPA_TOLERANCE", 0.1)
    """How far use may be from its target before anything happens, where `behavior` says nothing."""
    cpu_initialization_seconds: float = settings.setting("HPA_CPU_INITIALIZATION_PERIOD", 300.0)
    """So long after its start a pod's processor time counts only once it was ready for a window."""
    readiness_delay_seconds: float = settings.setting("HPA_INITIAL_READINESS_DELAY", 30.0)
    """A pod that stopped being ready this soon after its start never was ready."""

    @property
    def behavior(self) -> behavior.Behavior:
        """What holds where an autoscaler's own `behavior` says nothing."""
        return behavior.Behavior(
            replace(behavior.UP, tolerance=self.tolerance),
            replace(
                behavior.DOWN,
                tolerance=self.tolerance,
                window_seconds=self.downscale_stabilization_seconds,
            ),
        )
