"""One control group per container: memory, processes, processor time; kernel versions 1 and 2.

Best effort and visible: where no group can be made (an ordinary user without delegation) the
caller learns it and falls back to limits per process. A group is removed when its container has
ended; the pid namespace, or the spawner's reaping, has emptied it by then.
"""

import contextlib
import os
from collections.abc import Callable
from dataclasses import dataclass, field

from fission.cluster.kubelet.sandbox import policy

CPU_PERIOD_MICROSECONDS = 100_000
FOLDER_PREFIX = "fission-"
PLATFORM_FOLDER = "fission"
"""Where this platform's own processes go in a delegated group: a group of version 2 has processes
or children with limits, not both."""
CONTROLLERS = ("memory", "pids", "cpu")


@dataclass
class Hierarchies:
    """Where this process's own groups lie, one directory per controller."""

    version: int = 0
    directories: dict[str, str] = field(default_factory=dict)

    @property
    def has_memory(self) -> bool:
        return "memory" in self.directories

    @property
    def has_cpu(self) -> bool:
        return "cpu" in self.directories


@dataclass
class Group:
    """The control group of one container."""

    version: int
    directories: dict[str, str]

    @property
    def has_memory(self) -> bool:
        return "memory" in self.directories

    @property
    def has_cpu(self) -> bool:
        return "cpu" in self.directories

    def enter(self) -> None:
        """Move the calling process, which has one thread, in; its children follow.

        Version 1 can move a thread: unlike a process that waits for no grace period of the kernel
        (0.2 ms against 10 to 15, measured).
        """
        name = "tasks" if self.version == 1 else "cgroup.procs"
        for directory in set(self.directories.values()):
            _write(f"{directory}/{name}", "0")

    def was_out_of_memory(self) -> bool:
        """Whether the kernel has ended a process of the group for lack of memory."""
        memory = self.directories.get("memory")
        if memory is None:
            return False
        name = "memory.oom_control" if self.version == 1 else "memory.events"
        with contextlib.suppress(OSError, ValueError), open(f"{memory}/{name}") as file:
            for line in file:
                key, _, value = line.partition(" ")
                if key == "oom_kill":
                    return int(value) > 0
        return False

    def remove(self) -> bool:
        """Remove the group; False while a process is still in it."""
        for directory in set(self.directories.values()):
            try:
                os.rmdir(directory)
            except FileNotFoundError:
                continue
            except OSError:
                return False
        return True


def delegate(
    mounts: str = "/proc/self/mounts",
    own: str = "/proc/self/cgroup",
    is_delegated: Callable[[str], bool] = lambda directory: _is_delegated(directory),
) -> bool:
    """Prepare a version 2 group that systemd has delegated to this process, once, at start.

    All of the group's processes, which are the platform's, move to a child of it; then limits can
    be given to other children. False where nothing is delegated or it is done already.
    """
    directory = _unified(mounts, own)
    if directory is None or not is_delegated(directory):
        return False
    try:
        with open(f"{directory}/cgroup.controllers") as file:
            offered = [name for name in CONTROLLERS if name in file.read().split()]
        child = f"{directory}/{PLATFORM_FOLDER}"
        with contextlib.suppress(FileExistsError):
            os.mkdir(child)
        with open(f"{directory}/cgroup.procs") as file:
            processes = file.read().split()
        for pid in processes:
            with contextlib.suppress(ProcessLookupError):
                _write(f"{child}/cgroup.procs", pid)
        for name in offered:
            _write(f"{directory}/cgroup.subtree_control", f"+{name}")
    except OSError:
        return False
    return True


def _unified(mounts: str, own: str) -> str | None:
    """This process's own group of version 2, as a folder."""
    try:
        with open(mounts) as file:
            places = [row.split()[1] for row in file if row.split()[2] == "cgroup2"]
        with open(own) as file:
            paths = [line.rstrip("\n")[3:] for line in file if line.startswith("0::")]
    except OSError:
        return None
    return places[0] + paths[0].rstrip("/") if places and paths else None


def _is_delegated(directory: str) -> bool:
    """Whether systemd says so (`Delegate=yes`): nobody else's processes are ever moved."""
    for name in ("user.delegate", "trusted.delegate"):
        with contextlib.suppress(OSError):
            if os.getxattr(directory, name) == b"1":
                return os.access(directory, os.W_OK)
    return False


def find(mounts: str = "/proc/self/mounts", own: str = "/proc/self/cgroup") -> Hierarchies:
    """The groups below which this process may make its own; empty where it may not."""
    found = Hierarchies()
    try:
        with open(mounts) as file:
            rows = [line.split() for line in file]
        with open(own) as file:
            groups = [line.rstrip("\n").split(":", 2) for line in file]
    except OSError:
        return found
    paths = {name: path for _, names, path in groups for name in names.split(",")}
    for row in rows:
        place, kind, options = row[1], row[2], row[3].split(",")
        if kind == "cgroup":
            for name in CONTROLLERS:
                if name in options and name in paths:
                    _keep(found, 1, name, place + paths[name].rstrip("/"))
        elif kind == "cgroup2" and "" in paths and found.version != 1:
            directory = place + paths[""].rstrip("/").removesuffix(f"/{PLATFORM_FOLDER}")
            for name in _delegated(directory):
                _keep(found, 2, name, directory)
    return found


def sweep(parents: Hierarchies, prefix: str) -> None:
    """Remove groups that an earlier holder of the name ``prefix`` left when it was killed."""
    for directory in set(parents.directories.values()):
        with contextlib.suppress(OSError):
            for name in os.listdir(directory):
                if name.startswith(f"{FOLDER_PREFIX}{prefix}-"):
                    with contextlib.suppress(OSError):
                        os.rmdir(f"{directory}/{name}")


def make(parents: Hierarchies, name: str, limits: policy.Limits) -> Group | None:
    """A group with the limits that need one; None when there is nothing to make or no right to."""
    files = _settings(parents.version, limits)
    wanted = {key: parents.directories[key] for key in files if key in parents.directories}
    if not wanted:
        return None
    group = Group(parents.version, {})
    try:
        for controller, parent in wanted.items():
            directory = f"{parent}/{FOLDER_PREFIX}{name}"
            with contextlib.suppress(FileExistsError):
                os.mkdir(directory)
            group.directories[controller] = directory
            for file, value in files[controller]:
                _write(f"{directory}/{file}", value)
    except OSError:
        group.remove()
        return None
    return group


def _settings(version: int, limits: policy.Limits) -> dict[str, list[tuple[str, str]]]:
    settings: dict[str, list[tuple[str, str]]] = {}
    if limits.memory_bytes is not None:
        name = "memory.limit_in_bytes" if version == 1 else "memory.max"
        settings["memory"] = [(name, str(limits.memory_bytes))]
        if version == 2:
            settings["memory"].append(("memory.oom.group", "1"))
    if limits.max_processes is not None:
        settings["pids"] = [("pids.max", str(limits.max_processes))]
    if limits.cpu_millis is not None:
        quota = max(1000, limits.cpu_millis * CPU_PERIOD_MICROSECONDS // 1000)
        if version == 1:
            settings["cpu"] = [
                ("cpu.cfs_period_us", str(CPU_PERIOD_MICROSECONDS)),
                ("cpu.cfs_quota_us", str(quota)),
            ]
        else:
            settings["cpu"] = [("cpu.max", f"{quota} {CPU_PERIOD_MICROSECONDS}")]
    return settings


def _keep(found: Hierarchies, version: int, name: str, directory: str) -> None:
    if os.access(directory, os.W_OK):
        found.version = version
        found.directories.setdefault(name, directory)


def _delegated(directory: str) -> list[str]:
    """Controllers that children of a version 2 group may use."""
    with contextlib.suppress(OSError), open(f"{directory}/cgroup.subtree_control") as file:
        enabled = file.read().split()
        return [name for name in CONTROLLERS if name in enabled]
    return []


def _write(path: str, value: str) -> None:
    with open(path, "w") as file:
        file.write(value)
