"""Writing the bytes of a package's archive to a file or to stdout."""

import os
from collections.abc import AsyncIterator

from fission.api import objects, package_types, resources
from fission.cli import archives, context, errors, lookups
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
    await save(session, _chunks(session, archive), target)


async def save(session: context.Session, chunks: AsyncIterator[bytes], target: str | None) -> None:
    """Write bytes to a file that only its owner can read, or to stdout."""
    if not target:
        async for chunk in chunks:
            session.out.content(chunk)
        return
    path = session.path(target)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        async for chunk in chunks:
            file.write(chunk)


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
