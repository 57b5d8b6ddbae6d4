"""Archives that specs name: files on this machine, packed, and known by their SHA-256.

Small ones become part of their Package; larger ones go to storagesvc once per namespace. Equal
files make equal archives, so one that any Package of the namespace has already is not sent again.
"""

import asyncio
import base64
import dataclasses
import hashlib
import pathlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, Protocol, TypeVar

from fission.api import package_types
from fission.cli import archives, collect, context, errors
from fission.meta import codec

Obj = dict[str, Any]

SCHEME: Final = "archive://"
PARTS: Final = ("source", "deployment")
_PACKERS: Final = 4
_UPLOADS: Final = 4
_CHUNK_BYTES: Final = 1 << 20


class Listed(Protocol):
    """What an ArchiveUploadSpec says."""

    @property
    def name(self) -> str: ...
    @property
    def root(self) -> pathlib.Path:
        """What the patterns are relative to."""
        ...

    @property
    def include(self) -> Sequence[str]: ...
    @property
    def exclude(self) -> Sequence[str]: ...


T = TypeVar("T", bound=Listed)


@dataclasses.dataclass(frozen=True)
class Parcel:
    """One archive, packed."""

    name: str
    path: pathlib.Path
    size: int
    digest: str
    content: bytes | None
    """What it holds, where it is small enough to be part of the object."""


@dataclasses.dataclass(frozen=True)
class Address:
    """Where an archive is needed: by digest, in a namespace."""

    namespace: str
    digest: str


async def pack(listed: Iterable[Listed], scratch: pathlib.Path) -> dict[str, Parcel]:
    """Make every archive; large ones are files below ``scratch``."""
    slots = asyncio.Semaphore(_PACKERS)

    async def one(each: Listed, target: pathlib.Path) -> Parcel:
        async with slots:
            return await asyncio.to_thread(_pack, each, target)

    made = [one(each, scratch / f"{number}.zip") for number, each in enumerate(listed)]
    return {parcel.name: parcel for parcel in await asyncio.gather(*made)}


def names_in(package: Obj) -> dict[str, str]:
    """Part of a Package → name of the archive that it refers to."""
    spec = package.get("spec") or {}
    urls = {part: str((spec.get(part) or {}).get("url") or "") for part in PARTS}
    return {part: url.removeprefix(SCHEME) for part, url in urls.items() if url.startswith(SCHEME)}


def used(listed: Iterable[T], objs: Iterable[Obj]) -> list[T]:
    """The archives that Packages refer to; raises CliError for one that is nowhere."""
    found = {each.name: each for each in listed}
    names = set()
    for obj in objs:
        if obj["kind"] != "Package":
            continue
        for name in names_in(obj).values():
            if name not in found:
                raise errors.CliError(
                    f"package {obj['metadata']['name']} refers to {SCHEME}{name}, and no"
                    " ArchiveUploadSpec has this name"
                )
            names.add(name)
    return [found[name] for name in sorted(names)]


def addresses(live: Iterable[Obj]) -> dict[Address, str]:
    """Archives that Packages on the platform have already, and their URLs."""
    known: dict[Address, str] = {}
    for package in live:
        if package["kind"] != "Package" or package["metadata"].get("deletionTimestamp"):
            continue
        for part in PARTS:
            archive = package["spec"].get(part) or {}
            checksum, url = archive.get("checksum") or {}, archive.get("url")
            if url and checksum.get("type") == package_types.SHA256:
                namespace = package["metadata"]["namespace"]
                known.setdefault(Address(namespace, str(checksum.get("sum"))), url)
    return known


def put_in(package: Obj, parcels: Mapping[str, Parcel], known: Mapping[Address, str]) -> Obj:
    """The Package with its archives in place; one that is nowhere yet keeps its name as URL."""
    found = names_in(package)
    if not found:
        return package
    filled: Obj = codec.deep_copy(package)
    for part, name in found.items():
        parcel = parcels[name]
        if parcel.content is not None:
            literal = base64.b64encode(parcel.content).decode()
            filled["spec"][part] = {"type": package_types.LITERAL, "literal": literal}
            continue
        address = Address(package["metadata"]["namespace"], parcel.digest)
        filled["spec"][part] = {
            "type": package_types.URL,
            "url": known.get(address, f"{SCHEME}{name}"),
            "checksum": {"type": package_types.SHA256, "sum": parcel.digest},
        }
    return filled


def missing(
    packages: Iterable[Obj], parcels: Mapping[str, Parcel], known: Mapping[Address, str]
) -> dict[Address, Parcel]:
    """Large archives that have to be sent."""
    wanted: dict[Address, Parcel] = {}
    for package in packages:
        for name in names_in(package).values():
            parcel = parcels[name]
            address = Address(package["metadata"]["namespace"], parcel.digest)
            if parcel.content is None and address not in known:
                wanted[address] = parcel
    return wanted


async def send(session: context.Session, wanted: Mapping[Address, Parcel]) -> dict[Address, str]:
    """Send archives, a few at a time; where they are then."""
    slots = asyncio.Semaphore(_UPLOADS)

    async def one(address: Address, parcel: Parcel) -> tuple[Address, str]:
        async with slots:
            session.out.line(f"uploading archive {SCHEME}{parcel.name}")
            archive_id, _ = await archives.upload(
                session, parcel.path, f"{archives.kubify(parcel.name)}.zip", address.namespace
            )
            url = await session.backend.archive_url(archive_id, address.namespace)
            return address, url

    sent = [one(address, parcel) for address, parcel in wanted.items()]
    return dict(await asyncio.gather(*sent))


def _pack(listed: Listed, target: pathlib.Path) -> Parcel:
    path = collect.collect(listed.root, sources_of(listed), target)
    size = path.stat().st_size
    if size <= package_types.MAX_LITERAL_BYTES:
        content = path.read_bytes()
        return Parcel(listed.name, path, size, hashlib.sha256(content).hexdigest(), content)
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            digest.update(chunk)
    return Parcel(listed.name, path, size, digest.hexdigest(), None)


def sources_of(listed: Listed) -> collect.Sources:
    """Files of an archive; one regular file is taken as it is."""
    label = f"archive {listed.name}: include"
    sources = collect.Sources(tuple(listed.include), label, exclude=tuple(listed.exclude))
    found = collect.expand(listed.root, sources)
    is_one_file = len(found) == 1 and found[0].is_file()
    return dataclasses.replace(sources, as_is=is_one_file)
