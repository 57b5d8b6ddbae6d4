"""``fission function list``."""

from typing import Any

from fission.api import executors, resources
from fission.cli import command as commands
from fission.cli import context, flagvalues, lookups, options, output, views

_HEADER = (
    "NAME",
    "ENV",
    "EXECUTORTYPE",
    "MINSCALE",
    "MAXSCALE",
    "MINCPU",
    "MAXCPU",
    "MINMEMORY",
    "MAXMEMORY",
    "SECRETS",
    "CONFIGMAPS",
    "READY",
    "NAMESPACE",
)


@commands.command("List functions.\n\n  fission fn list -A -o wide")
@options.all_namespaces
@options.output
async def command(session: context.Session, all_namespaces: bool | None, **flags: Any) -> None:
    """List them."""
    chosen = flags["output"] or ""
    output.check_format(chosen)
    found = await lookups.list_all(session, resources.FUNCTIONS, all_namespaces)
    if views.show_document(session, found, chosen):
        return
    wide = chosen == "wide"
    session.out.table(
        (*_HEADER, "AGE") if wide else _HEADER,
        [(*_row(each), views.age(session, each)) if wide else _row(each) for each in found],
    )


def _row(function: dict[str, Any]) -> tuple[Any, ...]:
    spec = function["spec"]
    execution = (spec.get("InvokeStrategy") or {}).get("ExecutionStrategy") or {}
    amounts = spec.get("resources")
    return (
        lookups.name_of(function),
        (spec.get("environment") or {}).get("name") or output.NONE,
        execution.get("ExecutorType") or executors.POOLMGR,
        execution.get("MinScale", 0),
        execution.get("MaxScale", 0),
        flagvalues.format_quantity(amounts, "requests", "cpu"),
        flagvalues.format_quantity(amounts, "limits", "cpu"),
        flagvalues.format_quantity(amounts, "requests", "memory"),
        flagvalues.format_quantity(amounts, "limits", "memory"),
        _names(spec.get("secrets")),
        _names(spec.get("configmaps")),
        views.ready(function),
        lookups.namespace_of(function),
    )


def _names(references: list[dict[str, Any]] | None) -> str:
    return ",".join(each["name"] for each in references or ())
