"""``fission environment list``."""

from typing import Any

from fission.api import resources
from fission.cli import command as commands
from fission.cli import context, flagvalues, lookups, options, output, views

_HEADER = (
    "NAME",
    "IMAGE",
    "BUILDER_IMAGE",
    "POOLSIZE",
    "MINCPU",
    "MAXCPU",
    "MINMEMORY",
    "MAXMEMORY",
    "EXTNET",
    "GRACETIME",
    "NAMESPACE",
)


@commands.command("List environments.\n\n  fission env list -A -o wide")
@options.all_namespaces
@options.output
async def command(session: context.Session, all_namespaces: bool | None, **flags: Any) -> None:
    """List them."""
    chosen = flags["output"] or ""
    output.check_format(chosen)
    found = await lookups.list_all(session, resources.ENVIRONMENTS, all_namespaces)
    if views.show_document(session, found, chosen):
        return
    wide = chosen == "wide"
    header = (*_HEADER, "AGE") if wide else _HEADER
    session.out.table(
        header,
        [(*_row(each), views.age(session, each)) if wide else _row(each) for each in found],
    )


def _row(environment: dict[str, Any]) -> tuple[Any, ...]:
    spec = environment["spec"]
    amounts = spec.get("resources")
    return (
        lookups.name_of(environment),
        spec["runtime"]["image"],
        (spec.get("builder") or {}).get("image", ""),
        spec.get("poolsize", 0),
        flagvalues.format_quantity(amounts, "requests", "cpu"),
        flagvalues.format_quantity(amounts, "limits", "cpu"),
        flagvalues.format_quantity(amounts, "requests", "memory"),
        flagvalues.format_quantity(amounts, "limits", "memory"),
        str(bool(spec.get("allowAccessToExternalNetwork"))).lower(),
        spec.get("terminationGracePeriod", 0),
        lookups.namespace_of(environment),
    )
