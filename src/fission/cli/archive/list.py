"""``fission archive list``."""

from fission.cli import command as commands
from fission.cli import context, options, output


@commands.command("List the ids of all archives.\n\n  fission archive list")
@options.output
async def command(session: context.Session, **flags: str | None) -> None:
    """List them."""
    chosen = flags["output"] or ""
    output.check_format(chosen)
    found = await session.backend.list_archives(session.namespace)
    if chosen in ("json", "yaml"):
        session.out.document(found, chosen)
    elif chosen == "name":
        session.out.text("".join(f"archive/{each}\n" for each in found))
    else:
        session.out.table(("ARCHIVES",), [(each,) for each in found])
