"""What runs beside the embedded API server in its process: reconcilers and scheduler."""

from __future__ import annotations

from collections.abc import Mapping

from fission.base import tasks
from fission.cluster.reconcilers import run as reconcilers
from fission.cluster.scheduler import run as scheduler


async def run(env: Mapping[str, str]) -> None:
    """Run them until cancelled; a failure of one ends all, and the supervisor starts anew."""
    async with tasks.Tasks() as group:
        group.run(reconcilers.background(env), "reconcilers")
        group.run(scheduler.background(env), "scheduler")
        await group.wait()
