"""An application's objects as tables, one per kind that it has."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, Final

from fission.api import function_types, resources
from fission.cli import context, lookups, output, views
from fission.cli.canary import table as canaries
from fission.cli.httptrigger import table as routes
from fission.cli.mqtrigger import table as queues
from fission.cli.package import buildstate
from fission.cli.spec import ownership, planning
from fission.cli.timetrigger import table as timers
from fission.cli.watch import table as watches

Obj = dict[str, Any]

_TITLES: Final = {
    "Environment": "Environments",
    "Package": "Packages",
    "Function": "Functions",
    "HTTPTrigger": "HTTP Triggers",
    "KubernetesWatchTrigger": "Kubernetes Watchers",
    "TimeTrigger": "Time Triggers",
    "MessageQueueTrigger": "Message Queue Triggers",
    "CanaryConfig": "Canary Configs",
}
_TABLES: Final[dict[str, Any]] = {
    "HTTPTrigger": routes.show,
    "KubernetesWatchTrigger": watches.show,
    "TimeTrigger": timers.show,
    "MessageQueueTrigger": queues.show,
    "CanaryConfig": canaries.show,
}


async def show(session: context.Session, uid: str, namespace: str | None, chosen: str = "") -> None:
    """Print what carries an application's uid, in a namespace or in all of them."""
    lists = await asyncio.gather(
        *(session.backend.list(resources.BY_KIND[kind], namespace) for kind in planning.KINDS)
    )
    owned = {
        kind: sorted(
            (obj for obj in objs if ownership.uid_of(obj) == uid),
            key=lambda obj: (lookups.namespace_of(obj), lookups.name_of(obj)),
        )
        for kind, objs in zip(planning.KINDS, lists, strict=True)
    }
    if views.show_document(session, [obj for objs in owned.values() for obj in objs], chosen):
        return
    is_first = True
    for kind, found in owned.items():
        if not found:
            continue
        session.out.line(f"{'' if is_first else chr(10)}{_TITLES[kind]}:")
        is_first = False
        _show_kind(session, kind, found, wide=chosen == "wide")
    if is_first:
        where = f"namespace {namespace}" if namespace else "any namespace"
        session.out.line(f"No objects of application {uid} in {where}.")


def _show_kind(session: context.Session, kind: str, found: Sequence[Obj], *, wide: bool) -> None:
    if kind in _TABLES:
        _TABLES[kind](session, found, wide=wide)
        return
    header, row = _ROWS[kind]
    session.out.table(
        ("NAME", *header, "READY", "NAMESPACE", *(("AGE",) if wide else ())),
        [
            (
                lookups.name_of(each),
                *row(each["spec"], each),
                views.ready(each),
                lookups.namespace_of(each),
                *((views.age(session, each),) if wide else ()),
            )
            for each in found
        ],
    )


def _environment(spec: Obj, obj: Obj) -> tuple[Any, ...]:
    builder = (spec.get("builder") or {}).get("image") or output.NONE
    return spec["runtime"].get("image", ""), builder, spec.get("poolsize", 0)


def _package(spec: Obj, obj: Obj) -> tuple[Any, ...]:
    status = buildstate.build_status(obj) or output.NONE
    return status, spec["environment"].get("name", "")


def _function(spec: Obj, obj: Obj) -> tuple[Any, ...]:
    execution = (spec.get("InvokeStrategy") or {}).get("ExecutionStrategy") or {}
    package = ((spec.get("package") or {}).get("packageref") or {}).get("name")
    return (
        (spec.get("environment") or {}).get("name") or output.NONE,
        execution.get("ExecutorType") or function_types.POOLMGR,
        package or output.NONE,
    )


_ROWS: Final[dict[str, tuple[tuple[str, ...], Callable[[Obj, Obj], tuple[Any, ...]]]]] = {
    "Environment": (("IMAGE", "BUILDER_IMAGE", "POOLSIZE"), _environment),
    "Package": (("BUILD_STATUS", "ENV"), _package),
    "Function": (("ENV", "EXECUTORTYPE", "PACKAGE"), _function),
}
