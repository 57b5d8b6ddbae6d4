"""From the flags of ``env create`` and ``env update`` to the fields of an Environment."""

from typing import Any

from fission.api import environment_defaults, environment_types
from fission.cli import errors, flagvalues, options
from fission.cli.package import code as codes


def flags(function: Any) -> Any:
    """Flags that create and update share."""
    for decorate in reversed(
        (
            options.integer("--poolsize", help="Pods kept warm", default=3),
            options.string("--builder", help="Image that builds packages"),
            options.string("--buildcmd", help="Build command", default="build"),
            options.boolean("--keeparchive", help="Do not unpack archives (for Java's jars)"),
            options.integer(
                "--graceperiod", "--period", help="Seconds to finish requests", default=90
            ),
            options.boolean("--externalnetwork", help="Leave the Istio sidecar out"),
            options.string("--imagepullsecret", help="Secret to pull the images with"),
            options.strings("--runtime-env", help="Variable NAME=value of the runtime; repeatable"),
            options.strings("--builder-env", help="Variable NAME=value of the builder; repeatable"),
            options.compute,
            options.metadata,
        )
    ):
        function = decorate(function)
    return function


def make_environment(namespace: str, given: Any) -> environment_types.Environment:
    """The object that ``env create`` writes."""
    environment = environment_types.Environment()
    environment.metadata.name = given.name
    environment.metadata.namespace = namespace
    spec = environment.spec
    spec.version = 3 if given.version is None else (given.version or 1)
    spec.pool_size = environment_defaults.POOL_SIZE
    spec.termination_grace_period = environment_defaults.TERMINATION_GRACE_PERIOD_SECONDS
    _name_containers(spec.runtime, given.name)
    _name_containers(spec.builder, "builder")
    apply(environment, given)
    return environment


def apply(environment: environment_types.Environment, given: Any) -> None:
    """Lay the flags that were given over an environment."""
    spec = environment.spec
    if given.image is not None:
        spec.runtime.image = given.image
    if given.poolsize is not None:
        spec.pool_size = given.poolsize
    if given.builder is not None:
        if spec.version == 1 and given.builder:
            raise errors.UsageError(
                "version 1 Environments do not support builders",
                remedy="create one with --version 3, which is the default",
            )
        spec.builder.image = given.builder
        spec.builder.command = spec.builder.command or environment_defaults.BUILD_COMMAND
    if given.buildcmd is not None:
        codes.check_command(given.buildcmd)
        spec.builder.command = given.buildcmd
    if given.keeparchive is not None:
        spec.keep_archive = given.keeparchive
    if given.graceperiod is not None:
        spec.termination_grace_period = given.graceperiod
    if given.externalnetwork is not None:
        spec.allow_access_to_external_network = given.externalnetwork
    if given.imagepullsecret is not None:
        spec.image_pull_secret = given.imagepullsecret
    if given.runtime_env:
        _set_variables(spec.runtime, given.runtime_env, "--runtime-env")
    if given.builder_env:
        _set_variables(spec.builder, given.builder_env, "--builder-env")
    flagvalues.apply_resources(spec.resources, given)
    flagvalues.apply_metadata(environment.metadata, given.labels, given.annotation)


def _name_containers(
    part: environment_types.Runtime | environment_types.Builder, name: str
) -> None:
    part.container = {"name": name}
    part.podspec = {"containers": [{"name": name}]}


def _set_variables(
    part: environment_types.Runtime | environment_types.Builder,
    values: tuple[str, ...],
    flag: str,
) -> None:
    part.container = {**(part.container or {}), "env": flagvalues.parse_variables(values, flag)}
