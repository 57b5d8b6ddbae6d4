"""From the flags that name code to a Package, and to the documents that are saved instead of it."""

import dataclasses
from typing import Any

from fission.api import objects, package_types, resources, validation
from fission.cli import archives, context, errors, lookups, options, specfiles
from fission.meta import status

_SUFFIX_LENGTH = 4


@dataclasses.dataclass(frozen=True)
class Code:
    """What was given as code."""

    source: archives.Sources | None = None
    deployment: archives.Sources | None = None
    oci: str = ""
    build_command: str | None = None

    @property
    def is_given(self) -> bool:
        """Whether there is any code among the flags."""
        return bool(self.source or self.deployment or self.oci)

    def first_input(self) -> str:
        """What a package without a name is named after."""
        for sources in (self.source, self.deployment):
            if sources:
                return archives.package_stem(sources.inputs)
        return archives.package_stem([self.oci.partition("@")[0].rpartition(":")[0] or self.oci])


def flags(function: Any) -> Any:
    """Flags that name code."""
    for decorate in reversed(
        (
            options.string("--code", help="One source file or URL, loaded as it is"),
            options.strings(
                "--sourcearchive",
                "--src",
                "--source",
                help="Files, folder, pattern or URL to build; repeatable",
            ),
            options.strings(
                "--deployarchive",
                "--deploy",
                help="Built files, folder, pattern, zip or URL; repeatable",
            ),
            options.string("--oci", help="Image that holds the code"),
            options.string("--srcchecksum", help="SHA-256 of a source archive's URL"),
            options.string("--deploychecksum", help="SHA-256 of a deployment archive's URL"),
            options.boolean("--insecure", help="Do not compute the checksum of a URL"),
            options.string("--buildcmd", help="Build command of the package"),
        )
    ):
        function = decorate(function)
    return function


def read_code(given: Any) -> Code:
    """What the flags say; refuses those that exclude each other."""
    if given.code is not None and given.deployarchive:
        raise errors.UsageError("--code and --deployarchive exclude each other")
    if given.oci and (given.code or given.deployarchive or given.sourcearchive):
        raise errors.UsageError("--oci excludes --code, --sourcearchive and --deployarchive")
    insecure = bool(given.insecure)
    source = deployment = None
    if given.sourcearchive:
        source = archives.Sources(
            given.sourcearchive,
            "--sourcearchive",
            checksum=given.srcchecksum or "",
            insecure=insecure,
        )
    if given.code is not None or given.deployarchive:
        deployment = archives.Sources(
            given.deployarchive or (given.code,),
            "--deployarchive" if given.deployarchive else "--code",
            as_is=given.code is not None,
            checksum=given.deploychecksum or "",
            insecure=insecure,
        )
    return Code(source, deployment, given.oci or "", given.buildcmd)


def make_package(name: str, namespace: str, environment: str) -> package_types.Package:
    """A package without code."""
    package = package_types.Package()
    package.metadata.name = name
    package.metadata.namespace = namespace
    package.spec.environment.name = environment
    package.spec.environment.namespace = namespace
    return package


async def apply(session: context.Session, package: package_types.Package, code: Code) -> None:
    """Put the code into the package; large archives are uploaded first."""
    if code.source:
        package.spec.source = await archives.make(session, code.source)
    if code.deployment:
        package.spec.deployment = await archives.make(session, code.deployment)
    if code.oci:
        package.spec.deployment = make_oci(code.oci)
    if code.build_command is not None:
        package.spec.build_command = code.build_command
    package.status.build_status = status_of(code)


def warn_unbuilt(session: context.Session, environment: dict[str, Any], code: Code) -> None:
    """Say it when sources are given that nobody is going to build."""
    builder = (environment["spec"].get("builder") or {}).get("image")
    if status_of(code) == package_types.PENDING and not builder:
        session.out.warning(
            f"environment '{lookups.name_of(environment)}' has no builder, so these sources are"
            " not built and the package stays pending; --deploy takes code that needs no build"
        )


def status_of(code: Code) -> str:
    """State of a package with this code: to be built, or ready."""
    if code.source and not (code.deployment or code.oci):
        return package_types.PENDING
    return package_types.NONE if code.oci else package_types.SUCCEEDED


def make_oci(reference: str) -> package_types.Archive:
    """An image, with its digest apart."""
    image, _, digest = reference.partition("@")
    return package_types.Archive(
        type=package_types.OCI, oci=package_types.OCIArchive(image=image, digest=digest)
    )


def make_documents(
    session: context.Session, package: package_types.Package, code: Code
) -> list[dict[str, Any]]:
    """The package as documents; its files are named by an ArchiveUploadSpec each."""
    documents = []
    for sources, part in ((code.source, "source"), (code.deployment, "deployment")):
        if not sources:
            continue
        if archives.is_url(sources.inputs[0]):
            archive = package_types.Archive(type=package_types.URL, url=sources.inputs[0])
            if sources.checksum:
                archive.checksum.type = package_types.SHA256
                archive.checksum.sum = sources.checksum
        else:
            archives.check(session, sources)
            name = f"{archives.package_stem(sources.inputs)}-{session.short_id(_SUFFIX_LENGTH)}"
            documents.append(specfiles.make_archive(name, list(sources.inputs)))
            url = specfiles.archive_reference(name)
            archive = package_types.Archive(type=package_types.URL, url=url)
        setattr(package.spec, part, archive)
    if code.oci:
        package.spec.deployment = make_oci(code.oci)
    if code.build_command is not None:
        package.spec.build_command = code.build_command
    package.status = package_types.PackageStatus()
    return [*documents, objects.encode(package)]


async def create(session: context.Session, package: package_types.Package) -> dict[str, Any]:
    """Create the package and say how far its build is; the object as it is stored."""
    validation.check(package)
    wire = objects.encode(package)
    wire["status"] = {"buildstatus": package.status.build_status}
    created = await session.backend.create(resources.PACKAGES, wire)
    return await write_status(session, created, package.status.build_status)


async def write_status(
    session: context.Session, package: dict[str, Any], build_status: str
) -> dict[str, Any]:
    """Say how far the build is. Who may not is no worse off: buildermgr finds out by itself."""
    from fission.base import clock

    fresh = {
        "buildstatus": build_status,
        "buildlog": "",
        "lastUpdateTimestamp": clock.format_rfc3339(session.clock.now()),
    }
    try:
        return await session.backend.set_status(resources.PACKAGES, package, fresh)
    except status.Forbidden:
        return package


async def functions_using(
    session: context.Session, package: str, namespace: str
) -> list[dict[str, Any]]:
    """Functions whose code is in a package."""
    found = await session.backend.list(resources.FUNCTIONS, namespace)
    return [each for each in found if package_of(each) == package]


def package_of(function: dict[str, Any]) -> str:
    """Name of a function's package."""
    reference = (function["spec"].get("package") or {}).get("packageref") or {}
    return str(reference.get("name", ""))


async def repoint(
    session: context.Session, functions: list[dict[str, Any]], package: dict[str, Any]
) -> None:
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


async def change_code(
    session: context.Session, name: str, code: Code, environment: str | None = None
) -> dict[str, Any] | None:
    """Put other code into a package; the package as it is then, or None if nothing changed."""
    made = package_types.Package()
    await apply(session, made, code)

    def put(package: Any) -> None:
        if code.source:
            package.spec.source = made.spec.source
        if code.deployment or code.oci:
            package.spec.deployment = made.spec.deployment
        if code.build_command is not None:
            package.spec.build_command = code.build_command
        if environment is not None:
            package.spec.environment.name = environment

    before = await lookups.get(session, resources.PACKAGES, name)
    after = await lookups.change(session, resources.PACKAGES, name, put)
    if after["metadata"].get("resourceVersion") == before["metadata"].get("resourceVersion"):
        return None
    has_source = bool((after["spec"].get("source") or {}).get("type"))
    rebuilds = code.source or ((code.build_command is not None or environment) and has_source)
    built = package_types.PENDING if rebuilds and not code.deployment else status_of(code)
    return await write_status(session, after, built)
