"""The flags that name code, what they may say together, and the archives they stand for."""

import dataclasses
from typing import Any

from fission.api import package_types
from fission.cli import archives, collect, context, errors, options
from fission.contracts import builder


@dataclasses.dataclass(frozen=True)
class Code:
    """What was given as code."""

    source: collect.Sources | None = None
    deployment: collect.Sources | None = None
    build_command: str | None = None

    @property
    def is_given(self) -> bool:
        """Whether there is any code among the flags."""
        return bool(self.source or self.deployment)

    @property
    def is_to_be_built(self) -> bool:
        """Whether it is source, and nothing that could be run at once."""
        return bool(self.source) and not self.deployment

    def first_input(self) -> str:
        """What a package without a name is named after."""
        sources = self.source or self.deployment
        return archives.package_stem(sources.inputs if sources else ["package"])


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
            options.string("--srcchecksum", help="SHA-256 of a source archive's URL"),
            options.string("--deploychecksum", help="SHA-256 of a deployment archive's URL"),
            options.boolean("--insecure", help="Do not compute the checksum of a URL"),
            options.string("--buildcmd", help="Build command of the package"),
        )
    ):
        function = decorate(function)
    return function


def read(given: Any) -> Code:
    """What the flags say; refuses those that exclude each other."""
    _refuse_contradictions(given)
    insecure = bool(given.insecure)
    source = deployment = None
    if given.sourcearchive:
        source = collect.Sources(
            given.sourcearchive,
            "--sourcearchive",
            checksum=given.srcchecksum or "",
            insecure=insecure,
        )
    if given.code is not None or given.deployarchive:
        deployment = collect.Sources(
            given.deployarchive or (given.code,),
            "--deployarchive" if given.deployarchive else "--code",
            as_is=given.code is not None,
            checksum=given.deploychecksum or "",
            insecure=insecure,
        )
    return Code(source, deployment, given.buildcmd)


def check_command(command: str | None) -> None:
    """Refuse a build command that only a shell would understand."""
    try:
        builder.parse_command(command or "")
    except builder.CommandError as error:
        raise errors.UsageError(f"--buildcmd: {error}") from error


async def put(session: context.Session, spec: package_types.PackageSpec, code: Code) -> None:
    """Put the code into a package; large archives are uploaded first."""
    if code.source:
        spec.source = await archives.make(session, code.source)
    if code.deployment:
        spec.deployment = await archives.make(session, code.deployment)
    if code.build_command is not None:
        spec.build_command = code.build_command


def _refuse_contradictions(given: Any) -> None:
    if given.code is not None and given.deployarchive:
        raise errors.UsageError("--code and --deployarchive exclude each other")
    if given.code is not None and given.sourcearchive:
        raise errors.UsageError(
            "--code and --sourcearchive exclude each other: --code is one file that runs as it is,"
            " --sourcearchive is built first"
        )
    for flag, checksum, archive in (
        ("--srcchecksum", given.srcchecksum, given.sourcearchive),
        ("--deploychecksum", given.deploychecksum, given.deployarchive or given.code),
    ):
        if checksum and not archive:
            raise errors.UsageError(f"{flag} needs the URL that it is the checksum of")
    check_command(given.buildcmd)
