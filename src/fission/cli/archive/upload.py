"""``fission archive upload``."""

from fission.cli import command as commands
from fission.cli import context, errors, options


@commands.command("Upload a file to storagesvc.")
@options.string("--name", help="File to upload", required=True)
async def command(session: context.Session, name: str) -> None:
    """Upload one."""
    path = session.path(name)
    if not path.is_file():
        raise errors.CliError(f"--name {name}: no such file")
    show = session.out.progress(f"Uploading {path.name}", path.stat().st_size)
    archive_id = await session.backend.upload(path, path.name, show, session.namespace)
    session.out.line(f"File successfully uploaded with ID: {archive_id}")
