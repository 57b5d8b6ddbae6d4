"""``fission package create``."""

import types
from typing import Any

from fission.cli import command as commands
from fission.cli import context, errors, lookups, options, specfiles
from fission.cli.package import build
from fission.meta import status


@commands.command("Create a package from source or deployable code.")
@options.name("Name of the package; derived from the code if not given", required=False)
@options.string("--env", help="Environment that builds and runs the code", required=True)
@build.flags
@options.save
async def command(
    session: context.Session, spec: bool | None, dry: bool | None, **given: Any
) -> None:
    """Create one."""
    from fission.api import resources

    mode = specfiles.Mode(bool(spec), bool(dry))
    flags = types.SimpleNamespace(**given)
    code = build.read_code(flags)
    if not code.is_given:
        raise errors.UsageError(
            "need --code or --sourcearchive or --deployarchive or --oci argument"
        )
    name = flags.name or _derive_name(session, code, mode)
    namespace = session.given_namespace if mode.is_on else session.namespace
    package = build.make_package(name, namespace, flags.env)
    if mode.is_on:
        specfiles.write(session, mode, build.make_documents(session, package, code))
        return
    environment = await lookups.get(session, resources.ENVIRONMENTS, flags.env)
    build.warn_unbuilt(session, environment, code)
    await build.apply(session, package, code)
    try:
        await build.create(session, package)
    except status.AlreadyExists as error:
        raise errors.CliError(
            f"package '{name}' already exists; change it with `fission pkg update`"
        ) from error
    session.out.line(f"Package '{name}' created")


def _derive_name(session: context.Session, code: build.Code, mode: specfiles.Mode) -> str:
    if mode.spec and not mode.dry:
        raise errors.UsageError("--name is necessary when creating a package spec")
    name = f"{code.first_input()[:58]}-{session.short_id(4)}"
    session.out.warning(f"no --name given, so the package is named {name}")
    return name
