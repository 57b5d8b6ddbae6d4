"""From what was typed after a flag to one file on disk: globs, folders, and reproducible zips.

A single file that is an archive already, and a file given with ``--code``, is taken as it is;
anything else is zipped. Equal trees make equal zips, whenever and wherever they are packed: the
platform knows by the checksum that there is nothing to build.
"""

import dataclasses
import glob
import itertools
import os
import pathlib
from collections.abc import Callable, Iterable

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
    """Patterns of files that stay out, as in a ``.gitignore``."""


@dataclasses.dataclass(frozen=True)
class _Match:
    """A file or folder that goes into an archive."""

    path: pathlib.Path
    base: pathlib.Path
    """What names inside of the archive are relative to."""


def expand(cwd: pathlib.Path, sources: Sources) -> list[pathlib.Path]:
    """Every file and folder that was named, patterns resolved."""
    return [match.path for match in _matches(cwd, sources)]


def _matches(cwd: pathlib.Path, sources: Sources) -> list[_Match]:
    found: list[_Match] = []
    for text in sources.inputs:
        plain = cwd / pathlib.Path(text).expanduser()
        if plain.exists():
            found.append(_Match(plain, plain if plain.is_dir() else plain.parent))
            continue
        relative = os.path.expanduser(text)
        paths = glob.glob(relative, root_dir=cwd, recursive=True) if glob.has_magic(text) else []
        if not paths:
            what = "no file matches" if glob.has_magic(text) else "no such file or directory"
            raise errors.CliError(f"{sources.flag} {text}: {what} (seen from {cwd})")
        found += [_Match(cwd / path, cwd / _fixed_part(relative)) for path in sorted(paths)]
    is_unwanted = _excluding(cwd, sources)
    return [match for match in found if not is_unwanted(match.path)]


def _fixed_part(pattern: str) -> pathlib.PurePath:
    """The folders of a pattern before the first that may have several names."""
    parts = pathlib.PurePath(pattern).parts
    fixed = itertools.takewhile(lambda part: not glob.has_magic(part), parts)
    return pathlib.PurePath(*fixed)


def _excluding(cwd: pathlib.Path, sources: Sources) -> Callable[[pathlib.Path], bool]:
    """Whether a path is to stay out, by patterns as git has them for files to ignore."""
    if not sources.exclude:
        return lambda path: False
    import pathspec

    try:
        spec = pathspec.GitIgnoreSpec.from_lines(
            each.removeprefix("./") for each in sources.exclude
        )
    except ValueError as error:
        raise errors.CliError(f"{sources.flag}: a pattern to exclude is none: {error}") from error

    def is_unwanted(path: pathlib.Path) -> bool:
        name = os.path.relpath(path, cwd)
        return spec.match_file(f"{name}/" if path.is_dir() else name)

    return is_unwanted


def collect(cwd: pathlib.Path, sources: Sources, target: pathlib.Path) -> pathlib.Path:
    """The file to store: a given one, or ``target``, a zip of all that was given."""
    found = _matches(cwd, sources)
    if len(found) == 1 and found[0].path.is_file() and _is_ready(sources, found[0].path):
        return found[0].path
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
    cwd: pathlib.Path, sources: Sources, found: Iterable[_Match]
) -> dict[str, pathlib.Path]:
    """Files by name in the archive: a folder that was named itself gives its content.

    What a pattern matches keeps the folders that it does not name: of ``app/**/*.py`` the file
    ``app/api/main.py`` is ``api/main.py``.
    """
    is_unwanted = _excluding(cwd, sources)
    members: dict[str, pathlib.Path] = {}
    for match in found:
        for name, file in _members_of(match).items():
            if is_unwanted(match.base / name):
                continue
            before = members.setdefault(name, file)
            if before != file and not before.samefile(file):
                raise errors.CliError(
                    f"{sources.flag}: {before} and {file} would both be {name};"
                    " give the folder that holds them"
                )
    if all(name.endswith("/") for name in members):
        raise errors.CliError(f"{sources.flag} {' '.join(sources.inputs)}: there is no file in it")
    return members


def _members_of(match: _Match) -> dict[str, pathlib.Path]:
    below = match.path.relative_to(match.base).as_posix()
    if match.path.is_file():
        return {below: match.path}
    prefix = "" if below == "." else f"{below}/"
    return {f"{prefix}{name}": file for name, file in packing.members_below(match.path).items()}
