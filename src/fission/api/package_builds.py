"""What a build was made from, as a Package remembers it: annotation ``fission.io/built-with``.

The status speaks of the source (``contentHash``); whether the build command, the environment or
its builder have changed since is seen here.
"""

import hashlib
import json
from typing import Any

import msgspec

from fission.api import environment_types, labels, objects, package_defaults, package_types, schema


class Inputs(schema.Model):
    """What of a Package decides what is built."""

    source: str = ""
    """Hash of the source archive."""
    command: str = ""
    environment: str = ""


class BuiltWith(schema.Model):
    """The last build's inputs, succeeded or failed, and what the last good one was made with."""

    inputs: Inputs = msgspec.field(default_factory=Inputs)
    environment_hash: str = ""
    """Hash of what of the Environment decides what is built."""
    builder_image: str = ""
    environment_generation: int = 0
    environment_resource_version: str = ""
    no_cache: str = ""
    """Value of ``fission.io/no-build-cache`` that this build honoured."""
    deployment: str = ""
    """Hash of the deployment archive that it made; empty when it failed."""
    package_resource_version: str = ""
    """The package's just before that archive was put in: functions that are not beyond it run
    what was there before."""


def inputs_of(package: package_types.Package) -> Inputs:
    """The inputs as they are now."""
    return Inputs(
        source=package_defaults.archive_hash("source", package.spec.source),
        command=package.spec.build_command,
        environment=package.spec.environment.name,
    )


def read(package: package_types.Package) -> BuiltWith | None:
    """What the last build was made from; None when nobody wrote it down legibly."""
    text = package.metadata.annotations.get(labels.BUILT_WITH)
    if not text:
        return None
    try:
        return objects.decode(BuiltWith, json.loads(text))
    except ValueError:
        return None


def annotation(built: BuiltWith) -> str:
    """The annotation's value."""
    return json.dumps(objects.encode_part(built), separators=(",", ":"))


def environment_hash(environment: environment_types.Environment) -> str:
    """Changes when a package of this environment might come out otherwise."""
    spec = environment.spec
    builder = objects.encode_part(spec.builder)
    parts: dict[str, Any] = {
        "builder": builder,
        "runtime": spec.runtime.image,
        "version": spec.version,
        "keeparchive": spec.keep_archive,
    }
    text = json.dumps(parts, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def is_outdated(package: package_types.Package, environment: environment_types.Environment) -> bool:
    """Whether a built package was built with an environment that is another by now."""
    built = read(package)
    return (
        built is not None
        and bool(built.deployment)
        and built.environment_hash != environment_hash(environment)
    )
