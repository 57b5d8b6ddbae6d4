"""Which files of a directory of specs are read.

Nothing is passed over in silence that somebody may count on: what ``apply --delete`` does not see
it takes for gone.
"""

import dataclasses
import os
import pathlib
import stat
from collections.abc import Callable
from typing import Final

from fission.cli import errors
from fission.cli.spec import yamlfile

IGNORE_FILE: Final = ".specignore"
MAX_FILE_BYTES: Final = 64 << 20
"""Of one file; archives inside of objects are the only reason for large ones."""
SUFFIXES: Final = (".yaml", ".yml")
_LOCK: Final = ".#"
"""What Emacs puts beside a file that is being edited: a link to nowhere."""

Ignored = Callable[[str, bool], bool]
"""Whether a path inside of the directory, with slashes, is left out; and whether it is a folder."""


@dataclasses.dataclass(frozen=True)
class Found:
    """What is in a directory."""

    files: list[pathlib.Path]
    """Those that are read, sorted."""
    unread: list[tuple[pathlib.Path, str]]
    """Folders that cannot be looked into, and why."""
    links: list[pathlib.Path]
    """Links to folders, which nobody follows: kubectl does not either."""


def look(directory: pathlib.Path, ignore_file: str | None = None) -> Found:
    """Find what is to be read, in all folders below."""
    ignored = _ignored(directory, ignore_file)
    found = Found([], [], [])

    def refuse(error: OSError) -> None:
        found.unread.append((pathlib.Path(error.filename), error.strerror or str(error)))

    for folder, folders, files in os.walk(directory, onerror=refuse):
        below = pathlib.Path(folder).relative_to(directory)
        prefix = "" if below == pathlib.Path() else f"{below.as_posix()}/"
        folders[:] = [name for name in folders if not ignored(prefix + name, True)]
        inside = (directory / below / name for name in folders)
        found.links.extend(path for path in inside if path.is_symlink())
        found.files.extend(
            directory / below / name
            for name in files
            if name.endswith(SUFFIXES)
            and not name.startswith(_LOCK)
            and not ignored(prefix + name, False)
        )
    found.files.sort()
    return found


def content(path: pathlib.Path) -> bytes:
    """What is in a file; raises OSError or Refused."""
    found = path.stat()
    if not stat.S_ISREG(found.st_mode):
        raise yamlfile.Refused("is not a regular file")
    if found.st_size > MAX_FILE_BYTES:
        size = f"{found.st_size >> 20} MiB"
        raise yamlfile.Refused(f"has {size}, at most {MAX_FILE_BYTES >> 20} are read")
    return path.read_bytes()


def _ignored(directory: pathlib.Path, ignore_file: str | None) -> Ignored:
    path = directory / (ignore_file or IGNORE_FILE)
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError as error:
        if ignore_file and ignore_file != IGNORE_FILE:
            raise errors.CliError(
                f"--specignore {ignore_file}: no such file in {directory}",
                remedy="it is looked for inside of the directory of specs",
            ) from error
        return lambda name, is_folder: False
    except (OSError, UnicodeDecodeError) as error:
        raise errors.CliError(f"{path} cannot be read: {error}") from error
    import pathspec

    try:
        spec = pathspec.GitIgnoreSpec.from_lines(lines)
    except ValueError as error:
        raise errors.CliError(f"{path}: {error}") from error
    return lambda name, is_folder: spec.match_file(f"{name}/" if is_folder else name)
