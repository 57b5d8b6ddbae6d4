"""Carrying out a plan: rank by rank, side by side within one, each write safe to repeat.

A run may end anywhere, and the next one goes on from what is there: every write is of one whole
object, and nothing is remembered elsewhere. Somebody else who writes meanwhile is met by reading
again: what was made or changed in between is compared anew.
"""

import asyncio
import contextlib
import dataclasses
import random
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, Protocol

from fission.api import resources
from fission.base import backoff
from fission.base import errors as base_errors
from fission.cli import errors
from fission.cli.spec import comparing, ownership, planning
from fission.meta import codec, gvk, status

Obj = dict[str, Any]

WRITERS: Final = 16
"""Objects under way at once: more only wait in the API server."""
_ATTEMPTS: Final = 8
_PAUSE_SECONDS: Final = 0.01


class Store(Protocol):
    """What of a backend is needed here."""

    async def get(self, resource: gvk.Resource, name: str, namespace: str) -> Obj: ...
    async def create(self, resource: gvk.Resource, obj: Obj) -> Obj: ...
    async def replace(self, resource: gvk.Resource, obj: Obj) -> Obj: ...
    async def delete(self, resource: gvk.Resource, name: str, namespace: str) -> None: ...


@dataclasses.dataclass(frozen=True)
class Done:
    """A step that is over."""

    step: planning.Step
    obj: Obj | None = None
    """As it was written; None when it was deleted."""


@dataclasses.dataclass(frozen=True)
class Failed:
    """A step that could not be done."""

    step: planning.Step
    error: base_errors.Error


@dataclasses.dataclass
class Outcome:
    """What came of a plan."""

    done: list[Done] = dataclasses.field(default_factory=list)
    failed: list[Failed] = dataclasses.field(default_factory=list)
    left: int = 0
    """Steps that were not begun, as something before them failed."""


class Writer:
    """Writes to a store for one application."""

    def __init__(
        self,
        store: Store,
        uid: str,
        live: Mapping[planning.Key, Obj],
        *,
        allow_conflicts: bool = False,
        on_done: Callable[[Done], None] = lambda done: None,
    ) -> None:
        self._store = store
        self._uid = uid
        self._live = live
        self._allow_conflicts = allow_conflicts
        self._on_done = on_done
        self._packages: dict[planning.Key, str] = {}

    async def run(
        self, ranks: Sequence[Sequence[planning.Step]], outcome: Outcome | None = None
    ) -> Outcome:
        """All steps of a rank, then the next rank, unless something failed.

        ``outcome`` grows meanwhile: it is true also where the run is ended in between.
        """
        outcome = Outcome() if outcome is None else outcome
        for number, rank in enumerate(ranks):
            if outcome.failed:
                outcome.left = sum(map(len, ranks[number:]))
                break
            await self._run_rank(rank, outcome)
        return outcome

    async def _run_rank(self, rank: Sequence[planning.Step], outcome: Outcome) -> None:
        waiting = iter(enumerate(rank))
        finished: dict[int, Done] = {}

        async def work() -> None:
            for number, step in waiting:
                try:
                    finished[number] = Done(step, await self._do(step))
                except base_errors.Error as error:
                    outcome.failed.append(Failed(step, error))

        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(min(WRITERS, len(rank))):
                    group.create_task(work())
        finally:
            for _, done in sorted(finished.items()):
                outcome.done.append(done)
                self._on_done(done)

    async def _do(self, step: planning.Step) -> Obj | None:
        resource = resources.BY_KIND[step.key.kind]
        if step.verb is planning.Verb.DELETE:
            await self._delete(step.key, resource)
            return None
        written = await self._write(step, resource)
        if step.key.kind == "Package":
            self._packages[step.key] = str(written["metadata"].get("resourceVersion", ""))
        return written

    async def _write(self, step: planning.Step, resource: gvk.Resource) -> Obj:
        """Create or update, whichever it takes by the time that it is done."""
        assert step.wanted is not None
        live = step.live
        pauses = backoff.delays(_PAUSE_SECONDS, cap_seconds=1.0, jitter=0.5, draw=random.random)
        for _ in range(_ATTEMPTS):
            try:
                if live is None:
                    return await self._store.create(resource, await self._new(step))
                return await self._replace(step, resource, live)
            except status.AlreadyExists:
                live = await self._look_for_own(resource, step.key)
            except status.NotFound:
                if live is None:
                    raise
                live = None
            except status.Conflict:
                await asyncio.sleep(next(pauses))
                live = await self._look_for_own(resource, step.key)
        raise errors.CliError("it keeps being changed by somebody else; apply again")

    async def _delete(self, key: planning.Key, resource: gvk.Resource) -> None:
        """Much may have happened since the plan was made: what is another's by now stays."""
        live = await self._look(resource, key)
        if live is None:
            return
        if ownership.uid_of(live) != self._uid:
            raise errors.CliError("it is not this application's any more, and stays")
        with contextlib.suppress(status.NotFound):
            await self._store.delete(resource, key.name, key.namespace)

    async def _new(self, step: planning.Step) -> Obj:
        assert step.wanted is not None
        obj: Obj = codec.deep_copy(step.wanted.obj)
        if step.package is not None:
            self._point(obj, await self._version_of(step.package))
        return obj

    async def _replace(self, step: planning.Step, resource: gvk.Resource, live: Obj) -> Obj:
        assert step.wanted is not None
        target = comparing.merged(live, step.wanted.decoded, moved_weights=step.moved_weights)
        if step.package is not None:
            target = codec.deep_copy(target)
            self._point(target, await self._version_of(step.package))
        if target == live:
            return live
        return await self._store.replace(resource, target)

    async def _look(self, resource: gvk.Resource, key: planning.Key) -> Obj | None:
        try:
            return await self._store.get(resource, key.name, key.namespace)
        except status.NotFound:
            return None

    async def _look_for_own(self, resource: gvk.Resource, key: planning.Key) -> Obj | None:
        live = await self._look(resource, key)
        is_foreign = live is not None and ownership.uid_of(live) != self._uid
        if is_foreign and not self._allow_conflicts:
            raise errors.CliError(
                f"{key} exists and is not this application's; take it over with --allowconflicts"
            )
        return live

    async def _version_of(self, package: planning.Key) -> str:
        """The resourceVersion that functions of a package are pointed at."""
        known = self._packages.get(package)
        if known is None:
            live = self._live.get(package)
            if live is None:
                live = await self._look(resources.PACKAGES, package)
            known = str(live["metadata"].get("resourceVersion", "")) if live else ""
            self._packages[package] = known
        return known

    @staticmethod
    def _point(function: Obj, version: str) -> None:
        if version:
            function["spec"]["package"]["packageref"]["resourceversion"] = version
