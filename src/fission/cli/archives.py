"""From files, folders, patterns and URLs to the archive of a package.

One URL, or any number of files. What is small enough goes into the object, larger archives go to
storagesvc with their SHA-256. A URL gets the sum of what is behind it, unless it was given or
``--insecure`` says not to look.
"""

import asyncio
import hashlib
import pathlib
import re
import tempfile
from collections.abc import Sequence
from typing import Final

from fission.api import package_types, schema
from fission.base import errors as base_errors
from fission.cli import collect, context, errors
from fission.cli.backend import http, patience, uploads

_URL: Final = re.compile(r"https?://", re.IGNORECASE)
_SHA256: Final = re.compile(r"[0-9a-fA-F]{64}")


def is_url(text: str) -> bool:
    """Whether an input is fetched by the platform and not read here."""
    return _URL.match(text) is not None


async def make(session: context.Session, sources: collect.Sources) -> package_types.Archive:
    """The archive; uploads it when it is too large for the object."""
    url = _single_url(sources)
    if url:
        return await from_url(url, sources)
    with tempfile.TemporaryDirectory(prefix="fission-") as scratch:
        path = await asyncio.to_thread(
            collect.collect, session.cwd, sources, pathlib.Path(scratch) / "archive.zip"
        )
        if path.stat().st_size <= package_types.MAX_LITERAL_BYTES:
            literal = await asyncio.to_thread(path.read_bytes)
            return package_types.Archive(type=package_types.LITERAL, literal=literal)
        archive_id, digest = await upload(session, path, _archive_name(sources, path))
        return package_types.Archive(
            type=package_types.URL,
            url=await session.backend.archive_url(archive_id, session.namespace),
            checksum=package_types.Checksum(type=package_types.SHA256, sum=digest),
        )


async def upload(
    session: context.Session, path: pathlib.Path, name: str, namespace: str = ""
) -> tuple[str, str]:
    """Store a file; the id of its archive, and its SHA-256. Sent again when it breaks off."""
    form = await uploads.prepare(path, name, session.new_uid())
    namespace = namespace or session.namespace

    def note(error: base_errors.Error) -> None:
        session.out.note(f"Uploading {name} again: {error}")

    with session.out.transfer(f"Uploading {name}", form.file_bytes) as show:
        archive_id = await patience.persistently(
            lambda: session.backend.upload(form, show, namespace), note
        )
    return archive_id, form.digests.file


def check(session: context.Session, sources: collect.Sources) -> None:
    """Refuse what is not there, without reading it."""
    if not _single_url(sources):
        collect.expand(session.cwd, sources)


def package_stem(inputs: Sequence[str]) -> str:
    """A name for a package or archive, derived from its first file."""
    stem = pathlib.PurePosixPath(inputs[0].split("?")[0].rstrip("/")).name or "package"
    return kubify(stem)


def kubify(text: str, limit: int = schema.DNS_LABEL_MAX) -> str:
    """The nearest DNS label."""
    cleaned = re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")
    return cleaned[:limit].strip("-") or "x"


def _single_url(sources: collect.Sources) -> str:
    urls = [each for each in sources.inputs if is_url(each)]
    if urls and len(sources.inputs) > 1:
        raise errors.UsageError(f"{sources.flag}: one URL, or any number of files, not both")
    if sources.checksum and not urls:
        raise errors.UsageError(
            f"{checksum_flag(sources)} is for a URL; leave it out, of files it is computed"
        )
    if sources.checksum and not _SHA256.fullmatch(sources.checksum):
        raise errors.UsageError(
            f"{checksum_flag(sources)} {sources.checksum}: want a SHA-256, 64 hexadecimal digits"
        )
    return urls[0] if urls else ""


def checksum_flag(sources: collect.Sources) -> str:
    """The flag that gives the checksum of these."""
    return "--srcchecksum" if sources.flag == "--sourcearchive" else "--deploychecksum"


async def from_url(url: str, sources: collect.Sources) -> package_types.Archive:
    """The archive behind a URL, with its sum."""
    if sources.checksum:
        digest = sources.checksum.lower()
    elif sources.insecure:
        digest = ""
    else:
        digest = await _digest_of_url(url, checksum_flag(sources))
    checksum = package_types.Checksum(type=package_types.SHA256 if digest else "", sum=digest)
    return package_types.Archive(type=package_types.URL, url=url, checksum=checksum)


async def _digest_of_url(url: str, flag: str) -> str:
    """SHA-256 of what a URL leads to, redirects followed."""
    from urllib import parse

    for _ in range(5):
        parts = parse.urlsplit(url)
        caller = http.Caller(f"{parts.scheme}://{parts.netloc}", "the archive's server")
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        try:
            response = await caller.request("GET", target, timeout_seconds=http.TRANSFER_SECONDS)
            location = response.headers.get("location")
            if response.status in (301, 302, 303, 307, 308) and location:
                url = parse.urljoin(url, location)
                await response.aclose()
                continue
            if response.status >= 300:
                await response.aclose()
                raise errors.CliError(
                    f"{url} answers {response.status}, so its checksum cannot be computed;"
                    f" give it with {flag}, or use --insecure"
                )
            digest = hashlib.sha256()
            async for chunk in http.chunks(response):
                digest.update(chunk)
            return digest.hexdigest()
        finally:
            await caller.aclose()
    raise errors.CliError(f"{url}: more than 5 redirects")


def _archive_name(sources: collect.Sources, path: pathlib.Path) -> str:
    given = pathlib.PurePath(sources.inputs[0]).name
    return given if path.name == given else f"{kubify(given)}.zip"
