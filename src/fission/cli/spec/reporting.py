"""What ``spec apply`` and ``spec destroy`` say of a plan and of what came of it."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from fission.cli import context, errors
from fission.cli.spec import parcels, planning, telling, writing

Obj = dict[str, Any]

_SHOWN: Final = 10


def tell_known(
    session: context.Session,
    packages: Iterable[Obj],
    packed: Mapping[str, parcels.Parcel],
    known: Mapping[parcels.Address, str],
) -> None:
    """Say which archives are there already."""
    told = set()
    for package in packages:
        for name in parcels.names_in(package).values():
            parcel = packed[name]
            address = parcels.Address(package["metadata"]["namespace"], parcel.digest)
            if parcel.content is None and address in known:
                told.add(name)
    for name in sorted(told):
        session.out.line(f"archive {parcels.SCHEME}{name} exists, not uploading")


def tell_dry(
    session: context.Session,
    made: planning.Plan,
    missing: Mapping[parcels.Address, parcels.Parcel],
) -> None:
    """Say what a run would do."""
    for parcel in missing.values():
        session.out.line(f"archive {parcels.SCHEME}{parcel.name} would be uploaded")
    coloured = session.out.is_terminal and "NO_COLOR" not in session.env
    for line in telling.diff(made.steps, coloured=coloured):
        session.out.line(line)
    for line in telling.summary(made.steps, dry=True):
        session.out.line(line)
    session.out.line("(dry run - no changes made)")


def tell_deleted(session: context.Session, done: writing.Done) -> None:
    """Say what is gone, as it goes."""
    if done.step.verb is planning.Verb.DELETE:
        key = done.step.key
        session.out.line(f"Deleted {key.kind} {key.namespace}/{key.name}")


def tell_kept(session: context.Session, made: planning.Plan) -> None:
    """Say what has the application's uid, left the specs, and is not deleted."""
    if made.kept:
        spaces = ", ".join(sorted({key.namespace for key in made.kept}))
        session.out.note(
            f"{len(made.kept)} objects of this application in {spaces} stay: specs without"
            " namespaces are cleared up only where they are applied to"
        )
    if made.misnamed:
        keys = ", ".join(map(str, made.misnamed))
        session.out.warning(
            f"{keys} stay: they have this application's uid and another name. If the uid was"
            " copied, give yours a new one; if the application was renamed, use --allowconflicts"
        )


def refuse_conflicts(made: planning.Plan) -> None:
    """Raise for objects that are somebody else's."""
    if not made.conflicts:
        return
    lines = [
        f"{key} (of {owner})" if (owner := made.owners.get(key)) else str(key)
        for key in made.conflicts
    ]
    raise errors.CliError(
        "objects of these names exist and are not this application's: " + ", ".join(lines),
        remedy="Rename yours, delete those, or take them over with --allowconflicts.",
    )


def refuse_failures(outcome: writing.Outcome) -> None:
    """Raise for what could not be written."""
    if not outcome.failed:
        return
    shown = [f"{each.step.key}: {each.error}" for each in outcome.failed[:_SHOWN]]
    if len(outcome.failed) > len(shown):
        shown.append(f"and {len(outcome.failed) - len(shown)} more")
    count = len(outcome.failed)
    left = f"; {outcome.left} more were not begun" if outcome.left else ""
    raise errors.CliError(
        f"{count} {'object' if count == 1 else 'objects'} could not be written{left}",
        why="\n".join(shown),
        remedy="Mend what is said and apply again: it goes on from here.",
    )
