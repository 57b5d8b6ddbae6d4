"""``fission package create``."""

import types
from typing import Any

from fission.api import resources
from fission.cli import command as commands
from fission.cli import context, errors, lookups, options, specfiles
from fission.cli.package import build, follow
from fission.cli.package import code as codes
from fission.meta import status

NO_CODE = "need --code or --sourcearchive or --deployarchive argument"


@commands.command(
    "Create a package from source or deployable code.\n\n"
    "  fission pkg create --name app --env python --src app/ --follow"
)
@options.name("Name of the package; derived from the code if not given", required=False)
@options.string("--env", help="Environment that builds and runs the code", required=True)
@codes.flags
@options.boolean("--follow", "follow_build", help="Wait for the build and show its log")
@options.save
async def command(
    session: context.Session,
    spec: bool | None,
    dry: bool | None,
    follow_build: bool | None,
    **given: Any,
) -> None:
    """Create one."""
    mode = specfiles.Mode(bool(spec), bool(dry))
    flags = types.SimpleNamespace(**given)
    code = codes.read(flags)
    if not code.is_given:
        raise errors.UsageError(NO_CODE)
    name = flags.name or _derive_name(session, code, mode)
    namespace = session.given_namespace if mode.is_on else session.namespace
    package = build.make_package(name, namespace, flags.env)
    if mode.is_on:
        specfiles.write(session, mode, await build.make_documents(session, package, code))
        return
    environment = await lookups.get(session, resources.ENVIRONMENTS, flags.env)
    if code.is_to_be_built:
        build.refuse_unbuildable(environment)
    if await lookups.find(session, resources.PACKAGES, name) is not None:
        raise _taken(name)
    try:
        await build.create(session, package, code)
    except status.AlreadyExists as error:
        raise _taken(name) from error
    session.out.info(f"Package '{name}' created")
    if follow_build and code.is_to_be_built:
        await follow.until_built(session, name, f"fission pkg update --name {name} --src ...")


def _taken(name: str) -> errors.CliError:
    return errors.CliError(
        f"package '{name}' already exists",
        remedy=f"change it with `fission pkg update --name {name}`, or choose another --name",
    )


def _derive_name(session: context.Session, code: codes.Code, mode: specfiles.Mode) -> str:
    if mode.spec and not mode.dry:
        raise errors.UsageError("--name is necessary when creating a package spec")
    name = f"{code.first_input()[:58]}-{session.short_id(4)}"
    session.out.warning(f"no --name given, so the package is named {name}")
    return name
