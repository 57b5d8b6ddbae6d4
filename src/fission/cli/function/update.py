"""``fission function update``."""

import asyncio
import dataclasses
import types
from typing import Any, Final

from fission.api import function_types, objects, package_types, resources, validation
from fission.cli import command as commands
from fission.cli import context, errors, lookups, options
from fission.cli.function import build, create, features, flags
from fission.cli.package import build as package_build
from fission.cli.package import buildstate, follow
from fission.cli.package import code as codes

_SETTLE_SECONDS: Final = 2.0
_SETTLE_PAUSE_SECONDS: Final = 0.02


@commands.command(
    "Update a function; only what is given changes. New code goes into its package.\n"
    "New source is built first, while the function goes on with what it has: the command shows\n"
    "the build's log and ends with it; with --nowait it returns at once.\n\n"
    "  fission fn update --name hello --code hello2.py",
    updates=True,
)
@options.name("Name of the function")
@flags.shared
@options.boolean("--force", "-f", help="Update a package that several functions use")
async def command(session: context.Session, name: str, force: bool | None, **given: Any) -> None:
    """Change one."""
    chosen = types.SimpleNamespace(**given)
    code = codes.read(chosen)
    if chosen.pkgname and code.is_given:
        raise errors.UsageError(
            "--pkgname excludes code: put that into the package with `fission pkg update`"
        )
    raw = await lookups.get(session, resources.FUNCTIONS, name)
    input_schema = await create.read_schema(session, chosen.tool_input_schema)
    _rehearse(raw, chosen, input_schema)
    package = await _package(session, raw, code, chosen, force)

    def change(function: function_types.Function) -> None:
        build.apply(function, chosen)
        features.apply(function.spec, chosen, input_schema)
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
    await settle(session, changed)
    session.out.line(f"Function '{name}' updated")
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


async def settle(session: context.Session, changed: dict[str, Any]) -> None:
    """Wait a moment until the platform has seen the change: the next call shall be served by it.

    A function that nobody ever looked at is not waited for.
    """
    deadline = session.clock.monotonic() + _SETTLE_SECONDS
    generation = changed["metadata"].get("generation", 0)
    seen = changed
    while 0 < (seen.get("status") or {}).get("observedGeneration", 0) < generation:
        if session.clock.monotonic() > deadline:
            return
        await asyncio.sleep(_SETTLE_PAUSE_SECONDS)
        seen = await lookups.get(session, resources.FUNCTIONS, lookups.name_of(changed))


def _rehearse(raw: dict[str, Any], chosen: Any, input_schema: str | None) -> None:
    """Refuse bad flags before anything, the package included, is written."""
    function = objects.decode(function_types.Function, raw)
    build.apply(function, chosen)
    features.apply(function.spec, chosen, input_schema)
    validation.check(function)


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
        raise errors.CliError("the function has no package; give it one with --pkgname")
    before = await lookups.get(session, resources.PACKAGES, name)
    await package_build.check_environment(session, before, code, chosen.env)
    users = await package_build.functions_using(session, name, session.namespace)
    others = [each for each in users if lookups.name_of(each) != lookups.name_of(function)]
    if others and not force:
        raise errors.CliError(
            "package is used by multiple functions, use --force to force update: "
            + ", ".join(sorted(lookups.names_of(users)))
        )
    changed = await package_build.change(session, name, code, chosen.env)
    if changed is None:
        has_failed = buildstate.build_status(before) == package_types.FAILED
        return _Package(before, False, code.is_to_be_built and has_failed)
    package, is_built = changed
    if not is_built:
        await package_build.repoint(session, others, package)
    return _Package(package, not is_built, is_built)
