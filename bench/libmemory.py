"""Memory of processes, as the kernel counts it.

Not a scenario: shared by those that weigh the platform.
"""

from __future__ import annotations

import pathlib
from typing import Any


def with_children(known: dict[int, str]) -> dict[int, str]:
    """The processes that the platform tells of, and whatever descends from them."""
    parents: dict[int, int] = {}
    for folder in pathlib.Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                fields = (folder / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            parents[int(folder.name)] = int(fields[1])
    found = {}
    for pid in parents:
        ancestor = pid
        while ancestor and ancestor not in known:
            ancestor = parents.get(ancestor, 0)
        if ancestor:
            found[pid] = known[ancestor] if pid == ancestor else f"below {known[ancestor]}"
    return found


def row(name: str, pid: int) -> dict[str, Any]:
    """What a process has in RAM: its share of what is shared, and what is its own alone."""
    kilobytes = {}
    for line in pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]:
        field, _, rest = line.partition(":")
        kilobytes[field] = int(rest.split()[0])
    private = kilobytes["Private_Dirty"] + kilobytes["Private_Clean"]
    return {
        "name": name,
        "PSS MB": round(kilobytes["Pss"] / 1024, 1),
        "private MB": round(private / 1024, 1),
    }
