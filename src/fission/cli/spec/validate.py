"""``fission spec validate``."""

from typing import TYPE_CHECKING, Final

from fission.cli import command as commands
from fission.cli import context, options, specfiles

if TYPE_CHECKING:
    from fission.cli.spec import document, validation

_TITLES: Final = {
    "Function": "Functions",
    "Environment": "Environments",
    "Package": "Packages",
    "HTTPTrigger": "Http Triggers",
    "MessageQueueTrigger": "MessageQueue Triggers",
    "TimeTrigger": "Time Triggers",
    "KubernetesWatchTrigger": "Kube Watchers",
    "CanaryConfig": "Canary Configs",
}


@commands.command(
    "Check the specs: fields, values, references between objects, and names that others have on\n"
    "the platform. All that is wrong is told at once. Without a platform, the files are checked\n"
    "alone.\n\n"
    "  fission spec validate"
)
@options.string("--specdir", help="Directory of specs", default=specfiles.DIRECTORY)
@options.string(
    "--specignore", help="File in it that names what is left out", default=".specignore"
)
@options.boolean("--allowconflicts", help="Names that others have on the platform are no errors")
async def command(
    session: context.Session,
    specdir: str | None,
    specignore: str | None,
    allowconflicts: bool | None,
) -> None:
    """Read, check, tell."""
    import asyncio

    from fission.cli.spec import checking, reading, validation

    directory = session.path(specdir or specfiles.DIRECTORY)
    application = await asyncio.to_thread(reading.read, directory, specignore, session.cwd)
    namespace = _namespace(session)
    findings = validation.check(application, namespace)
    findings.add(await asyncio.to_thread(checking.check_archives, application))
    unchecked = await _check_platform(
        session, application, namespace, findings, bool(allowconflicts)
    )
    _show(session, application)
    for warning in findings.warnings:
        session.out.warning(str(warning))
    checking.refuse(findings)
    if unchecked:
        session.out.warning(
            "no platform was asked, so it is not known whether names are taken, and whether"
            f" Secrets and ConfigMaps exist: {unchecked}"
        )
    session.out.line("Validation Successful")


def _namespace(session: context.Session) -> str:
    """Where documents without a namespace go; empty when nobody says so."""
    from fission.base import errors

    try:
        return session.namespace
    except errors.Error:
        return ""


async def _check_platform(
    session: context.Session,
    application: "document.Application",
    namespace: str,
    findings: "validation.Findings",
    allow_conflicts: bool,
) -> str:
    """Add what a platform says; why it could not be asked."""
    from fission.base import errors
    from fission.cli.spec import checking

    try:
        findings.add(
            await checking.check_platform(
                session, application, namespace, allow_conflicts=allow_conflicts
            )
        )
    except (errors.Error, OSError) as error:
        return str(error).splitlines()[0].rstrip(".")
    return ""


def _show(session: context.Session, application: "document.Application") -> None:
    """The application and how much is in it."""
    from collections import Counter

    found = Counter(each.kind for each in application.documents)
    session.out.line(f"DeployUID: {application.deployment.uid}")
    session.out.line("Resources:")
    for kind, title in _TITLES.items():
        session.out.line(f" * {found[kind]} {title}")
    session.out.line(f" * {len(application.archives)} ArchiveUploadSpec")
