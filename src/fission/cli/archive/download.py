"""``fission archive download``."""

from typing import Any

from fission.cli import command as commands
from fission.cli import context, options
from fission.cli.package import contents
from fission.contracts import storage


@commands.command("Download an archive to a file.")
@options.string("--id", help="Id of the archive", required=True)
@options.string("--output", "-o", help="File to write; named after the id if not given")
async def command(session: context.Session, **flags: Any) -> None:
    """Download one."""
    archive_id = flags["id"]
    target = flags["output"] or archive_id.removeprefix(storage.ID_PREFIX).replace("/", "_")
    await contents.save(session, session.backend.download(archive_id), target)
