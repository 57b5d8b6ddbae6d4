"""Where the bytes of a package's archives are, and fetching them."""

from collections.abc import AsyncIterator

from fission.api import objects, package_types, resources
from fission.cli import archives, context, downloads, errors, lookups
from fission.cli.backend import http
from fission.contracts import storage


async def write(session: context.Session, name: str, target: str | None, *, source: bool) -> None:
    """Write the source archive (the deployment archive if there is none) or the deployment."""
    raw = await lookups.get(session, resources.PACKAGES, name)
    spec = objects.decode(package_types.Package, raw).spec
    archive = spec.source if source and not spec.source.is_empty() else spec.deployment
    if archive.oci is not None:
        raise errors.CliError(
            f"the code of package {name} is in the image {archive.oci.image}; pull that"
        )
    if archive.is_empty():
        raise errors.CliError(f"package {name} holds no archive yet; see `fission pkg info`")
    download = downloads.Download(
        f"the archive of package {name}",
        lambda: _chunks(session, archive),
        archive.checksum.sum if archive.checksum.type == package_types.SHA256 else "",
    )
    await downloads.write(session, download, target)


async def _chunks(session: context.Session, archive: package_types.Archive) -> AsyncIterator[bytes]:
    if archive.literal:
        yield archive.literal
        return
    archive_id = storage.archive_id(archive.url)
    if archive_id:
        async for chunk in session.backend.download(archive_id, session.namespace):
            yield chunk
        return
    if not archives.is_url(archive.url):
        raise errors.CliError(f"the archive is at {archive.url}, which cannot be fetched")
    async for chunk in _fetch(archive.url):
        yield chunk


async def _fetch(url: str) -> AsyncIterator[bytes]:
    from urllib import parse

    parts = parse.urlsplit(url)
    caller = http.Caller(f"{parts.scheme}://{parts.netloc}", "the archive's server")
    try:
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        response = await caller.request("GET", target, timeout_seconds=http.TRANSFER_SECONDS)
        async for chunk in http.chunks(await http.check(response)):
            yield chunk
    finally:
        await caller.aclose()
