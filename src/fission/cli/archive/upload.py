"""``fission archive upload``."""

from fission.cli import archives, context, errors, options
from fission.cli import command as commands


@commands.command("Upload a file to storagesvc.\n\n  fission archive upload --name model.zip")
@options.string("--name", help="File to upload", required=True)
async def command(session: context.Session, name: str) -> None:
    """Upload one."""
    path = session.path(name)
    if not path.is_file():
        raise errors.CliError(
            f"--name {name}: no such file", remedy="name a file; a folder is zipped first"
        )
    archive_id, _ = await archives.upload(session, path, path.name)
    session.out.line(f"File successfully uploaded with ID: {archive_id}")
