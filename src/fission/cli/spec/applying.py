"""One run of ``spec apply``: read, check, compare, send archives, write, ask for builds.

Everything is decided from the files and from what is on the platform, so a run that was cut short
is finished by the next one.
"""

import asyncio
import contextlib
import dataclasses
import pathlib
import tempfile
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

from fission.api import labels, package_types
from fission.cli import context, errors
from fission.cli.package import buildstate
from fission.cli.spec import (
    checking,
    document,
    parcels,
    planning,
    presence,
    reading,
    reporting,
    repository,
    telling,
    validation,
    wanting,
    writing,
)

Obj = dict[str, Any]

_SECOND_LOOK_SECONDS: Final = 0.4


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
    namespaces: Collection[str] | None
    """Where what left the files is deleted; None: anywhere, as every file names its namespace."""


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
        checking.refuse_unreadable(session, application)
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
            name=deployment.name,
            namespaces=draft.namespaces,
        )

    known = parcels.addresses(live.values())
    made = plan(known)
    reporting.refuse_conflicts(made)
    reporting.tell_kept(session, made)
    packages = [obj for obj in draft.objs if obj["kind"] == "Package"]
    reporting.tell_known(session, packages, packed, known)
    missing = parcels.missing(packages, packed, known)
    if options.dry:
        reporting.tell_dry(session, made, missing)
        return Result(application, made)
    if missing:
        made = plan({**known, **await parcels.send(session, missing)})
    if options.tries:
        from fission.cli.spec import trying

        await _look_again(session, options, application, made)
        made = await trying.working(session, made)
    outcome = await _write(session, made, live, options, deployment.uid)
    await _tidy(session, live)
    reporting.refuse_failures(outcome)
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


async def _tidy(session: context.Session, live: Mapping[planning.Key, Obj]) -> None:
    """Remove what a run with ``--watch`` left that was killed."""
    left = [obj for obj in live.values() if labels.TRIAL_OF in obj["metadata"].get("labels", {})]
    if left:
        from fission.cli.function import trial

        await trial.remove_stale(session, left)


async def _look_again(
    session: context.Session,
    options: Options,
    application: document.Application,
    made: planning.Plan,
) -> None:
    """A file is empty or away for a moment while it is saved: nothing is deleted for that."""
    if all(step.verb is not planning.Verb.DELETE for step in made.steps):
        return
    await asyncio.sleep(_SECOND_LOOK_SECONDS)
    again = await asyncio.to_thread(
        reading.read, options.directory, options.ignore_file, session.cwd
    )
    before = {reading.identity(each) for each in application.documents}
    if again.errors or {reading.identity(each) for each in again.documents} != before:
        raise errors.CliError("the specs are being written; nothing is deleted meanwhile")


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
    is_bound = not chosen or any(not each.namespace for each in chosen)
    if not (is_bound or options.force_namespace or session.given_namespace):
        return _Draft(objs, of_commit, None)
    used = {obj["metadata"]["namespace"] for obj in objs}
    return _Draft(objs, of_commit, used | {session.namespace})


async def _look_at_git(session: context.Session, options: Options, quiet: bool) -> None:
    if quiet:
        return
    changes = await repository.changes(options.directory)
    if changes is None:
        session.out.line("The specs are not in a git repository.")
    elif changes:
        count = f"{len(changes)} files have" if len(changes) > 1 else f"{changes[0]} has"
        session.out.warning(f"the git tree is not clean: {count} changes that are not committed")


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
        on_done=lambda done: reporting.tell_deleted(session, done),
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
