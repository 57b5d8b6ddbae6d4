"""What a Package's fields imply: its first build status and the hash of its content."""

import hashlib

from fission.api import package_types


def initial_build_status(spec: package_types.PackageSpec) -> str:
    """Nothing to build, to be built, or nothing at all."""
    if not spec.deployment.is_empty():
        return package_types.NONE
    return package_types.FAILED if spec.source.is_empty() else package_types.PENDING


def content_hash(spec: package_types.PackageSpec) -> str:
    """Hash of the source archive, or of the deployment archive when there is no source."""
    if spec.source.is_empty():
        return archive_hash("deployment", spec.deployment)
    return archive_hash("source", spec.source)


def archive_hash(label: str, archive: package_types.Archive) -> str:
    """Hash of what an archive says of itself.

    A sequence of length-prefixed fields, so that no two different archives read alike.
    """
    fields: list[str | bytes] = [label, archive.type]
    if archive.oci is not None:
        oci = archive.oci
        fields += ["oci", oci.image, oci.digest, oci.sub_path.strip("/")]
    elif archive.checksum.sum:
        fields += ["checksum", archive.checksum.type, archive.checksum.sum]
    else:
        fields += ["url", archive.url]
    if archive.literal:
        fields += ["literal", archive.literal]
    digest = hashlib.sha256()
    for field in fields:
        content = field.encode() if isinstance(field, str) else field
        digest.update(b"%d:" % len(content) + content)
    return f"sha256:{digest.hexdigest()}"
