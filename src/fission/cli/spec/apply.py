"""``fission spec apply``."""

from typing import Any

from fission.cli import command as commands
from fission.cli import context, errors, options, specfiles


@commands.command(
    "Make the platform as the specs want it. What is the same already is left alone, so applying\n"
    "again is always safe, also after it was interrupted.\n\n"
    "  fission spec apply --dry-run\n"
    "  fission spec apply --delete --wait\n"
    "  fission spec apply --watch"
)
@options.string("--specdir", help="Directory of specs", default=specfiles.DIRECTORY)
@options.string(
    "--specignore", help="File in it that names what is left out", default=".specignore"
)
@options.boolean("--delete", help="Delete the application's objects that left the specs")
@options.boolean("--wait", help="Show builds and wait for them; one that fails is an error")
@options.boolean("--watch", help="Apply again whenever a spec or a file of an archive is saved")
@options.boolean("--dry-run", help="Say what would be done, field by field, and do nothing")
@options.string("--validation", help="true or false: check the specs first", default="true")
@options.boolean("--commitlabel", help="Label objects with the git commit of their file")
@options.boolean("--allowconflicts", help="Take over objects of other applications, or of none")
@options.boolean(
    "--force-namespace", "--force", help="Put everything into --namespace, whatever the specs say"
)
async def command(session: context.Session, **flags: Any) -> None:
    """Apply once, or for ever."""
    from fission.cli.spec import applying, building, watching

    validates = (flags["validation"] or "true").lower()
    if validates not in ("true", "false"):
        raise errors.UsageError(f'--validation "{flags["validation"]}": want true or false')
    if flags["watch"] and flags["dry_run"]:
        raise errors.UsageError("--watch and --dry-run exclude each other")
    chosen = applying.Options(
        directory=session.path(flags["specdir"] or specfiles.DIRECTORY),
        ignore_file=flags["specignore"],
        delete=bool(flags["delete"]),
        dry=bool(flags["dry_run"]),
        validates=validates == "true",
        commit_label=bool(flags["commitlabel"]),
        allow_conflicts=bool(flags["allowconflicts"]),
        force_namespace=bool(flags["force_namespace"]),
    )
    if flags["watch"]:
        await watching.run(session, chosen)
        return
    result = await applying.run(session, chosen)
    if flags["wait"] and not chosen.dry:
        await building.wait(session, result.packages)
