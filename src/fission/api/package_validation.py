"""What is refused in a Package."""

from typing import Final

from fission.api import common_validation as common
from fission.api import fielderrors, package_types
from fission.api.fielderrors import FieldError

_TYPES: Final = ("", package_types.LITERAL, package_types.URL, package_types.OCI)
_SUMS: Final = ("", package_types.SHA256)


def validate(package: package_types.Package) -> list[FieldError]:
    """All faults of a package."""
    spec = package.spec
    errors = common.validate_metadata(package.metadata)
    if spec.environment.name:
        errors += common.validate_label("spec.environment.name", spec.environment.name)
    else:
        errors.append(fielderrors.required("spec.environment.name"))
    if spec.source.oci is not None:
        errors.append(fielderrors.forbidden("spec.source.oci", "only for a deployment archive"))
    status = package.status.build_status
    if status and status not in package_types.BUILD_STATUSES:
        allowed = package_types.BUILD_STATUSES
        errors.append(fielderrors.unsupported("status.buildstatus", status, allowed))
    return [
        *errors,
        *validate_reach(package),
        *validate_archive(spec.source, "spec.source"),
        *validate_archive(spec.deployment, "spec.deployment"),
    ]


def validate_reach(package: package_types.Package) -> list[FieldError]:
    """A reference to another namespace's environment, whose builder is that namespace's own."""
    return common.validate_same_namespace(
        "spec.environment.namespace",
        package.spec.environment.namespace,
        package.metadata.namespace,
    )


def validate_archive(archive: package_types.Archive, field: str) -> list[FieldError]:
    """An archive that is in one place, and not too large for the object."""
    errors = []
    if archive.type not in _TYPES:
        errors.append(fielderrors.unsupported(f"{field}.type", archive.type, _TYPES))
    size, limit = len(archive.literal), package_types.MAX_LITERAL_BYTES
    if size > limit:
        errors.append(
            fielderrors.too_long(
                f"{field}.literal",
                f"{size} bytes, may not be more than {limit}; upload it to storagesvc",
            )
        )
    if sum(bool(each) for each in (archive.literal, archive.url, archive.oci)) > 1:
        errors.append(fielderrors.forbidden(field, "only one of literal, url and oci"))
    return [*errors, *_validate_checksum(archive.checksum, field), *_validate_oci(archive, field)]


def _validate_checksum(checksum: package_types.Checksum, field: str) -> list[FieldError]:
    if checksum.type not in _SUMS:
        return [fielderrors.unsupported(f"{field}.checksum.type", checksum.type, _SUMS)]
    if checksum.sum and not checksum.type:
        return [fielderrors.required(f"{field}.checksum.type")]
    if checksum.type and not common.is_digest(f"sha256:{checksum.sum.lower()}"):
        return [
            fielderrors.invalid(
                f"{field}.checksum.sum", checksum.sum, "must be 64 hexadecimal digits"
            )
        ]
    return []


def _validate_oci(archive: package_types.Archive, field: str) -> list[FieldError]:
    oci = archive.oci
    if oci is None:
        return []
    errors = [] if oci.image else [fielderrors.required(f"{field}.oci.image")]
    if oci.sub_path and not common.is_clean_relative_path(oci.sub_path):
        errors.append(
            fielderrors.invalid(
                f"{field}.oci.subPath", oci.sub_path, "must be a relative path that stays inside"
            )
        )
    if oci.digest and not common.is_digest(oci.digest):
        errors.append(
            fielderrors.invalid(f"{field}.oci.digest", oci.digest, "must be sha256:<64 digits>")
        )
    if oci.digest and "@sha256:" in oci.image:
        errors.append(fielderrors.forbidden(f"{field}.oci.digest", "the image already has one"))
    return errors
