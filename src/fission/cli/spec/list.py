"""``fission spec list``."""

from typing import Any

from fission.cli import command as commands
from fission.cli import context, options, output, specfiles


@commands.command(
    "List the application's objects on the platform, or those of any --deployid.\n\n"
    "  fission spec list"
)
@options.string("--deployid", "--id", help="Uid of the application; that of the specs if not given")
@options.string("--specdir", help="Directory of specs", default=specfiles.DIRECTORY)
@options.string(
    "--specignore", help="File in it that names what is left out", default=".specignore"
)
@options.all_namespaces
@options.output
async def command(session: context.Session, **flags: Any) -> None:
    """List them, a table per kind."""
    import asyncio

    chosen = flags["output"] or ""
    output.check_format(chosen)

    from fission.cli.spec import checking, inventory, reading

    uid = flags["deployid"]
    if not uid:
        directory = session.path(flags["specdir"] or specfiles.DIRECTORY)
        application = await asyncio.to_thread(
            reading.read, directory, flags["specignore"], session.cwd
        )
        checking.refuse_unreadable(session, application)
        uid = application.deployment.uid
    namespace = None if flags["all_namespaces"] else session.namespace
    await inventory.show(session, uid, namespace, chosen)
