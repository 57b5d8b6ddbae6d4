"""Files of a package: the person's own beside what was installed, nothing of how it was made."""

from __future__ import annotations

import dataclasses
import filecmp
import os
import pathlib
import shutil
import stat
from collections.abc import Iterator

from fission_python_builder import errors

LEFT_OUT = frozenset({
    ".git", ".hg", ".svn", ".mypy_cache", ".pytest_cache", ".ruff_cache", ".tox", ".nox",
    "__pycache__",
})  # fmt: skip
"""Folders that are of no use at run time; a virtual environment is known by its pyvenv.cfg."""

_TRACES = ("direct_url.json", "uv_cache.json")
"""What installers note about where a package came from: paths and times of this build alone."""


@dataclasses.dataclass
class Listing:
    """A source folder as it is before anything is built in it."""

    files: list[str]
    left_out: list[str]


def list_source(source: pathlib.Path, wheels: pathlib.Path | None) -> Listing:
    """Names of all files that belong to the package, and of folders that do not; sorted."""
    files: list[str] = []
    left_out: list[str] = []
    for folder, folders, names in os.walk(source, followlinks=False):
        here = pathlib.Path(folder)
        for name in sorted(folders):
            path = here / name
            if name in LEFT_OUT or (path / "pyvenv.cfg").exists() or path == wheels:
                folders.remove(name)
                if name != "__pycache__":
                    left_out.append(str(path.relative_to(source)))
            elif path.is_symlink():
                files.append(str(path.relative_to(source)))
        files.extend(str((here / name).relative_to(source)) for name in names)
    return Listing(sorted(files), sorted(left_out))


def copy_source(source: pathlib.Path, files: list[str], target: pathlib.Path) -> list[str]:
    """Put the person's files into the tree; returns those that took a dependency's place.

    Modes come down to executable or not, so that equal sources make equal trees.
    """
    replaced = []
    for name in files:
        origin, copy = source / name, target / name
        _check_link(source, origin, name)
        if origin.is_dir():
            shutil.copytree(origin, copy, dirs_exist_ok=True)
            continue
        try:
            copy.parent.mkdir(parents=True, exist_ok=True)
            if copy.exists() and not filecmp.cmp(origin, copy, shallow=False):
                replaced.append(name)
            copy_file(origin, copy)
        except (FileExistsError, NotADirectoryError, IsADirectoryError) as error:
            raise errors.BuildError(
                f"{name} is a file where a dependency installs a folder of that name, or the "
                "other way round; rename yours"
            ) from error
    return replaced


def copy_file(origin: pathlib.Path, copy: pathlib.Path) -> None:
    """Copy content and whether it can be executed.

    The mode is set by descriptor: by path it is not where only Landlock confines a build.
    """
    executable = origin.stat().st_mode & stat.S_IXUSR
    with origin.open("rb") as source, copy.open("wb") as sink:
        shutil.copyfileobj(source, sink)
        os.fchmod(sink.fileno(), 0o755 if executable else 0o644)


def tidy(target: pathlib.Path) -> None:
    """Remove an installer's notes to itself; refuse what points out of the tree."""
    (target / ".lock").unlink(missing_ok=True)
    for path in sorted(target.glob("*.pth")):
        lines = path.read_text(errors="replace").splitlines()
        if any(line.startswith("/") or "__editable__" in line for line in lines):
            raise errors.BuildError(
                f"a dependency is installed as editable ({path.name}), which leads out of the "
                "package: in requirements.txt write `.` or a path in place of `-e`"
            )
    for info in sorted(target.glob("*.dist-info")):
        gone = [name for name in _TRACES if (info / name).exists()]
        for name in gone:
            (info / name).unlink()
        record = info / "RECORD"
        if gone and record.exists():
            dropped = tuple(f"{info.name}/{name}," for name in gone)
            kept = [
                line
                for line in record.read_text().splitlines(keepends=True)
                if not line.startswith(dropped)
            ]
            record.write_text("".join(kept))


def count_bytes(target: pathlib.Path) -> int:
    """Size of all files below."""
    return sum(path.stat().st_size for path in _files(target))


def count_packages(target: pathlib.Path) -> int:
    """How many distributions are installed there."""
    return sum(1 for _ in target.glob("*.dist-info"))


def _files(target: pathlib.Path) -> Iterator[pathlib.Path]:
    return (path for path in target.rglob("*") if path.is_file())


def _check_link(source: pathlib.Path, origin: pathlib.Path, name: str) -> None:
    if not origin.is_symlink():
        return
    root = source.resolve()
    if not origin.exists() or root not in origin.resolve().parents:
        raise errors.BuildError(
            f"{name} is a link to {os.readlink(origin)}, which is not in the package; "
            "put the file there itself"
        )
