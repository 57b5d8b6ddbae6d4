"""``fission package update``."""

import types
from typing import Any

from fission.api import resources
from fission.cli import command as commands
from fission.cli import context, errors, lookups, options
from fission.cli.package import build, follow
from fission.cli.package import code as codes


@commands.command(
    "Put other code into a package; functions that use it load it again.\n\n"
    "  fission pkg update --name app --src app/ --follow",
    updates=True,
)
@options.name("Name of the package")
@options.string("--env", help="Environment that builds and runs the code")
@codes.flags
@options.boolean("--force", "-f", help="Update it although several functions use it")
@options.boolean("--follow", "follow_build", help="Wait for the build and show its log")
async def command(
    session: context.Session,
    name: str,
    env: str | None,
    force: bool | None,
    follow_build: bool | None,
    **given: Any,
) -> None:
    """Change one."""
    code = codes.read(types.SimpleNamespace(**given))
    if not code.is_given and env is None and code.build_command is None:
        raise errors.UsageError(
            "nothing to update",
            remedy="give --env, --code, --sourcearchive, --deployarchive or --buildcmd",
        )
    package = await lookups.get(session, resources.PACKAGES, name)
    users = await build.functions_using(session, name, session.namespace)
    if len(users) > 1 and not force:
        raise errors.CliError(
            "package is used by multiple functions, use --force to force update",
            f"by {', '.join(sorted(lookups.names_of(users)))}: each of them would run the new code",
        )
    await build.check_environment(session, package, code, env)
    changed = await build.change(session, name, code, env)
    if changed is None:
        return
    package, is_built = changed
    if not is_built:
        await build.repoint(session, users, package)
    session.out.info(f"Package '{name}' updated")
    if is_built and follow_build:
        await follow.until_built(session, name, f"fission pkg update --name {name} --src ...")
