"""Of several processes of a component one acts, if told to elect one; its writes are fenced.

A Lease says which; ``leases`` elects. That a process was stopped for longer than its lease lasts
shows only when it goes on, and then its tasks may run before the one that looks at the lease. So
every write is fenced: ``fence`` raises once the lease may be another's, whoever asks. The margin
between the two, five seconds, is the time that a write which has passed the fence may take to
arrive; what arrives later yet has to meet a resourceVersion, a UID or a claim.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from fission.base import clock as clocks
from fission.base import errors
from fission.kube import client as client_module
from fission.kube import leases


class NotLeader(errors.Error):
    """Another process may act; this one must not."""

    reason = "NotLeader"
    retryable = True


class Leadership:
    """This process's part in the election."""

    def __init__(
        self,
        client: client_module.Client,
        namespace: str,
        component: str,
        instance_id: str,
        *,
        is_elected: bool,
        clock: clocks.Clock,
        timing: leases.Timing | None = None,
        refusal: type[errors.Error] = NotLeader,
    ) -> None:
        """``is_elected``: there is an election at all; without one this process is the only.

        The Lease is ``fission-<component>``. ``refusal`` is what ``fence`` raises.
        """
        self._component = component
        self._refusal = refusal
        self._elector = (
            leases.LeaderElector(
                client, namespace, f"fission-{component}", instance_id, clock=clock, timing=timing
            )
            if is_elected
            else None
        )
        self.client = client.fenced(self.fence) if is_elected else client
        """For everything but the lease itself."""

    @property
    def is_ours(self) -> bool:
        """Whether no other process may act now."""
        return self._elector is None or self._elector.holds

    def fence(self) -> None:
        """Raise when another process may act."""
        if not self.is_ours:
            raise self._refusal(
                f"this {self._component} is not the one that acts; another has the lease"
            )

    async def run(self, work: Callable[[], Awaitable[None]]) -> None:
        """Work while the lease is ours; raises when it is lost."""
        if self._elector is None:
            await work()
            return
        await self._elector.run(work)
        raise errors.Error("the leader's lease was lost")
