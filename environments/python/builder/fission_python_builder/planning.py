"""What of a source folder is to be installed. Pure: from names and texts to a plan.

The first that is there decides: ``requirements.txt``, ``pylock.toml``, ``uv.lock``,
``pyproject.toml``, ``setup.py``. A ``requirements.txt`` is the whole truth, as with the builder
images that people come from; a project beside it is installed only when the file says ``.``.
"""

from __future__ import annotations

import dataclasses
import tomllib
from collections.abc import Callable, Collection
from typing import Any

from fission_python_builder import errors, versions

REQUIREMENTS = "requirements.txt"
PYLOCK = "pylock.toml"
UV_LOCK = "uv.lock"
PYPROJECT = "pyproject.toml"
SETUP = "setup.py"

UNREAD_LOCKS = {
    "poetry.lock": "poetry export -o requirements.txt",
    "pdm.lock": "pdm export -o requirements.txt",
    "Pipfile.lock": "pipenv requirements > requirements.txt",
}
"""Lock files of tools that are not here → what writes one that is read."""


@dataclasses.dataclass(frozen=True)
class Plan:
    """What to install, in one or two steps."""

    file: str = ""
    """The file that decided; empty: nothing is installed."""
    locked: bool = False
    """The file pins everything; it is installed as it stands."""
    dependencies: tuple[str, ...] = ()
    """Of a project that is not a package: what its ``pyproject.toml`` lists."""
    project: bool = False
    """The folder is a package; it is built by its own back end and installed."""
    notes: tuple[str, ...] = ()
    """What the log should say about what is not done."""


def make_plan(names: Collection[str], read: Callable[[str], str], python: versions.Version) -> Plan:
    """Plan for a folder with files of these names; raises BuildError for what cannot work."""
    project = _parse(read(PYPROJECT)) if PYPROJECT in names else {}
    _check_python(project, python)
    if REQUIREMENTS in names:
        return Plan(REQUIREMENTS, notes=tuple(_notes(names, project)))
    if PYLOCK in names:
        return Plan(PYLOCK, locked=True)
    if UV_LOCK in names and project:
        return Plan(UV_LOCK, locked=True, project=_is_package(project))
    unread = tuple(
        f"{lock} is not read: write {REQUIREMENTS} with `{how}` to have its versions"
        for lock, how in UNREAD_LOCKS.items()
        if lock in names
    )
    if _is_package(project):
        return Plan(PYPROJECT, project=True, notes=unread)
    if project:
        return Plan(PYPROJECT, dependencies=_dependencies(project), notes=unread)
    if SETUP in names:
        return Plan(SETUP, project=True, notes=unread)
    return Plan(notes=unread)


def _parse(text: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise errors.BuildError(f"{PYPROJECT} is not TOML: {error}") from error


def _table(value: Any, *keys: str) -> dict[str, Any]:
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
    return value if isinstance(value, dict) else {}


def _is_package(project: dict[str, Any]) -> bool:
    """Whether the folder names a back end of its own and does not say that it is no package."""
    if _table(project, "tool", "uv").get("package") is False:
        return False
    if _table(project, "tool", "poetry").get("package-mode") is False:
        return False
    return "build-system" in project


def _dependencies(project: dict[str, Any]) -> tuple[str, ...]:
    table = _table(project, "project")
    if "dependencies" in (table.get("dynamic") or ()):
        raise errors.BuildError(
            f"{PYPROJECT}: project.dependencies is dynamic, and no [build-system] says who knows "
            "them; add one, or list the dependencies"
        )
    if not table and _table(project, "tool", "poetry").get("dependencies"):
        raise errors.BuildError(
            f"{PYPROJECT}: [tool.poetry.dependencies] alone cannot be installed; move them to "
            f"[project] dependencies, or write {REQUIREMENTS} with "
            f"`{UNREAD_LOCKS['poetry.lock']}`"
        )
    found = table.get("dependencies") or []
    if not isinstance(found, list) or not all(isinstance(one, str) for one in found):
        raise errors.BuildError(f"{PYPROJECT}: project.dependencies: needs a list of texts")
    return tuple(found)


def _check_python(project: dict[str, Any], python: versions.Version) -> None:
    wanted = _table(project, "project").get("requires-python")
    if isinstance(wanted, str) and not versions.fits(wanted, python):
        have = ".".join(str(part) for part in python[:3])
        raise errors.BuildError(
            f"{PYPROJECT}: project.requires-python is {wanted!r}, but this environment's Python "
            f"is {have}; widen the range, or use an environment whose image has such a Python"
        )


def _notes(names: Collection[str], project: dict[str, Any]) -> list[str]:
    notes = []
    if _is_package(project):
        notes.append(
            f"{PYPROJECT} is a package, but {REQUIREMENTS} decides: "
            "add a line `.` there to have it built and installed"
        )
    notes.extend(
        f"{lock} is not read: {REQUIREMENTS} decides" for lock in (PYLOCK, UV_LOCK) if lock in names
    )
    return notes
