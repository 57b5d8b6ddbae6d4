"""From what was typed after a flag to one file on disk: globs, folders, and reproducible zips.

A single file that is an archive already, and a file given with ``--code``, is taken as it is;
anything else is zipped. Equal trees make equal zips, whenever and wherever they are packed: the
platform knows by the checksum that there is nothing to build.
"""

import dataclasses
import glob
import pathlib
from collections.abc import Iterable

from fission.base import archives, packing
from fission.cli import errors


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
    exclude: tuple[str, ...] = ()
    """Patterns of files that stay out."""


def expand(cwd: pathlib.Path, sources: Sources) -> list[pathlib.Path]:
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
            raise errors.CliError(f"{sources.flag} {text}: {what} (seen from {cwd})")
        found += [pathlib.Path(match) for match in matches]
    unwanted = _excluded(cwd, sources)
    return [path for path in found if unwanted.isdisjoint((path, *path.parents))]


def _excluded(cwd: pathlib.Path, sources: Sources) -> set[pathlib.Path]:
    found: set[pathlib.Path] = set()
    for text in sources.exclude:
        plain = cwd / pathlib.Path(text).expanduser()
        found |= {plain, *map(pathlib.Path, glob.glob(str(plain), recursive=True))}
    return found


def collect(cwd: pathlib.Path, sources: Sources, target: pathlib.Path) -> pathlib.Path:
    """The file to store: a given one, or ``target``, a zip of all that was given."""
    found = expand(cwd, sources)
    if len(found) == 1 and found[0].is_file() and _is_ready(sources, found[0]):
        return found[0]
    if sources.as_is:
        raise errors.CliError(
            f"{sources.flag} {sources.inputs[0]} is not one file; use --deployarchive for a folder"
        )
    with target.open("wb") as file:
        packing.pack_members(_members(cwd, sources, found), file)
    return target


def _is_ready(sources: Sources, path: pathlib.Path) -> bool:
    """Whether a file is handed over as it is: because it has to be, or is an archive already."""
    if sources.as_is:
        return True
    try:
        return archives.form_of_file(path) is not archives.Form.FILE
    except archives.UnsafeArchive as error:
        raise errors.CliError(f"{sources.flag} {path}: {error}") from error


def _members(
    cwd: pathlib.Path, sources: Sources, found: Iterable[pathlib.Path]
) -> dict[str, pathlib.Path]:
    """Files by name in the archive: a folder that was named itself gives its content."""
    named = {cwd / pathlib.Path(text).expanduser() for text in sources.inputs}
    unwanted = _excluded(cwd, sources)
    members: dict[str, pathlib.Path] = {}
    for path in found:
        if path.is_file():
            fresh = {path.name: path}
        elif path in named:
            fresh = packing.members_below(path)
        else:
            below = packing.members_below(path)
            fresh = {f"{path.name}/{name}": file for name, file in below.items()}
        for name, file in fresh.items():
            if unwanted and not unwanted.isdisjoint((file, *file.parents)):
                continue
            if members.setdefault(name, file) != file:
                raise errors.CliError(
                    f"{sources.flag}: {members[name]} and {file} would both be {name};"
                    " give the folder that holds them"
                )
    if all(name.endswith("/") for name in members):
        raise errors.CliError(f"{sources.flag} {' '.join(sources.inputs)}: there is no file in it")
    return members
