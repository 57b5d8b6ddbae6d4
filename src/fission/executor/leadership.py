"""Of several executors one acts. The others answer 503, and are ready to take over.

A Lease says which; ``kube.leases`` elects. That a process was stopped for longer than its lease
lasts shows only when it goes on, and then its tasks may run before the one that looks at the lease.
So every write is fenced: ``fence`` raises once the lease may be another's, whoever asks. The margin
between the two, five seconds, is the time that a write which has passed the fence may take to
arrive; what arrives later yet meets the fetchers' claims and the UIDs in the writes themselves.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from fission.base import clock as clocks
from fission.base import errors as base_errors
from fission.executor import errors
from fission.kube import client as kube_client
from fission.kube import leases

LEASE_NAME = "fission-executor"


class Leadership:
    """This process's part in the election."""

    def __init__(
        self,
        client: kube_client.Client,
        namespace: str,
        instance_id: str,
        *,
        is_elected: bool,
        clock: clocks.Clock,
        timing: leases.Timing | None = None,
    ) -> None:
        """``is_elected``: there is an election at all; without one this executor is the only."""
        self._elector = (
            leases.LeaderElector(
                client, namespace, LEASE_NAME, instance_id, clock=clock, timing=timing
            )
            if is_elected
            else None
        )
        self.client = client.fenced(self.fence) if is_elected else client
        """For everything but the lease itself."""

    @property
    def is_ours(self) -> bool:
        """Whether no other executor may act now."""
        return self._elector is None or self._elector.holds

    def fence(self) -> None:
        """Raise NotLeader when another executor may act."""
        if not self.is_ours:
            raise errors.NotLeader("this executor is not the one that acts; another has the lease")

    async def run(self, work: Callable[[], Awaitable[None]]) -> None:
        """Work while the lease is ours; raises when it is lost."""
        if self._elector is None:
            await work()
            return
        await self._elector.run(work)
        raise base_errors.Error("the leader's lease was lost")
