"""``fission archive download``."""

from typing import Any

from fission.cli import command as commands
from fission.cli import context, downloads, options


@commands.command(
    "Download an archive to a file.\n\n  fission archive download --id <id> --output model.zip"
)
@options.string("--id", help="Id of the archive", required=True)
@options.string("--output", "-o", help="File to write; named as the end of the id if not given")
async def command(session: context.Session, **flags: Any) -> None:
    """Download one."""
    archive_id = flags["id"]
    target = flags["output"] or archive_id.rpartition("/")[2]
    namespace = session.namespace
    download = downloads.Download(
        f"archive {archive_id}", lambda: session.backend.download(archive_id, namespace)
    )
    await downloads.write(session, download, target)
