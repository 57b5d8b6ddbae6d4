"""Environment: the images that run and build one language, and the pool that is kept of them."""

from typing import Annotated, Any, ClassVar, Final

import msgspec
from msgspec import field

from fission.api import reference_types, schema
from fission.meta import objectmeta

SINGLE: Final = "single"
INFINITE: Final = "infinite"


class Runtime(schema.Model):
    """The image that runs functions."""

    written: ClassVar[tuple[str, ...]] = ("image",)
    required: ClassVar[tuple[str, ...]] = ("image",)

    image: Annotated[str, schema.doc("Image of the runtime server.", minLength=1)] = ""
    container: Annotated[
        dict[str, Any] | None, schema.container("Merged into the runtime container.")
    ] = None
    podspec: Annotated[dict[str, Any] | None, schema.podspec("Merged into the pod.")] = None


class Builder(schema.Model):
    """The image that turns source archives into deployment archives."""

    image: Annotated[str, schema.doc("Image of the builder; empty is none.")] = ""
    command: Annotated[str, schema.doc("Build command of packages that name none.")] = ""
    container: Annotated[
        dict[str, Any] | None, schema.container("Merged into the builder container.")
    ] = None
    podspec: Annotated[dict[str, Any] | None, schema.podspec("Merged into the builder's pod.")] = (
        None
    )


class EnvironmentSpec(schema.Model):
    """What an environment is."""

    written: ClassVar[tuple[str, ...]] = ("version", "runtime")
    required: ClassVar[tuple[str, ...]] = ("version", "runtime")
    rules: ClassVar[tuple[schema.Rule, ...]] = (
        schema.Rule("self.version == oldSelf.version", "version is immutable"),
    )

    version: Annotated[
        int,
        schema.doc(
            "Interface that the images speak: 1 is `/specialize`, 2 adds builders, 3 `poolsize`.",
            minimum=1,
            maximum=3,
        ),
    ] = 3
    runtime: Annotated[Runtime, schema.doc("The image that runs functions.")] = field(
        default_factory=Runtime
    )
    builder: Annotated[Builder, schema.doc("The image that builds packages.")] = field(
        default_factory=Builder
    )
    allowed_functions_per_container: Annotated[
        str,
        schema.doc(
            "Whether one pod takes `single` (also when empty) or `infinite` functions.",
            enum=["", SINGLE, INFINITE],
        ),
    ] = ""
    allow_access_to_external_network: Annotated[
        bool, schema.doc("Leaves the Istio sidecar out of the pods.")
    ] = False
    resources: Annotated[
        dict[str, Any], schema.resources("CPU and memory of the runtime container.")
    ] = field(default_factory=dict)
    pool_size: Annotated[int, schema.doc("Generic pods kept warm, for version 3.", minimum=0)] = (
        field(default=0, name="poolsize")
    )
    termination_grace_period: Annotated[
        int | None,
        schema.doc(
            "Seconds that a pod has to finish its requests.",
            minimum=0,
            default=90,
            format="int64",
        ),
    ] = None
    keep_archive: Annotated[
        bool, schema.doc("Archives are neither unpacked for functions nor packed by builders.")
    ] = field(default=False, name="keeparchive")
    image_pull_secret: Annotated[str, schema.doc("Name of a Secret to pull the images with.")] = (
        field(default="", name="imagepullsecret")
    )


class EnvironmentStatus(reference_types.Status):
    """What is known of an environment."""


class Environment(schema.Model):
    """An environment."""

    api_version: str = "fission.io/v1"
    kind: str = "Environment"
    metadata: objectmeta.ObjectMeta = msgspec.field(default_factory=objectmeta.ObjectMeta)
    spec: EnvironmentSpec = msgspec.field(default_factory=EnvironmentSpec)
    status: EnvironmentStatus = msgspec.field(default_factory=EnvironmentStatus)
