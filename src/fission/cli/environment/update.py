"""``fission environment update``."""

import types
from typing import Any, Final

from fission.api import environment_types, objects, package_builds, package_types, resources
from fission.cli import command as commands
from fission.cli import context, lookups, options
from fission.cli.environment import build
from fission.meta import status

NAMED_PACKAGES: Final = 10


@commands.command(
    "Update an environment; only what is given changes.\n\n"
    "  fission env update --name python --poolsize 5",
    updates=True,
)
@options.name("Name of the environment")
@options.string("--image", help="Image of the runtime")
@build.flags
async def command(session: context.Session, name: str, **given: Any) -> None:
    """Change one."""
    flags = types.SimpleNamespace(name=name, **given)
    if flags.poolsize is not None and flags.poolsize < 1:
        session.out.warning("poolsize is not positive, so no pods are kept warm")
    before: list[str] = []

    def apply(environment: environment_types.Environment) -> None:
        before[:] = [package_builds.environment_hash(environment)]
        build.apply(environment, flags)

    changed = await lookups.change(session, resources.ENVIRONMENTS, name, apply)
    session.out.info(f"environment '{name}' updated")
    environment = objects.decode(environment_types.Environment, changed)
    if package_builds.environment_hash(environment) not in before:
        await _tell_outdated(session, environment)


async def _tell_outdated(
    session: context.Session, environment: environment_types.Environment
) -> None:
    """Name the packages that the environment, as it is now, has not built."""
    try:
        found = await session.backend.list(resources.PACKAGES, session.namespace)
    except status.Forbidden:
        return
    packages = [objects.decode(package_types.Package, raw) for raw in found]
    outdated = sorted(
        package.metadata.name
        for package in packages
        if package.spec.environment.name == environment.metadata.name
        and package_builds.is_outdated(package, environment)
    )
    if outdated:
        shown = ", ".join(outdated[:NAMED_PACKAGES])
        more = len(outdated) - NAMED_PACKAGES
        session.out.info(
            f"Built with the environment as it was: {shown}"
            + (f" and {more} more (fission pkg list --outdated)" if more > 0 else "")
            + "; they go on as they are. To build one anew:"
            " fission pkg rebuild --name <package> --nocache"
        )
