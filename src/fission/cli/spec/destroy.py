"""``fission spec destroy``."""

from typing import Any

from fission.cli import command as commands
from fission.cli import context, options, specfiles


@commands.command(
    "Delete the application's objects: triggers first, environments last.\n\n  fission spec destroy"
)
@options.string("--specdir", help="Directory of specs", default=specfiles.DIRECTORY)
@options.string(
    "--specignore", help="File in it that names what is left out", default=".specignore"
)
@options.boolean(
    "--force", help="Delete all that is the application's in any namespace, in the specs or not"
)
async def command(session: context.Session, **flags: Any) -> None:
    """Delete them."""
    import asyncio

    from fission.cli.spec import (
        checking,
        ownership,
        planning,
        presence,
        reading,
        reporting,
        wanting,
        writing,
    )

    directory = session.path(flags["specdir"] or specfiles.DIRECTORY)
    application = await asyncio.to_thread(reading.read, directory, flags["specignore"], session.cwd)
    checking.refuse_unreadable(session, application)
    chosen = [each for each in application.documents if each.kind in planning.KINDS]
    namespace = "" if all(each.namespace for each in chosen) else session.namespace
    keys = {planning.key_of(wanting.fill_namespaces(each.obj, namespace)) for each in chosen}
    uid = application.deployment.uid
    live = await presence.look(session.backend, keys, everything=bool(flags["force"]))
    owned = {key: obj for key, obj in live.items() if ownership.uid_of(obj) == uid}
    for key in sorted(keys & live.keys() - owned.keys()):
        session.out.warning(f"{key} is not this application's and stays")
    wanted = owned if flags["force"] else {key: obj for key, obj in owned.items() if key in keys}
    plan = planning.make_plan((), wanted, uid, delete=True)
    if not plan.steps:
        session.out.line(f"Nothing of application '{application.deployment.name}' is there.")
        return
    writer = writing.Writer(
        session.backend, uid, live, on_done=lambda done: reporting.tell_deleted(session, done)
    )
    reporting.refuse_failures(await writer.run(plan.ranks))
