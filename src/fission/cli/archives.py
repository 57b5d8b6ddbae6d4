"""From files, folders, patterns and URLs to the archive of a package.

One URL, or any number of files. A single file that is a zip already, and a file given with
``--code``, is taken as it is; anything else is zipped. What is small enough goes into the object,
larger archives go to storagesvc with their SHA-256. A URL gets the sum of what is behind it,
unless it was given or ``--insecure`` says not to look.
"""

import asyncio
import dataclasses
import glob
import hashlib
import pathlib
import re
import tempfile
from collections.abc import Sequence
from typing import Final

from fission.api import package_types, schema
from fission.base import archives as zips
from fission.cli import context, errors
from fission.cli.backend import http

_URL: Final = re.compile(r"https?://", re.IGNORECASE)


@dataclasses.dataclass(frozen=True)
class Sources:
    """What was given for one archive."""

    inputs: tuple[str, ...]
    flag: str
    """The flag that named them, for messages."""
    as_is: bool = False
    """One file that is not zipped (``--code``)."""
    checksum: str = ""
    insecure: bool = False


def is_url(text: str) -> bool:
    """Whether an input is fetched by the platform and not read here."""
    return _URL.match(text) is not None


async def make(session: context.Session, sources: Sources) -> package_types.Archive:
    """The archive; uploads it when it is too large for the object."""
    url = _single_url(sources)
    if url:
        return await _from_url(url, sources)
    with tempfile.TemporaryDirectory(prefix="fission-") as scratch:
        path = await asyncio.to_thread(
            _collect, session.cwd, sources, pathlib.Path(scratch) / "archive.zip"
        )
        size = path.stat().st_size
        if size <= package_types.MAX_LITERAL_BYTES:
            return package_types.Archive(type=package_types.LITERAL, literal=path.read_bytes())
        return await _upload(session, path, size, _archive_name(sources, path))


def check(session: context.Session, sources: Sources) -> None:
    """Refuse what is not there, without reading it."""
    if not _single_url(sources):
        _expand(session.cwd, sources)


def package_stem(inputs: Sequence[str]) -> str:
    """A name for a package or archive, derived from its first file."""
    stem = pathlib.PurePosixPath(inputs[0].split("?")[0].rstrip("/")).name or "package"
    return kubify(stem)


def kubify(text: str, limit: int = schema.DNS_LABEL_MAX) -> str:
    """The nearest DNS label."""
    cleaned = re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")
    return cleaned[:limit].strip("-") or "x"


def _single_url(sources: Sources) -> str:
    urls = [each for each in sources.inputs if is_url(each)]
    if urls and len(sources.inputs) > 1:
        raise errors.UsageError(f"{sources.flag}: one URL, or any number of files, not both")
    return urls[0] if urls else ""


async def _from_url(url: str, sources: Sources) -> package_types.Archive:
    if sources.checksum:
        digest = sources.checksum
    elif sources.insecure:
        digest = ""
    else:
        digest = await _digest_of_url(url)
    checksum = package_types.Checksum(type=package_types.SHA256 if digest else "", sum=digest)
    return package_types.Archive(type=package_types.URL, url=url, checksum=checksum)


async def _digest_of_url(url: str) -> str:
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
                    " give it with --deploychecksum or --srcchecksum, or use --insecure"
                )
            digest = hashlib.sha256()
            async for chunk in http.chunks(response):
                digest.update(chunk)
            return digest.hexdigest()
        finally:
            await caller.aclose()
    raise errors.CliError(f"{url}: more than 5 redirects")


def _collect(cwd: pathlib.Path, sources: Sources, target: pathlib.Path) -> pathlib.Path:
    """The file to store: a given one, or a zip of all that was given."""
    found = _expand(cwd, sources)
    if len(found) == 1 and found[0].is_file() and (sources.as_is or zips.is_zip(found[0])):
        return found[0]
    if sources.as_is:
        raise errors.CliError(
            f"{sources.flag} {sources.inputs[0]} is not one file; use --deployarchive for a folder"
        )
    with target.open("wb") as file:
        zips.pack_zip(_members(cwd, sources, found), file)
    return target


def _expand(cwd: pathlib.Path, sources: Sources) -> list[pathlib.Path]:
    """Every file and folder that was named, patterns resolved."""
    found: list[pathlib.Path] = []
    for text in sources.inputs:
        plain = cwd / pathlib.Path(text).expanduser()
        if plain.exists():
            found.append(plain)
            continue
        matches = sorted(glob.glob(str(plain), recursive=True)) if glob.has_magic(text) else []
        if not matches:
            what = "no file matches" if glob.has_magic(text) else "no such file or directory"
            raise errors.CliError(f"{sources.flag} {text}: {what}")
        found += [pathlib.Path(match) for match in matches]
    return found


def _members(
    cwd: pathlib.Path, sources: Sources, found: list[pathlib.Path]
) -> dict[str, pathlib.Path]:
    """Files by name in the archive: a folder that was named itself gives its content."""
    named = {cwd / pathlib.Path(text).expanduser() for text in sources.inputs}
    members: dict[str, pathlib.Path] = {}
    for path in found:
        if path.is_file():
            fresh = {path.name: path}
        elif path in named:
            fresh = zips.files_below(path)
        else:
            fresh = {f"{path.name}/{name}": file for name, file in zips.files_below(path).items()}
        for name, file in fresh.items():
            if members.setdefault(name, file) != file:
                raise errors.CliError(
                    f"{sources.flag}: {members[name]} and {file} would both be {name}"
                )
    if not members:
        raise errors.CliError(f"{sources.flag} {' '.join(sources.inputs)}: there is no file in it")
    return members


async def _upload(
    session: context.Session, path: pathlib.Path, size: int, name: str
) -> package_types.Archive:
    digest = await asyncio.to_thread(zips.sha256_file, path)
    show = session.out.progress(f"Uploading {name}", size)
    archive_id = await session.backend.upload(path, name, show, session.namespace)
    return package_types.Archive(
        type=package_types.URL,
        url=await session.backend.archive_url(archive_id),
        checksum=package_types.Checksum(type=package_types.SHA256, sum=digest),
    )


def _archive_name(sources: Sources, path: pathlib.Path) -> str:
    given = pathlib.PurePath(sources.inputs[0]).name
    return given if path.name == given else f"{kubify(given)}.zip"
