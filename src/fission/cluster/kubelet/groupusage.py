"""What a container uses by its own control group, of kernel versions 1 and 2.

Only groups that were made for one container count: a process may as well be in one of its user's.
"""

from __future__ import annotations

import os
from dataclasses import dataclass

from fission.cluster.kubelet import keptfiles
from fission.cluster.kubelet.sandbox import cgroups


@dataclass
class Group:
    """Files of a container's own control group; those that it does not have are None."""

    usage: keptfiles.KeptFile | None = None
    stat: keptfiles.KeptFile | None = None
    inactive: bytes = b""
    cpu: keptfiles.KeptFile | None = None
    cpu_version: int = 2

    def memory_bytes(self) -> int | None:
        """The working set: what is charged, without file pages that may be dropped at any time."""
        if self.usage is None or self.stat is None:
            return None
        try:
            used, stat = int(self.usage.read()), self.stat.read()
        except (OSError, ValueError):
            return None
        for line in stat.splitlines():
            if line.startswith(self.inactive):
                return max(0, used - int(line.split()[1]))
        return used

    def cpu_seconds(self) -> float | None:
        if self.cpu is None:
            return None
        try:
            content = self.cpu.read()
            if self.cpu_version == 1:
                return int(content) / 1e9
            return int(content.split()[1]) / 1e6
        except (OSError, ValueError, IndexError):
            return None

    def close(self) -> None:
        for file in (self.usage, self.stat, self.cpu):
            if file is not None:
                file.close()


def mount_points(mounts: str) -> dict[str, str]:
    """Controller → where its hierarchy is mounted; "" is version 2. Pure."""
    found: dict[str, str] = {}
    for line in mounts.splitlines():
        words = line.split()
        if len(words) > 3 and words[2] == "cgroup2":
            found.setdefault("", words[1])
        elif len(words) > 3 and words[2] == "cgroup":
            for name in ("memory", "cpuacct"):
                if name in words[3].split(","):
                    found.setdefault(name, words[1])
    return found


def group_folders(own: str, mounted: dict[str, str]) -> dict[str, str]:
    """Controller → folder of the group that was made for this container alone. Pure."""
    found = {}
    for line in own.splitlines():
        _, names, path = line.split(":", 2)
        if not path.rpartition("/")[2].startswith(cgroups.FOLDER_PREFIX):
            continue
        for name in names.split(","):
            if name in mounted:
                found[name] = mounted[name].rstrip("/") + path
    return found


def open_group(folders: dict[str, str], budget: keptfiles.Budget) -> Group:
    """The readable files of these folders; version 1 where it has them, else version 2."""
    group = Group()
    memory, cpu, unified = folders.get("memory"), folders.get("cpuacct"), folders.get("")
    if memory is not None:
        group.usage = keptfiles.KeptFile(f"{memory}/memory.usage_in_bytes", budget)
        group.stat = keptfiles.KeptFile(f"{memory}/memory.stat", budget)
        group.inactive = b"total_inactive_file "
    elif unified is not None and os.path.exists(f"{unified}/memory.current"):
        group.usage = keptfiles.KeptFile(f"{unified}/memory.current", budget)
        group.stat = keptfiles.KeptFile(f"{unified}/memory.stat", budget)
        group.inactive = b"inactive_file "
    if cpu is not None:
        group.cpu, group.cpu_version = keptfiles.KeptFile(f"{cpu}/cpuacct.usage", budget), 1
    elif unified is not None and os.path.exists(f"{unified}/cpu.stat"):
        group.cpu = keptfiles.KeptFile(f"{unified}/cpu.stat", budget)
    return group
