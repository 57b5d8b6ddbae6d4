"""``fission function update``."""

import dataclasses
import types
from typing import Any

from fission.api import function_types, objects, package_types, resources, validation
from fission.cli import command as commands
from fission.cli import context, errors, lookups, options
from fission.cli.function import build, create, features, flags, settling
from fission.cli.package import build as package_build
from fission.cli.package import buildstate, follow
from fission.cli.package import code as codes


@commands.command(
    "Update a function; only what is given changes. New code goes into its package.\n"
    "New source is built first, while the function goes on with what it has: the command shows\n"
    "the build's log and ends with it; with --nowait it returns at once.\n\n"
    "  fission fn update --name hello --code hello2.py\n"
    "  fission fn update --name hello --fntimeout 5 --spec",
    updates=True,
)
@options.name("Name of the function")
@flags.shared
@options.boolean("--force", "-f", help="Update a package that several functions use")
@options.boolean("--watch", help="Stay, and put live what is saved, if it works")
@options.boolean("--spec", help="Change it in the specs directory instead")
async def command(
    session: context.Session,
    name: str,
    force: bool | None,
    watch: bool | None,
    spec: bool | None,
    **given: Any,
) -> None:
    """Change one."""
    chosen = types.SimpleNamespace(**given)
    code = codes.read(chosen)
    if chosen.pkgname and code.is_given:
        raise errors.UsageError(
            "--pkgname excludes code", "", "put it into the package with `fission pkg update`"
        )
    if spec and watch:
        raise errors.UsageError("--spec and --watch exclude each other")
    if spec:
        await _update_spec(session, name, chosen, code, force)
        return
    raw = await lookups.get(session, resources.FUNCTIONS, name)
    _rehearse(raw, chosen)
    if not watch:
        await _update(session, raw, chosen, code, force)
        return
    from fission.cli.function import live

    async def update_it() -> None:
        present = await lookups.get(session, resources.FUNCTIONS, name)
        await _update(session, present, chosen, code, force)

    live.check(code)
    await live.updated(session, name, code, update_it, lambda found: _rehearse(found, chosen))


async def _update_spec(
    session: context.Session, name: str, chosen: Any, code: codes.Code, force: bool | None
) -> None:
    """Change it where it is written down."""
    from fission.cli.spec import amending

    def change(function: function_types.Function) -> None:
        build.apply(function, chosen)
        features.apply(function.spec, chosen)

    before, after = await amending.update(
        session, name, change, code, chosen.env, chosen.pkgname, force=bool(force)
    )
    for warning in build.warnings(chosen, after.spec, before.spec):
        session.out.warning(warning)


async def _update(
    session: context.Session,
    raw: dict[str, Any],
    chosen: Any,
    code: codes.Code,
    force: bool | None,
) -> None:
    name = lookups.name_of(raw)
    package = await _package(session, raw, code, chosen, force)

    def change(function: function_types.Function) -> None:
        build.apply(function, chosen)
        features.apply(function.spec, chosen)
        if package is not None:
            create.point_at(function, package.obj, loads=package.loads)
        elif chosen.env:
            function.spec.environment.name = chosen.env

    changed = await lookups.change(session, resources.FUNCTIONS, name, change)
    function = objects.decode(function_types.Function, changed)
    before = objects.decode(function_types.Function, raw)
    for warning in build.warnings(chosen, function.spec, before.spec):
        session.out.warning(warning)
    if build.names_of_sources(function.spec) != build.names_of_sources(before.spec):
        await create.warn_missing(session, function.spec)
    await settling.settle(session, changed)
    session.out.info(f"Function '{name}' updated")
    if package is not None and package.is_awaited and not chosen.nowait:
        await follow.until_built(
            session, lookups.name_of(package.obj), f"fission fn update --name {name} --src ..."
        )


@dataclasses.dataclass(frozen=True)
class _Package:
    """The package that the function is to run."""

    obj: dict[str, Any]
    loads: bool = True
    """Whether the function loads it as it is; else it goes on with what it has."""
    is_awaited: bool = False
    """Whether it is built, or has failed to build from the very same source."""


def _rehearse(raw: dict[str, Any], chosen: Any) -> function_types.Function:
    """The function as it will be; refuses bad flags before anything is written."""
    function = objects.decode(function_types.Function, raw)
    build.apply(function, chosen)
    features.apply(function.spec, chosen)
    if chosen.env:
        function.spec.environment.name = chosen.env
    validation.check(function)
    return function


async def _package(
    session: context.Session,
    function: dict[str, Any],
    code: codes.Code,
    chosen: Any,
    force: bool | None,
) -> _Package | None:
    """The package, changed if there is other code; None: as before."""
    if chosen.pkgname:
        return _Package(await lookups.get(session, resources.PACKAGES, chosen.pkgname))
    changes_package = code.is_given or code.build_command is not None or chosen.env
    if not changes_package:
        return None
    name = package_build.package_of(function)
    if not name:
        raise errors.CliError("the function has no package", "", "give it one with --pkgname")
    before = await lookups.get(session, resources.PACKAGES, name)
    await package_build.check_environment(session, before, code, chosen.env)
    users = await package_build.functions_using(session, name, session.namespace)
    others = [each for each in users if lookups.name_of(each) != lookups.name_of(function)]
    if others and not force:
        raise errors.CliError(
            "package is used by multiple functions, use --force to force update",
            f"all of them would run the new code: {', '.join(sorted(lookups.names_of(users)))}",
        )
    changed = await package_build.change(session, name, code, chosen.env)
    if changed is None:
        has_failed = buildstate.build_status(before) == package_types.FAILED
        return _Package(before, False, code.is_to_be_built and has_failed)
    package, is_built = changed
    if not is_built:
        await package_build.repoint(session, others, package)
    return _Package(package, not is_built, is_built)
