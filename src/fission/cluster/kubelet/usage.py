"""How much memory and processor time containers use, by /proc; and the limit without cgroups.

One pass over the processes of all containers every few seconds: two small files each, some 30 µs.
Memory is resident minus shared pages of the whole process tree (pages that a fork shares with its
zygote are counted by the kernel as its own until written; the figure is an upper bound).
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PERIOD_SECONDS = 5.0
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Sample:
    """Use of one container at one moment."""

    memory_bytes: int
    cpu_seconds: float


def sample(pid: int) -> Sample | None:
    """The use of a process and its descendants; None when it is gone."""
    memory, seconds, found = 0, 0.0, False
    for one in tree(pid):
        try:
            stat = Path(f"/proc/{one}/stat").read_bytes()
            statm = Path(f"/proc/{one}/statm").read_bytes().split()
        except OSError:
            continue
        found = True
        fields = stat[stat.rindex(b")") + 2 :].split()
        seconds += (int(fields[11]) + int(fields[12])) / _TICKS
        memory += (int(statm[1]) - int(statm[2])) * _PAGE_BYTES
    return Sample(max(0, memory), seconds) if found else None


def tree(pid: int) -> Iterable[int]:
    pending = [pid]
    while pending:
        one = pending.pop()
        yield one
        try:
            for task in os.listdir(f"/proc/{one}/task"):
                text = Path(f"/proc/{one}/task/{task}/children").read_text()
                pending.extend(int(word) for word in text.split())
        except OSError:
            continue


def over_limit(samples: Mapping[str, Sample], limits: Mapping[str, int]) -> list[str]:
    """The containers that use more memory than they may. Pure."""
    return [
        name
        for name, used in samples.items()
        if name in limits and used.memory_bytes > limits[name]
    ]


def describe(samples: Mapping[str, Sample]) -> list[dict[str, Any]]:
    return [
        {"container": name, "memoryBytes": s.memory_bytes, "cpuSeconds": round(s.cpu_seconds, 3)}
        for name, s in sorted(samples.items())
    ]
