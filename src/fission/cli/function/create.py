"""``fission function create``."""

import functools
import types
from typing import Any

from fission.api import function_types, httptrigger_types, objects, resources, schema, validation
from fission.base import errors as base_errors
from fission.cli import archives, context, errors, lookups, options, specfiles
from fission.cli import command as commands
from fission.cli.function import build, features, flags
from fission.cli.package import build as package_build
from fission.cli.package import code as codes
from fission.cli.package import create as package_create
from fission.cli.package import follow
from fission.meta import gvk, status


@commands.command(
    "Create a function from code, or from a package that exists.\n"
    "Source (--src) is built: the command shows the build's log and ends with it; with --nowait\n"
    "it returns at once. The function is there in any case, also when its build fails.\n\n"
    "  fission fn create --name hello --env python --code hello.py\n"
    "  fission fn create --name app --env python --src app/ --entrypoint main.main"
)
@options.name("Name of the function")
@flags.shared
@options.string("--url", help="Deprecated: also make a route; use `fission route create`")
@options.string("--prefix", help="Deprecated: the same for a prefix")
@options.strings("--method", help="Deprecated: methods of that route", default="GET")
@options.boolean("--watch", help="Stay, and put live what is saved, if it works")
@options.save
async def command(
    session: context.Session,
    spec: bool | None,
    dry: bool | None,
    watch: bool | None,
    **given: Any,
) -> None:
    """Create one."""
    mode = specfiles.Mode(bool(spec), bool(dry))
    chosen = types.SimpleNamespace(**given)
    code = codes.read(chosen)
    _check_flags(chosen, code)
    namespace = session.given_namespace if mode.is_on else session.namespace
    function = build.make_function(chosen.name, namespace, chosen)
    features.apply(function.spec, chosen)
    for warning in build.warnings(chosen, function.spec):
        session.out.warning(warning)
    if mode.is_on:
        await _write_down(session, mode, function, code, chosen)
    elif watch:
        from fission.cli.function import live

        live.check(code)
        create_it = functools.partial(_create, session, function, code, chosen)
        await live.created(session, function.metadata.name, code, create_it)
    else:
        await _create(session, function, code, chosen)


def _check_flags(chosen: Any, code: codes.Code) -> None:
    if not chosen.pkgname and not chosen.env:
        raise errors.UsageError("need --env argument", "", "see those there are: fission env list")
    if not chosen.pkgname and not code.is_given:
        raise errors.UsageError(package_create.NO_CODE)
    if chosen.pkgname and code.is_given:
        raise errors.UsageError(
            "--pkgname excludes code", "", "put it into the package with `fission pkg update`"
        )


async def _write_down(
    session: context.Session,
    mode: specfiles.Mode,
    function: function_types.Function,
    code: codes.Code,
    chosen: Any,
) -> None:
    name, namespace = function.metadata.name, function.metadata.namespace
    documents = []
    package_name = chosen.pkgname
    if not package_name:
        package_name = package_name_for(session, name)
        package = package_build.make_package(package_name, namespace, chosen.env)
        documents = await package_build.make_documents(session, package, code)
    function.spec.environment.name = chosen.env or _environment_of(session, package_name)
    reference = function.spec.package.package_ref
    reference.name, reference.namespace = package_name, namespace
    if chosen.url or chosen.prefix:
        documents.append(objects.encode(_make_route(session, function.metadata, chosen)))
    specfiles.write(session, mode, [*documents, objects.encode(function)])


def _environment_of(session: context.Session, package_name: str) -> str:
    """The environment of a package that is written down already."""
    found = specfiles.find(session, "Package", package_name)
    if found is None or not found.spec.environment.name:
        raise errors.UsageError(
            "need --env argument", f"there is no package {package_name} in the specs to take it of"
        )
    return str(found.spec.environment.name)


async def _create(
    session: context.Session,
    function: function_types.Function,
    code: codes.Code,
    chosen: Any,
) -> None:
    name = function.metadata.name
    if await lookups.find(session, resources.FUNCTIONS, name) is not None:
        raise errors.CliError(
            "a function with the same name already exists", "", "change it with `fission fn update`"
        )
    await warn_missing(session, function.spec)
    package = await _package(session, name, code, chosen)
    environment = package["spec"]["environment"]["name"]
    if chosen.env and chosen.env != environment:
        session.out.warning(
            f"package {chosen.pkgname} is of environment {environment}, which is used instead of "
            f"{chosen.env}"
        )
    point_at(function, package)
    try:
        validation.check(function)
        await session.backend.create(resources.FUNCTIONS, objects.encode(function))
    except base_errors.Error as error:
        if not chosen.pkgname:
            await session.backend.delete(
                resources.PACKAGES, lookups.name_of(package), session.namespace
            )
        if isinstance(error, status.AlreadyExists):
            raise errors.CliError("a function with the same name already exists") from error
        raise
    if not chosen.pkgname:
        session.out.info(f"Package '{lookups.name_of(package)}' created")
    session.out.info(f"function '{name}' created")
    if chosen.url or chosen.prefix:
        await _create_route(session, function.metadata, chosen)
    if code.is_to_be_built and not chosen.nowait:
        await follow.until_built(
            session, lookups.name_of(package), f"fission fn update --name {name} --src ..."
        )


async def _package(
    session: context.Session, function_name: str, code: codes.Code, chosen: Any
) -> dict[str, Any]:
    if chosen.pkgname:
        return await lookups.get(session, resources.PACKAGES, chosen.pkgname)
    environment = await lookups.get(session, resources.ENVIRONMENTS, chosen.env)
    if code.is_to_be_built:
        package_build.refuse_unbuildable(environment)
    package = package_build.make_package(
        package_name_for(session, function_name), session.namespace, chosen.env
    )
    return await package_build.create(session, package, code)


def package_name_for(session: context.Session, function_name: str) -> str:
    """``<function>-<uuid>``, cut to what a name may have."""
    suffix = session.new_uid()
    stem = function_name[: schema.DNS_LABEL_MAX - len(suffix) - 1].rstrip("-")
    return f"{archives.kubify(stem)}-{suffix}"


def point_at(
    function: function_types.Function, package: dict[str, Any], *, loads: bool = True
) -> None:
    """Make the function run what is in a package, in the package's environment.

    Unless it ``loads`` the package as it is, it goes on with what it has until that is built.
    """
    metadata = package["metadata"]
    reference = function.spec.package.package_ref
    if loads or reference.name != metadata["name"]:
        reference.resource_version = str(metadata.get("resourceVersion", ""))
    reference.name = metadata["name"]
    reference.namespace = metadata["namespace"]
    environment = package["spec"]["environment"]
    function.spec.environment.name = environment["name"]
    function.spec.environment.namespace = metadata["namespace"]


async def warn_missing(session: context.Session, spec: function_types.FunctionSpec) -> None:
    """Say which Secrets and ConfigMaps that the function names are not there."""
    secrets, config_maps = build.names_of_sources(spec)
    for resource, names in ((gvk.SECRETS, secrets), (gvk.CONFIGMAPS, config_maps)):
        for name in names:
            if not await session.backend.exists(resource, name, session.namespace):
                session.out.warning(
                    f"{resource.kind} {name} does not exist in namespace {session.namespace};"
                    " the function cannot start without it"
                )


async def _create_route(session: context.Session, metadata: Any, chosen: Any) -> None:
    """Deprecated: the route that ``--url`` asks for."""
    trigger = _make_route(session, metadata, chosen)
    validation.check(trigger)
    await session.backend.create(resources.HTTPTRIGGERS, objects.encode(trigger))
    path = trigger.spec.prefix or trigger.spec.relative_url
    session.out.line(f"route created: {format_methods(trigger)} {path} -> {metadata.name}")


def _make_route(
    session: context.Session, metadata: Any, chosen: Any
) -> httptrigger_types.HTTPTrigger:
    session.out.warning("--url and --prefix are deprecated; use `fission route create`")
    trigger = httptrigger_types.HTTPTrigger()
    trigger.metadata.name = session.new_uid()
    trigger.metadata.namespace = metadata.namespace
    trigger.spec.function_ref.name = metadata.name
    trigger.spec.methods = [method.upper() for method in chosen.method] or ["GET"]
    trigger.spec.prefix = _absolute(chosen.prefix or "")
    trigger.spec.relative_url = "" if chosen.prefix else _absolute(chosen.url)
    return trigger


def _absolute(path: str) -> str:
    return path if path.startswith("/") or not path else f"/{path}"


def format_methods(trigger: httptrigger_types.HTTPTrigger) -> str:
    """Methods as the original prints them."""
    return f"[{' '.join(trigger.spec.methods)}]"
