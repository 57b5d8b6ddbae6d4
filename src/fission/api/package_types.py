"""Package: source or deployment archive of functions, and the state of its build."""

from typing import Annotated, Any, ClassVar, Final

import msgspec
from msgspec import field

from fission.api import reference_types, schema
from fission.meta import objectmeta

LITERAL: Final = "literal"
URL: Final = "url"
OCI: Final = "oci"
MAX_LITERAL_BYTES: Final = 256 * 1024
"""Largest archive inside an object; precedent: Fission, well below etcd's 1.5 MiB a request."""

PENDING: Final = "pending"
RUNNING: Final = "running"
SUCCEEDED: Final = "succeeded"
FAILED: Final = "failed"
NONE: Final = "none"
BUILD_STATUSES: Final = (PENDING, RUNNING, SUCCEEDED, FAILED, NONE)
SHA256: Final = "sha256"


class Checksum(schema.Model):
    """What the bytes behind a URL must hash to."""

    type: Annotated[str, schema.doc("Kind of sum.", enum=["", SHA256])] = ""
    sum: Annotated[str, schema.doc("The sum in hexadecimal.")] = ""


class OCIArchive(schema.Model):
    """Code in layers of a container image."""

    required: ClassVar[tuple[str, ...]] = ("image",)
    written: ClassVar[tuple[str, ...]] = ("image",)

    image: Annotated[str, schema.doc("Reference of the image.", minLength=1)] = ""
    image_pull_secrets: Annotated[
        list[dict[str, Any]],
        schema.doc(
            "Secrets to pull it with.",
            items={"type": "object", "properties": {"name": {"type": "string"}}},
        ),
    ] = field(default_factory=list)
    sub_path: Annotated[str, schema.doc("Directory inside the image, relative and clean.")] = ""
    digest: Annotated[
        str, schema.doc("Digest that pins the image.", pattern="^(sha256:[a-f0-9]{64})?$")
    ] = ""


class Archive(schema.Model):
    """An archive: inside the object, behind a URL, or in an image."""

    rules: ClassVar[tuple[schema.Rule, ...]] = (
        schema.Rule(
            "!(has(self.oci) && has(self.url) && self.url != '')",
            "oci and url exclude each other",
        ),
    )

    type: Annotated[
        str, schema.doc("Which of the fields counts.", enum=["", LITERAL, URL, OCI])
    ] = ""
    literal: Annotated[bytes, schema.doc("The archive itself, at most 256 KiB.", format="byte")] = (
        b""
    )
    url: Annotated[str, schema.doc("Where the archive is.")] = ""
    checksum: Annotated[Checksum, schema.doc("Sum of what is behind the URL.")] = field(
        default_factory=Checksum
    )
    oci: Annotated[OCIArchive | None, schema.doc("Image that holds the code.")] = None

    def is_empty(self) -> bool:
        """Whether there is nothing in it."""
        return not self.literal and not self.url and self.oci is None


class PackageSpec(schema.Model):
    """What a package holds."""

    required: ClassVar[tuple[str, ...]] = ("environment",)
    written: ClassVar[tuple[str, ...]] = ("environment",)

    environment: Annotated[
        reference_types.EnvironmentReference,
        schema.doc("Environment that builds and runs the code."),
    ] = field(default_factory=reference_types.EnvironmentReference)
    source: Annotated[Archive, schema.doc("What is to be built.")] = field(default_factory=Archive)
    deployment: Annotated[Archive, schema.doc("What is loaded.")] = field(default_factory=Archive)
    build_command: Annotated[str, schema.doc("Build command instead of the environment's.")] = (
        field(default="", name="buildcmd")
    )


class PackageStatus(schema.Model):
    """State of the build. Written by buildermgr."""

    build_status: Annotated[
        str,
        schema.doc("How far the build is.", enum=["", *BUILD_STATUSES], default=PENDING),
    ] = field(default=PENDING, name="buildstatus")
    build_log: Annotated[str, schema.doc("What the build said.")] = field(
        default="", name="buildlog"
    )
    content_hash: Annotated[str, schema.doc("Hash of the archive that this status speaks of.")] = ""
    last_update_timestamp: Annotated[
        str | None, schema.doc("When it last changed.", format="date-time", nullable=True)
    ] = None
    conditions: reference_types.Conditions = field(default_factory=list)


class Package(schema.Model):
    """A package."""

    api_version: str = "fission.io/v1"
    kind: str = "Package"
    metadata: objectmeta.ObjectMeta = msgspec.field(default_factory=objectmeta.ObjectMeta)
    spec: PackageSpec = msgspec.field(default_factory=PackageSpec)
    status: PackageStatus = msgspec.field(default_factory=PackageStatus)
