"""``fission package rebuild``."""

from fission.api import package_types, resources
from fission.cli import command as commands
from fission.cli import context, errors, lookups, options, output
from fission.cli.package import buildstate, follow


@commands.command(
    "Build a package again whose build failed; with --nocache any that has source.\n\n"
    "  fission pkg rebuild --name app --follow"
)
@options.name("Name of the package")
@options.boolean("--nocache", help="Take nothing from the build cache; also after a success")
@options.boolean("--follow", "follow_build", help="Wait for the build and show its log")
async def command(
    session: context.Session, name: str, nocache: bool | None, follow_build: bool | None
) -> None:
    """Ask for another build."""
    package = await lookups.get(session, resources.PACKAGES, name)
    if nocache:
        _refuse_sourceless(name, package)
    elif buildstate.build_status(package) != package_types.FAILED:
        raise errors.CliError(
            f"package {name} is not in failed state",
            f"its build status is {buildstate.build_status(package) or output.NONE}",
            "--nocache builds it all the same",
        )
    await buildstate.ask_for_build(session, package, uncached=bool(nocache))
    if follow_build:
        session.out.line(f"Retrying build for pkg {name}.")
        await follow.until_built(session, name, f"fission pkg update --name {name} --src ...")
        return
    session.out.line(
        f'Retrying build for pkg {name}. Use "fission pkg info --name {name}" to view status'
    )


def _refuse_sourceless(name: str, package: lookups.Obj) -> None:
    if not buildstate.has_source(package):
        raise errors.CliError(
            f"package {name} has no source to build",
            remedy=f"give it some with `fission pkg update --name {name} --src ...`",
        )
    if buildstate.build_status(package) in (package_types.PENDING, package_types.RUNNING):
        raise errors.CliError(
            f"package {name} is being built already",
            remedy=f"follow it with `fission pkg info --name {name} --follow`",
        )
