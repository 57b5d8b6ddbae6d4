"""Following what one trigger watches: read, tell, remember; again and again from where it was.

What cannot be watched is refused in the trigger's conditions and looked at again now and then:
kinds come with their definitions, and rights are granted.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Iterator
from typing import Final

from fission.api import conditions as api_conditions
from fission.api import (
    kuberneteswatchtrigger_defaults,
    kuberneteswatchtrigger_lifecycle,
    kuberneteswatchtrigger_types,
)
from fission.base import backoff, errors, tasks
from fission.delivery import calls
from fission.delivery import errors as delivery_errors
from fission.kube import requests
from fission.kubewatcher import journal as journals
from fission.kubewatcher import kinds, reports, resolve, telling
from fission.kubewatcher import stretch as stretches
from fission.meta import conditions, gvk, status

logger = logging.getLogger(__name__)

NAMESPACE_REFUSED: Final = "NamespaceRefused"
FORBIDDEN: Final = "Forbidden"
BAD_FUNCTION: Final = "InvalidFunctionReference"
HEALTHY_SECONDS: Final = 10.0
"""What lasted longer than this begins the pauses anew."""


class Follower:
    """Follows one generation of one trigger."""

    def __init__(
        self,
        deps: telling.Deps,
        known_kinds: kinds.Kinds,
        trigger: kuberneteswatchtrigger_types.KubernetesWatchTrigger,
    ) -> None:
        self._deps = deps
        self._kinds = known_kinds
        self._trigger = trigger
        self._namespace = trigger.metadata.namespace
        self._selector = requests.selector_text(dict(sorted(trigger.spec.label_selector.items())))
        self._reports = reports.Reports(deps.kube, trigger, deps.clock)
        self._was_subscribed = _was_subscribed(trigger)
        self._stretch: stretches.Stretch | None = None

    async def run(self) -> None:
        """Follow until cancelled."""
        async with tasks.Tasks() as group:
            group.run(self._reports.run(), "reports")
            group.run(self._follow_on(), "follow")
            await group.wait()

    def discard(self) -> None:
        """The trigger is gone: nothing of it has to be kept."""
        if self._stretch is not None:
            self._stretch.is_discarded = True

    async def _follow_on(self) -> None:
        loop = asyncio.get_running_loop()
        pauses = _pauses()
        while True:
            started_at = loop.time()
            try:
                await self._follow()
            except resolve.Refused as error:
                self._refused(error.cause, error.message)
                await asyncio.sleep(self._deps.settings.retry_seconds)
            except errors.Error as error:
                # The API is away, or somebody else wrote the journal.
                logger.warning("watch begins again: %s", error, extra=self._fields)
                if loop.time() - started_at > HEALTHY_SECONDS:
                    pauses = _pauses()
                await asyncio.sleep(next(pauses))

    async def _follow(self) -> None:
        """Follow until something ends it; raises Refused where trying again soon is of no use."""
        self._check()
        resource = await self._kinds.resolve(self._trigger.spec.type)
        try:
            await self._probe(resource)
            self._stretch = stretches.Stretch(
                self._deps, self._trigger, resource, self._selector, self._reports
            )
            await self._stretch.begin(was_subscribed=self._was_subscribed)
            self._was_subscribed = True
            await self._stretch.run()
        except journals.Refused as error:
            raise resolve.Refused(error.reason, error.message) from error
        except status.Forbidden as error:
            account = f"ServiceAccount {self._deps.settings.account}"
            message = resolve.missing_rights(resource, self._namespace, account)
            raise resolve.Refused(FORBIDDEN, f"{message} ({error})") from error
        except (status.NotFound, status.MethodNotAllowed) as error:
            self._kinds.forget()
            raise resolve.Refused(
                resolve.UNKNOWN_KIND, f"{resource.group_resource} is no longer served: {error}"
            ) from error
        except (status.BadRequest, status.Invalid) as error:
            reason = kuberneteswatchtrigger_lifecycle.WATCH_FAILED
            raise resolve.Refused(reason, str(error)) from error

    def _check(self) -> None:
        """Refuse what can be refused without asking anybody."""
        wanted = kuberneteswatchtrigger_defaults.namespace(self._trigger.spec, self._namespace)
        if wanted != self._namespace:
            raise resolve.Refused(
                NAMESPACE_REFUSED,
                f'spec.namespace: "{wanted}" is another namespace than the trigger\'s own,'
                f' "{self._namespace}"; make the trigger and its function there',
            )
        try:
            calls.function_name(self._trigger.spec.function_ref, "")
        except delivery_errors.BadCall as error:
            raise resolve.Refused(BAD_FUNCTION, f"spec.{error.message}") from error

    async def _probe(self, resource: gvk.Resource) -> None:
        """Whether the account may look at all, before anything is written."""
        request = requests.list_page(
            resource, self._namespace, label_selector=self._selector, limit=1
        )
        await self._deps.kube.send(request)

    def _refused(self, reason: str, message: str) -> None:
        if self._reports.failed(reason, message):
            logger.warning("watch was refused: %s", message, extra=self._fields)

    @property
    def _fields(self) -> dict[str, str]:
        return {"trigger": f"{self._namespace}/{self._trigger.metadata.name}"}


def _was_subscribed(trigger: kuberneteswatchtrigger_types.KubernetesWatchTrigger) -> bool:
    """Whether a journal should be there: the watch was open once, or something was told."""
    found = conditions.get(trigger.status.conditions, api_conditions.SUBSCRIBED) or {}
    return found.get("status") == api_conditions.TRUE or trigger.status.delivery is not None


def _pauses() -> Iterator[float]:
    return backoff.delays(0.2, cap_seconds=10.0, jitter=0.2, draw=random.random)
