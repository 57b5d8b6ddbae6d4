"""``fn test --verbose``: how long a call took, and of a cold start how long by step.

A start is written beside the pod or the Deployment, a moment behind the answer: what is there
after the call and was not before is of this call.
"""

import asyncio
from typing import Any, Final

from fission.api import labels
from fission.cli import context, views
from fission.cli.backend import protocol
from fission.cli.function import diagnosis
from fission.meta import gvk, status

Obj = dict[str, Any]

_RECORD_SECONDS: Final = 3.0
_PAUSE_SECONDS: Final = 0.05


class Timing:
    """One call."""

    def __init__(self, session: context.Session, function: Obj) -> None:
        self._session = session
        self._function = function
        self._known: set[tuple[str, str]] = set()
        self._is_cold = False
        self._began = self._first = self._ended = 0.0

    async def before(self) -> None:
        """What is there before the call, and when it begins."""
        holders = await self._holders()
        self._known = set(map(_mark, holders))
        self._is_cold = not any(views.is_serving(obj) for obj in holders if _is_pod(obj))
        self._began = self._session.clock.monotonic()

    def piece(self) -> None:
        """Some of the answer's body came."""
        if not self._first:
            self._first = self._session.clock.monotonic()

    def ended(self) -> None:
        """All of it is there."""
        self._ended = self._session.clock.monotonic()

    async def report(self, answer: protocol.Answer) -> None:
        """Say it, beside the answer."""
        out = self._session.out
        out.note(f"Status: {answer.status}")
        for name, value in answer.headers:
            out.note(f"{name}: {value}")
        first = (self._first or self._ended) - self._began
        total = self._ended - self._began
        out.note(f"Time: {_milliseconds(first)} to the answer, {_milliseconds(total)} in all")
        for line in await self._starts():
            out.note(line)

    async def _starts(self) -> list[str]:
        """The starts that this call was for, or waited for together with others."""
        deadline = self._session.clock.monotonic() + (_RECORD_SECONDS if self._is_cold else 0)
        while True:
            fresh = [obj for obj in await self._holders() if _mark(obj) not in self._known]
            facts = diagnosis.Facts(self._function, pods=tuple(fresh))
            found = diagnosis.cold_starts(facts)
            if found or self._session.clock.monotonic() >= deadline:
                break
            await asyncio.sleep(_PAUSE_SECONDS)
        if not found:
            return ["Cold start: none was needed"] if not self._is_cold else []
        return [f"Cold start: {total} ({steps}) in {name}" for _, total, steps, name in found]

    async def _holders(self) -> list[Obj]:
        """Pods and Deployments of the function: one of them has the record."""
        metadata = self._function["metadata"]
        backend = self._session.backend
        pods = await backend.function_pods(self._function)
        try:
            deployments = await backend.list(
                gvk.DEPLOYMENTS, metadata["namespace"], {labels.FUNCTION_UID: metadata["uid"]}
            )
        except status.Forbidden:
            deployments = []
        return [*pods, *({**each, "kind": gvk.DEPLOYMENTS.kind} for each in deployments)]


def _is_pod(obj: Obj) -> bool:
    return obj.get("kind") != gvk.DEPLOYMENTS.kind


def _mark(obj: Obj) -> tuple[str, str]:
    metadata = obj["metadata"]
    return metadata["uid"], (metadata.get("annotations") or {}).get(labels.COLD_START, "")


def _milliseconds(seconds: float) -> str:
    return f"{seconds * 1000:.1f} ms"
