"""``fission package update``."""

import types
from typing import Any

from fission.api import resources
from fission.cli import command as commands
from fission.cli import context, errors, lookups, options
from fission.cli.package import build


@commands.command(
    "Put other code into a package; functions that use it load it again.", updates=True
)
@options.name("Name of the package")
@options.string("--env", help="Environment that builds and runs the code")
@build.flags
@options.boolean("--force", "-f", help="Update it although several functions use it")
async def command(
    session: context.Session, name: str, env: str | None, force: bool | None, **given: Any
) -> None:
    """Change one."""
    code = build.read_code(types.SimpleNamespace(**given))
    if not code.is_given and env is None and code.build_command is None:
        raise errors.UsageError(
            "nothing to update: need --env, --code, --sourcearchive, --deployarchive, --oci or"
            " --buildcmd"
        )
    await lookups.get(session, resources.PACKAGES, name)
    users = await build.functions_using(session, name, session.namespace)
    if len(users) > 1 and not force:
        raise errors.CliError(
            "package is used by multiple functions, use --force to force update: "
            + ", ".join(sorted(lookups.names_of(users)))
        )
    if env is not None:
        await lookups.get(session, resources.ENVIRONMENTS, env)
    package = await build.change_code(session, name, code, env)
    if package is None:
        return
    await build.repoint(session, users, package)
    session.out.line(f"Package '{name}' updated")
