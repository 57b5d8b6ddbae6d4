"""One run of ``spec apply``: read, check, compare, send archives, write, ask for builds.

Everything is decided from the files and from what is on the platform, so a run that was cut short
is finished by the next one.
"""

import asyncio
import contextlib
import dataclasses
import pathlib
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from fission.api import package_types
from fission.cli import context, errors
from fission.cli.package import buildstate
from fission.cli.spec import (
    checking,
    document,
    ownership,
    parcels,
    planning,
    presence,
    reading,
    repository,
    telling,
    validation,
    wanting,
    writing,
)

Obj = dict[str, Any]

_FAILURES_SHOWN: Final = 10


@dataclasses.dataclass(frozen=True)
class Options:
    """What was asked for."""

    directory: pathlib.Path
    ignore_file: str | None
    delete: bool = False
    dry: bool = False
    validates: bool = True
    commit_label: bool = False
    allow_conflicts: bool = False
    force_namespace: bool = False
    tries: bool = False
    """New code is tried before it replaces code that serves."""


@dataclasses.dataclass(frozen=True)
class Result:
    """What came of it."""

    application: document.Application
    plan: planning.Plan
    packages: Sequence[planning.Key] = ()
    """Packages of the application that are built from source."""


@dataclasses.dataclass(frozen=True)
class _Draft:
    """What the files say, before archives are in place."""

    objs: Sequence[Obj]
    """With filled namespaces."""
    commits: Mapping[planning.Key, str]


async def run(session: context.Session, options: Options, *, quiet_git: bool = False) -> Result:
    """Apply once."""
    application = await asyncio.to_thread(
        reading.read, options.directory, options.ignore_file, session.cwd
    )
    needs_namespace = options.force_namespace or any(
        not each.namespace for each in application.documents
    )
    namespace = session.namespace if needs_namespace else ""
    if options.validates:
        _check(session, application, namespace, options)
    else:
        refuse_unreadable(session, application)
    async with contextlib.AsyncExitStack() as stack:
        scratch = pathlib.Path(
            stack.enter_context(tempfile.TemporaryDirectory(prefix="fission-spec-"))
        )
        git = asyncio.ensure_future(_look_at_git(session, options, quiet_git))
        stack.callback(git.cancel)
        listed = parcels.used(application.archives, (each.obj for each in application.documents))
        packing = asyncio.ensure_future(parcels.pack(listed, scratch))
        stack.callback(packing.cancel)
        draft = await _draft(session, application, options, namespace)
        keys = [planning.key_of(obj) for obj in draft.objs]
        live = await presence.look(
            session.backend,
            keys,
            everything=options.delete,
            with_packages=bool(application.archives),
        )
        packed = await packing
        await git
        if options.validates:
            for missing in await checking.check_mounts(session, application.documents, namespace):
                session.out.warning(str(missing))
        return await _carry_out(session, options, application, draft, live, packed)


async def _carry_out(
    session: context.Session,
    options: Options,
    application: document.Application,
    draft: _Draft,
    live: Mapping[planning.Key, Obj],
    packed: Mapping[str, parcels.Parcel],
) -> Result:
    deployment = application.deployment

    def plan(known: Mapping[parcels.Address, str]) -> planning.Plan:
        wanted = [
            wanting.make(
                parcels.put_in(obj, packed, known) if obj["kind"] == "Package" else obj,
                deployment.name,
                deployment.uid,
                draft.commits.get(planning.key_of(obj), ""),
            )
            for obj in draft.objs
        ]
        return planning.make_plan(
            wanted,
            live,
            deployment.uid,
            delete=options.delete,
            allow_conflicts=options.allow_conflicts,
        )

    known = parcels.addresses(live.values())
    made = plan(known)
    _refuse_conflicts(made)
    packages = [obj for obj in draft.objs if obj["kind"] == "Package"]
    _tell_known(session, packages, packed, known)
    missing = parcels.missing(packages, packed, known)
    if options.dry:
        _tell_dry(session, made, missing)
        return Result(application, made)
    if missing:
        made = plan({**known, **await parcels.send(session, missing)})
    if options.tries:
        from fission.cli.spec import trying

        made = await trying.working(session, made)
    outcome = await _write(session, made, live, options, deployment.uid)
    refuse_failures(outcome)
    built = [
        planning.key_of(obj)
        for obj in packages
        if (obj["spec"].get("source") or {}) and not obj["spec"].get("deployment")
    ]
    for key in sorted(set(built) & set(made.unchanged)):
        if buildstate.build_status(live[key]) == package_types.FAILED:
            session.out.warning(
                f"the last build of {key} failed; see `fission pkg info --name {key.name}"
                f" -n {key.namespace}`"
            )
    return Result(application, made, built)


def refuse_unreadable(session: context.Session, application: document.Application) -> None:
    """Say what was left out of the application, and raise for what could not be read."""
    for warning in application.warnings:
        session.out.warning(str(warning))
    checking.refuse(validation.Findings(list(application.errors)))


def _check(
    session: context.Session,
    application: document.Application,
    namespace: str,
    options: Options,
) -> None:
    findings = validation.check(application, namespace, force_namespace=options.force_namespace)
    for warning in findings.warnings:
        session.out.warning(str(warning))
    checking.refuse(findings)


async def _draft(
    session: context.Session,
    application: document.Application,
    options: Options,
    namespace: str,
) -> _Draft:
    chosen = [each for each in application.documents if each.kind in planning.KINDS]
    commits: dict[pathlib.Path, str] = {}
    if options.commit_label:
        commits = await repository.commits(session.cwd / each.path for each in chosen)
    objs, of_commit = [], {}
    for each in chosen:
        obj = wanting.fill_namespaces(each.obj, namespace, force=options.force_namespace)
        objs.append(obj)
        commit = commits.get(session.cwd / each.path)
        if commit:
            of_commit[planning.key_of(obj)] = commit
    return _Draft(objs, of_commit)


async def _look_at_git(session: context.Session, options: Options, quiet: bool) -> None:
    if quiet:
        return
    changes = await repository.changes(options.directory)
    if changes is None:
        session.out.line("The specs are not in a git repository.")
    elif changes:
        count = f"{len(changes)} files have" if len(changes) > 1 else f"{changes[0]} has"
        session.out.warning(f"the git tree is not clean: {count} changes that are not committed")


def _tell_known(
    session: context.Session,
    packages: Iterable[Obj],
    packed: Mapping[str, parcels.Parcel],
    known: Mapping[parcels.Address, str],
) -> None:
    told = set()
    for package in packages:
        for name in parcels.names_in(package).values():
            parcel = packed[name]
            address = parcels.Address(package["metadata"]["namespace"], parcel.digest)
            if parcel.content is None and address in known:
                told.add(name)
    for name in sorted(told):
        session.out.line(f"archive {parcels.SCHEME}{name} exists, not uploading")


def _tell_dry(
    session: context.Session,
    made: planning.Plan,
    missing: Mapping[parcels.Address, parcels.Parcel],
) -> None:
    for parcel in missing.values():
        session.out.line(f"archive {parcels.SCHEME}{parcel.name} would be uploaded")
    coloured = session.out.is_terminal and "NO_COLOR" not in session.env
    for line in telling.diff(made.steps, coloured=coloured):
        session.out.line(line)
    for line in telling.summary(made.steps, dry=True):
        session.out.line(line)
    session.out.line("(dry run - no changes made)")


async def _write(
    session: context.Session,
    made: planning.Plan,
    live: Mapping[planning.Key, Obj],
    options: Options,
    uid: str,
) -> writing.Outcome:
    writer = writing.Writer(
        session.backend,
        uid,
        live,
        allow_conflicts=options.allow_conflicts,
        on_done=lambda done: tell_deleted(session, done),
    )
    outcome = writing.Outcome()
    try:
        await writer.run(made.ranks, outcome)
        await _ask_for_builds(session, outcome)
    except asyncio.CancelledError:
        session.out.note(
            f"Interrupted after {len(outcome.done)} of {len(made.steps)} changes;"
            " apply again to go on."
        )
        raise
    if outcome.done or not (outcome.failed or made.is_partial):
        for line in telling.summary([done.step for done in outcome.done]):
            session.out.line(line)
    return outcome


def tell_deleted(session: context.Session, done: writing.Done) -> None:
    """Say what is gone, as it goes."""
    if done.step.verb is planning.Verb.DELETE:
        key = done.step.key
        session.out.line(f"Deleted {key.kind} {key.namespace}/{key.name}")


async def _ask_for_builds(session: context.Session, outcome: writing.Outcome) -> None:
    """Packages whose source or command changed are built, whatever builds of them go on."""
    for done in outcome.done:
        is_update = done.step.verb is planning.Verb.UPDATE
        if done.step.key.kind != "Package" or not is_update or done.obj is None:
            continue
        assert done.step.wanted is not None
        has_deployment = not done.step.wanted.decoded.spec.deployment.is_empty()
        if buildstate.has_source(done.obj) and not has_deployment:
            await buildstate.ask_unless_known(session, done.obj)


def _refuse_conflicts(made: planning.Plan) -> None:
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
    shown = [f"{each.step.key}: {each.error}" for each in outcome.failed[:_FAILURES_SHOWN]]
    if len(outcome.failed) > len(shown):
        shown.append(f"and {len(outcome.failed) - len(shown)} more")
    count = len(outcome.failed)
    left = f"; {outcome.left} more were not begun" if outcome.left else ""
    raise errors.CliError(
        f"{count} {'object' if count == 1 else 'objects'} could not be written{left}",
        why="\n".join(shown),
        remedy="Mend what is said and apply again: it goes on from here.",
    )


def owned(live: Mapping[planning.Key, Obj], uid: str) -> dict[planning.Key, Obj]:
    """The application's objects."""
    return {key: obj for key, obj in live.items() if ownership.uid_of(obj) == uid}
