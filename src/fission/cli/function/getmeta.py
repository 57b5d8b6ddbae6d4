"""``fission function getmeta``."""

from typing import Any

from fission.api import resources
from fission.cli import command as commands
from fission.cli import context, lookups, options, output, views


@commands.command(
    "Show a function's metadata and conditions.\n\n  fission fn getmeta --name hello -o json"
)
@options.name("Name of the function")
@options.output
async def command(session: context.Session, name: str, **flags: Any) -> None:
    """Show it."""
    chosen = flags["output"] or ""
    output.check_format(chosen)
    function = await lookups.get(session, resources.FUNCTIONS, name)
    if views.show_document(session, function, chosen):
        return
    metadata, spec = function["metadata"], function["spec"]
    rows = [
        ("Name:", name),
        ("Environment:", (spec.get("environment") or {}).get("name") or output.NONE),
        ("Labels:", format_map(metadata.get("labels"))),
        ("Annotations:", format_map(metadata.get("annotations"))),
        ("Versioning:", format_versioning(spec.get("versioning"))),
    ]
    session.out.table(rows[0], rows[1:])
    views.show_conditions(session, function)


def format_map(values: dict[str, str] | None) -> str:
    """``k=v,k2=v2``."""
    return ",".join(f"{key}={value}" for key, value in sorted((values or {}).items())) or (
        output.NONE
    )


def format_versioning(block: dict[str, Any] | None) -> str:
    """Mode and how many versions are kept."""
    if block is None:
        return "off"
    return f"{block.get('mode', 'auto')} (retain {block.get('retain', 10)})"
