"""What a directory of specs holds: objects, archives and the application's own name.

Everything remembers the file and the line where it was found, down to single fields.
"""

import dataclasses
import pathlib
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

Obj = dict[str, Any]

DEPLOYMENT: Final = "DeploymentConfig"
ARCHIVE: Final = "ArchiveUploadSpec"

_STEPS: Final = re.compile(r"\[([^\]]*)\]|\.([^.\[]+)")


@dataclasses.dataclass(frozen=True, slots=True)
class Node:
    """Where a value stands: its line, and the values inside of it by key or index."""

    line: int
    inner: Mapping[Any, "Node"] | None = None


@dataclasses.dataclass(frozen=True)
class Place:
    """A line of a file."""

    path: pathlib.Path
    """As it is shown: relative to where the command runs, if it is below."""
    line: int = 0

    def __str__(self) -> str:
        return f"{self.path}:{self.line}" if self.line else str(self.path)


@dataclasses.dataclass(frozen=True)
class Problem:
    """Something wrong, or worth a warning, and where."""

    text: str
    place: Place | None = None

    def order(self) -> tuple[str, int]:
        """For sorting: by file and line."""
        return (str(self.place.path), self.place.line) if self.place else ("", 0)

    def __str__(self) -> str:
        return f"{self.place}: {self.text}" if self.place else self.text


@dataclasses.dataclass(frozen=True)
class Document:
    """One object as it is written down; its namespace may be empty."""

    kind: str
    namespace: str
    name: str
    obj: Obj
    path: pathlib.Path
    line: int
    node: Node = Node(0)

    @property
    def place(self) -> Place:
        """Where it begins."""
        return Place(self.path, self.line)

    def place_of(self, field: str) -> Place:
        """Where a field stands, or the nearest one around it: ``spec.env[0].name``."""
        return Place(self.path, line_of(self.node, field) or self.line)

    def __str__(self) -> str:
        named = f"{self.namespace}/{self.name}" if self.namespace else self.name
        return f"{self.kind} {named}"


@dataclasses.dataclass(frozen=True)
class ArchiveUploadSpec:
    """Files on this machine that make an archive."""

    name: str
    root: pathlib.Path
    """Absolute; what the patterns are relative to."""
    include: Sequence[str]
    exclude: Sequence[str]
    path: pathlib.Path
    line: int
    node: Node = Node(0)

    @property
    def place(self) -> Place:
        """Where it begins."""
        return Place(self.path, self.line)


@dataclasses.dataclass(frozen=True)
class DeploymentConfig:
    """The application: its name, and the uid by which its objects are known on a platform."""

    name: str
    uid: str
    path: pathlib.Path
    line: int = 0


@dataclasses.dataclass(frozen=True)
class Application:
    """All that is in a directory of specs."""

    directory: pathlib.Path
    deployment: DeploymentConfig
    documents: Sequence[Document]
    archives: Sequence[ArchiveUploadSpec]
    errors: Sequence[Problem] = ()
    """What could not be read."""
    warnings: Sequence[Problem] = ()
    """What was left out."""


def line_of(node: Node, field: str) -> int:
    """Line of a field below a node, or of the nearest one around it that is written down."""
    line = node.line
    for step in steps_of(field):
        inner = node.inner or {}
        found = inner.get(step)
        if found is None and step.isdigit():
            found = inner.get(int(step))
        if found is None:
            break
        node, line = found, found.line
    return line


def steps_of(field: str) -> list[str]:
    """Keys and indices of a path: ``spec.env[0].name``."""
    return [key or index for index, key in _STEPS.findall(f".{field}")]
