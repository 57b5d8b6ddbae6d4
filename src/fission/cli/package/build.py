"""Creating and changing Packages, and the documents that are saved instead of them."""

from typing import Any, Final

from fission.api import objects, package_types, resources, validation
from fission.cli import archives, context, errors, lookups, specfiles
from fission.cli.package import buildstate
from fission.cli.package import code as codes

Obj = dict[str, Any]

_SUFFIX_LENGTH: Final = 4


def make_package(name: str, namespace: str, environment: str) -> package_types.Package:
    """A package without code."""
    package = package_types.Package()
    package.metadata.name = name
    package.metadata.namespace = namespace
    package.spec.environment.name = environment
    package.spec.environment.namespace = namespace
    return package


async def create(session: context.Session, package: package_types.Package, code: codes.Code) -> Obj:
    """Create the package with its code; the object as it is stored."""
    validation.check(package)
    await codes.put(session, package.spec, code)
    validation.check(package)
    return await session.backend.create(resources.PACKAGES, objects.encode(package))


async def make_documents(
    session: context.Session, package: package_types.Package, code: codes.Code
) -> list[Obj]:
    """The package as documents; its files are named by an ArchiveUploadSpec each."""
    documents = []
    for sources, part in ((code.source, "source"), (code.deployment, "deployment")):
        if not sources:
            continue
        archives.check(session, sources)
        if archives.is_url(sources.inputs[0]):
            archive = await archives.from_url(sources.inputs[0], sources)
        else:
            name = f"{archives.package_stem(sources.inputs)}-{session.short_id(_SUFFIX_LENGTH)}"
            documents.append(specfiles.make_archive(name, list(sources.inputs)))
            url = specfiles.archive_reference(name)
            archive = package_types.Archive(type=package_types.URL, url=url)
        setattr(package.spec, part, archive)
    if code.build_command is not None:
        package.spec.build_command = code.build_command
    return [*documents, objects.encode(package)]


def refuse_unbuildable(environment: Obj) -> None:
    """Refuse sources that nobody is going to build."""
    if (environment["spec"].get("builder") or {}).get("image"):
        return
    name = lookups.name_of(environment)
    raise errors.CliError(
        f"environment '{name}' has no builder",
        "so --sourcearchive cannot be built",
        f"give it one with `fission env update --name {name} --builder <image>`,"
        " or hand over code that needs no build with --deployarchive",
    )


async def check_environment(
    session: context.Session, package: Obj, code: codes.Code, environment: str | None
) -> None:
    """Refuse a change for which there is no environment, or none that could build it."""
    name = environment or package["spec"]["environment"].get("name", "")
    if environment is None and not code.is_to_be_built:
        return
    found = await lookups.get(session, resources.ENVIRONMENTS, name)
    if code.is_to_be_built or (buildstate.has_source(package) and not code.is_given):
        refuse_unbuildable(found)


async def functions_using(session: context.Session, package: str, namespace: str) -> list[Obj]:
    """Functions whose code is in a package."""
    found = await session.backend.list(resources.FUNCTIONS, namespace)
    return [each for each in found if package_of(each) == package]


def package_of(function: Obj) -> str:
    """Name of a function's package."""
    reference = (function["spec"].get("package") or {}).get("packageref") or {}
    return str(reference.get("name", ""))


async def repoint(session: context.Session, functions: list[Obj], package: Obj) -> None:
    """Point functions at the package as it is, which makes them load it again."""
    version = str(package["metadata"].get("resourceVersion", ""))

    def point(function: Any) -> None:
        function.spec.package.package_ref.resource_version = version

    for each in functions:
        await lookups.change(
            session,
            resources.FUNCTIONS,
            lookups.name_of(each),
            point,
            lookups.namespace_of(each),
        )


async def change(
    session: context.Session, name: str, code: codes.Code, environment: str | None = None
) -> tuple[Obj, bool] | None:
    """Put other code into a package.

    Returns the package as it is then, and whether it is built before its functions can run it;
    None when nothing changed.
    """
    made = package_types.PackageSpec()
    await codes.put(session, made, code)
    return await change_to(session, name, code, made, environment)


async def change_to(
    session: context.Session,
    name: str,
    code: codes.Code,
    made: package_types.PackageSpec,
    environment: str | None = None,
    known: Obj | None = None,
) -> tuple[Obj, bool] | None:
    """The same, with the code's archives made already; ``known`` is the package, as just read."""

    def put(package: Any) -> None:
        if code.source:
            package.spec.source = made.source
        if code.deployment:
            package.spec.deployment = made.deployment
        if code.build_command is not None:
            package.spec.build_command = code.build_command
        if environment is not None:
            package.spec.environment.name = environment

    before = known or await lookups.get(session, resources.PACKAGES, name)
    after = await lookups.change(session, resources.PACKAGES, name, put, known=before)
    if after["metadata"].get("resourceVersion") == before["metadata"].get("resourceVersion"):
        return None
    is_built = buildstate.has_source(after) and not code.deployment
    if is_built:
        after = await buildstate.ask_unless_known(session, after)
    return after, is_built
