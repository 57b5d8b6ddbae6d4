"""``metadata.managedFields``: reading it, what an update and an apply make of it. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from fission.cluster.apiserver.ownership import fieldsets, listtypes
from fission.meta import status

Object = dict[str, Any]

BEFORE_FIRST_APPLY = "before-first-apply"


@dataclass(frozen=True, slots=True)
class Entry:
    manager: str
    operation: str
    """Apply or Update."""
    api_version: str
    paths: fieldsets.Paths
    time: str = ""
    subresource: str = ""

    def same_owner(self, other: Entry) -> bool:
        mine = (self.manager, self.operation, self.subresource)
        return mine == (other.manager, other.operation, other.subresource)

    @property
    def title(self) -> str:
        """How a conflict names its owner."""
        text = f'"{self.manager}"'
        if self.subresource:
            text += f' with subresource "{self.subresource}"'
        return text if self.operation == "Apply" else f"{text} using {self.api_version}"

    def to_dict(self) -> Object:
        out: Object = {"manager": self.manager, "operation": self.operation}
        out["apiVersion"] = self.api_version
        if self.time:
            out["time"] = self.time
        out["fieldsType"] = "FieldsV1"
        out["fieldsV1"] = fieldsets.to_fields_v1(self.paths)
        if self.subresource:
            out["subresource"] = self.subresource
        return out


def read(entries: Iterable[Object] | None) -> list[Entry]:
    """The entries; empty ones (``[{}]`` resets) are dropped."""
    found = []
    for item in entries or ():
        if not item.get("operation"):
            continue
        paths = frozenset(fieldsets.from_fields_v1(item.get("fieldsV1") or {}))
        found.append(
            Entry(
                item.get("manager") or "",
                item["operation"],
                item.get("apiVersion") or "",
                paths,
                item.get("time") or "",
                item.get("subresource") or "",
            )
        )
    return found


def write(entries: Iterable[Entry]) -> list[Object]:
    """Apply entries first, then by age and name, as upstream sorts them."""
    alive = [entry for entry in entries if entry.paths]
    alive.sort(key=lambda e: (e.operation != "Apply", e.time, e.manager, e.subresource))
    return [entry.to_dict() for entry in alive]


@dataclass(frozen=True, slots=True)
class Author:
    """Who writes now."""

    manager: str
    api_version: str
    time: str
    subresource: str = ""


def after_update(
    entries: list[Entry], author: Author, old: Object, new: Object, shape_of: listtypes.ShapeOf
) -> list[Entry]:
    """An update takes what it changes from everybody else; what it removes nobody owns."""
    written, removed = fieldsets.changes(old, new, shape_of)
    if not written and not removed:
        return entries
    mine = Entry(
        author.manager, "Update", author.api_version, frozenset(), author.time, author.subresource
    )
    result, known = [], False
    for entry in entries:
        if entry.same_owner(mine):
            known = True
            paths = (entry.paths | written) - removed
            time = author.time if paths != entry.paths else entry.time
            result.append(replace(entry, paths=frozenset(paths), time=time))
        else:
            result.append(replace(entry, paths=frozenset(entry.paths - written - removed)))
    if not known and written:
        result.append(replace(mine, paths=frozenset(written)))
    return result


@dataclass(frozen=True, slots=True)
class Applied:
    value: Object
    entries: list[Entry]


def apply(
    entries: list[Entry],
    author: Author,
    live: Object,
    intent: Object,
    shape_of: listtypes.ShapeOf,
    *,
    force: bool,
) -> Applied:
    """Lay an intent over the live object; raises ``status.Conflict`` with a cause per field."""
    mine = Entry(
        author.manager, "Apply", author.api_version, frozenset(), author.time, author.subresource
    )
    previous = next((entry for entry in entries if entry.same_owner(mine)), None)
    others = [entry for entry in entries if not entry.same_owner(mine)]
    if not entries and live:
        whole = frozenset(fieldsets.paths_of(live, shape_of, inner=True))
        others = [Entry(BEFORE_FIRST_APPLY, "Update", author.api_version, whole)]
    wanted = frozenset(fieldsets.paths_of(intent, shape_of))
    merged = fieldsets.merge(live, intent, shape_of)
    written, _ = fieldsets.changes(live, merged, shape_of)
    written &= wanted
    conflicts = [(e, sorted(e.paths & written)) for e in others if e.paths & written]
    if conflicts and not force:
        raise _conflict(conflicts)
    others = [replace(entry, paths=entry.paths - written) for entry in others]
    if previous is not None:
        kept = frozenset().union(wanted, *(entry.paths for entry in others))
        doomed = previous.paths - kept
        merged = fieldsets.prune(merged, frozenset(doomed), kept, shape_of)
    same = previous is not None and previous.paths == wanted
    time = previous.time if same and previous is not None and not written else author.time
    return Applied(merged, [*others, replace(mine, paths=wanted, time=time)])


def _conflict(conflicts: list[tuple[Entry, list[fieldsets.Path]]]) -> status.Conflict:
    fields = [(e.title, fieldsets.format_path(p)) for e, paths in conflicts for p in paths]
    causes = [
        status.Cause("FieldManagerConflict", f"conflict with {title}", field).to_dict()
        for title, field in fields
    ]
    if len(fields) == 1:
        title, field = fields[0]
        text = f"Apply failed with 1 conflict: conflict with {title}: {field}"
        return status.Conflict(text, {"causes": causes})
    lines = []
    for title in sorted({title for title, _ in fields}):
        lines.append(f"conflicts with {title}:")
        lines += [f"- {field}" for owner, field in fields if owner == title]
    text = f"Apply failed with {len(fields)} conflicts: " + "\n".join(lines)
    return status.Conflict(text, {"causes": causes})
