"""``fission archive download``."""

from typing import Any

from fission.cli import command as commands
from fission.cli import context, options
from fission.cli.package import contents


@commands.command("Download an archive to a file.")
@options.string("--id", help="Id of the archive", required=True)
@options.string("--output", "-o", help="File to write; named as the end of the id if not given")
async def command(session: context.Session, **flags: Any) -> None:
    """Download one."""
    archive_id = flags["id"]
    target = flags["output"] or archive_id.rpartition("/")[2]
    chunks = session.backend.download(archive_id, session.namespace)
    await contents.save(session, chunks, target)
