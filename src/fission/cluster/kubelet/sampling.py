"""Reads what containers use: their control group's files where there are such, /proc otherwise.

Cheap enough for every pod every few seconds: files are opened once and read again in place (4 µs
instead of 17, measured), and a process's threads are asked for children at every third reading.
Descriptors are kept up to a quarter of what this process may open; beyond that files are opened
for each reading.

Without a control group memory is what a process tree has resident and not in files. The kernel
counts pages that a fork shares with its zygote as the fork's own. How many those are is asked
once a minute (``smaps_rollup``, which is slow) and subtracted, so that a pod answers for what it
has itself and for its share of what it shares.
"""

from __future__ import annotations

import os
import resource
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from fission.cluster.kubelet import usage
from fission.cluster.kubelet.sandbox import cgroups

SHARED_SECONDS = 60.0
"""How long the figure for shared pages is believed."""
SHARED_REST_FACTOR = 1000.0
"""A large process takes long to look through: it rests this many times as long afterwards."""
THREADS_EVERY = 3
"""Every how many readings the threads besides the first are asked for children."""
KEPT_SHARE = 4
READ_BYTES = 4096

_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
_TICKS = os.sysconf("SC_CLK_TCK")


class Budget:
    """How many descriptors may still be kept."""

    def __init__(self, left: int | None = None) -> None:
        soft = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
        self.left = soft // KEPT_SHARE if left is None else left


class KeptFile:
    """A file of /proc or of a control group: open as long as the budget allows it."""

    def __init__(self, path: str, budget: Budget) -> None:
        self._path = path
        self._budget = budget
        self._fd: int | None = None

    def read(self) -> bytes:
        """The content as it is now; OSError when what it is about is gone."""
        if self._fd is None:
            fd = os.open(self._path, os.O_RDONLY | os.O_CLOEXEC)
            if self._budget.left <= 0:
                try:
                    return os.read(fd, READ_BYTES)
                finally:
                    os.close(fd)
            self._budget.left -= 1
            self._fd = fd
        return os.pread(self._fd, READ_BYTES, 0)

    def close(self) -> None:
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None
            self._budget.left += 1


@dataclass
class Use:
    """One reading of one process."""

    cpu_seconds: float
    """With that of the children that it has waited for."""
    private_bytes: int
    threads: int
    started_ticks: int
    """When it began, in clock ticks since the machine did."""


class Process:
    """One process, by files that stay with it: another one with its pid is never read."""

    def __init__(self, pid: int, budget: Budget) -> None:
        self.pid = pid
        self._stat = KeptFile(f"/proc/{pid}/stat", budget)
        self._statm = KeptFile(f"/proc/{pid}/statm", budget)
        self._children = KeptFile(f"/proc/{pid}/task/{pid}/children", budget)
        self._shared_bytes = 0
        self._look_again_at = 0.0

    def read(self, monotonic: float) -> Use | None:
        """None when it has ended."""
        try:
            stat, statm = self._stat.read(), self._statm.read().split()
        except OSError:
            return None
        if not stat or not statm:
            return None
        fields = stat[stat.rindex(b")") + 2 :].split()
        if fields[0] in (b"Z", b"X"):
            return None
        anonymous = (int(statm[1]) - int(statm[2])) * _PAGE_BYTES
        if monotonic >= self._look_again_at:
            self._look_at_shared(monotonic)
        return Use(
            sum(int(ticks) for ticks in fields[11:15]) / _TICKS,
            max(0, anonymous - self._shared_bytes),
            int(fields[17]),
            int(fields[19]),
        )

    def _look_at_shared(self, monotonic: float) -> None:
        begun = time.perf_counter()
        self._shared_bytes = shared_bytes(self.pid)
        rest = (time.perf_counter() - begun) * SHARED_REST_FACTOR
        self._look_again_at = monotonic + max(SHARED_SECONDS, rest)

    def children(self, threads: int, *, thorough: bool) -> list[int]:
        """Its children's pids; those that other threads started only when asked thoroughly."""
        try:
            found = [int(word) for word in self._children.read().split()]
        except OSError:
            return []
        if threads > 1 and thorough:
            found += _children_of_threads(self.pid)
        return found

    def close(self) -> None:
        for file in (self._stat, self._statm, self._children):
            file.close()


def _children_of_threads(pid: int) -> Iterable[int]:
    try:
        tasks = os.listdir(f"/proc/{pid}/task")
    except OSError:
        return
    for task in tasks:
        if task == str(pid):
            continue
        try:
            words = Path(f"/proc/{pid}/task/{task}/children").read_bytes().split()
        except OSError:
            continue
        yield from (int(word) for word in words)


def shared_bytes(pid: int) -> int:
    """Anonymous memory that counts as this process's and is others' too, less its share of it.

    0 where the kernel does not tell: the figure for memory is an upper bound then.
    """
    found = {}
    try:
        with open(f"/proc/{pid}/smaps_rollup", "rb") as file:
            for line in file:
                name, _, rest = line.partition(b":")
                if name in (b"Anonymous", b"Pss_Anon"):
                    found[name] = int(rest.split()[0]) * 1024
    except (OSError, ValueError, IndexError):
        return 0
    if len(found) < 2:
        return 0
    return max(0, found[b"Anonymous"] - found[b"Pss_Anon"])


# --- control groups -----------------------------------------------------------------------------


@dataclass
class Group:
    """Files of a container's own control group; those that it does not have are None."""

    usage: KeptFile | None = None
    stat: KeptFile | None = None
    inactive: bytes = b""
    cpu: KeptFile | None = None
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


def open_group(folders: dict[str, str], budget: Budget) -> Group:
    """The readable files of these folders; version 1 where it has them, else version 2."""
    group = Group()
    memory, cpu, unified = folders.get("memory"), folders.get("cpuacct"), folders.get("")
    if memory is not None:
        group.usage = KeptFile(f"{memory}/memory.usage_in_bytes", budget)
        group.stat = KeptFile(f"{memory}/memory.stat", budget)
        group.inactive = b"total_inactive_file "
    elif unified is not None and os.path.exists(f"{unified}/memory.current"):
        group.usage = KeptFile(f"{unified}/memory.current", budget)
        group.stat = KeptFile(f"{unified}/memory.stat", budget)
        group.inactive = b"inactive_file "
    if cpu is not None:
        group.cpu, group.cpu_version = KeptFile(f"{cpu}/cpuacct.usage", budget), 1
    elif unified is not None and os.path.exists(f"{unified}/cpu.stat"):
        group.cpu = KeptFile(f"{unified}/cpu.stat", budget)
    return group


# --- containers ---------------------------------------------------------------------------------


@dataclass
class _Tree:
    root: int
    group: Group
    processes: dict[int, Process] = field(default_factory=dict)
    readings: int = 0
    age_seconds: float = 0.0

    def close(self) -> None:
        self.group.close()
        for process in self.processes.values():
            process.close()


class Sampler:
    """Reads containers by their first process; knows what it read before."""

    def __init__(
        self,
        monotonic: Callable[[], float] = time.monotonic,
        *,
        boot_time: Callable[[], float] = lambda: time.clock_gettime(time.CLOCK_BOOTTIME),
        kept: int | None = None,
    ) -> None:
        self._monotonic = monotonic
        self._boot_time = boot_time
        self._budget = Budget(kept)
        self._trees: dict[str, _Tree] = {}
        self._mounted = mount_points(_text("/proc/self/mounts"))

    def read(self, key: str, pid: int) -> usage.Sample | None:
        """Use of the container ``key`` whose first process is ``pid``; None when it has ended."""
        tree = self._trees.get(key)
        if tree is not None and tree.root != pid:
            self._drop(key)
            tree = None
        if tree is None:
            folders = group_folders(_text(f"/proc/{pid}/cgroup"), self._mounted)
            tree = self._trees[key] = _Tree(pid, open_group(folders, self._budget))
        found = self._walk(tree)
        if found is None:
            self._drop(key)
            return None
        memory, cpu = tree.group.memory_bytes(), tree.group.cpu_seconds()
        return usage.Sample(
            found.memory_bytes if memory is None else memory,
            found.cpu_seconds if cpu is None else cpu,
            found.age_seconds,
            memory is not None,
        )

    def _walk(self, tree: _Tree) -> usage.Sample | None:
        """The sum over the process tree."""
        monotonic = self._monotonic()
        thorough = tree.readings % THREADS_EVERY == 0
        tree.readings += 1
        memory, seconds, alive = 0, 0.0, set()
        # Children of threads are found at every third reading only; meanwhile they are remembered.
        pending = [tree.root, *(pid for pid in tree.processes if not thorough)]
        while pending:
            pid = pending.pop()
            if pid in alive:
                continue
            process = tree.processes.get(pid)
            if process is None:
                process = tree.processes[pid] = Process(pid, self._budget)
            use = process.read(monotonic)
            if use is None:
                tree.processes.pop(pid).close()
                if pid == tree.root:
                    return None
                continue
            alive.add(pid)
            memory += use.private_bytes
            seconds += use.cpu_seconds
            if pid == tree.root:
                tree.age_seconds = self._boot_time() - use.started_ticks / _TICKS
            pending += process.children(use.threads, thorough=thorough)
        for pid in tree.processes.keys() - alive:
            tree.processes.pop(pid).close()
        return usage.Sample(memory, seconds, max(0.0, tree.age_seconds))

    def keep(self, keys: Iterable[str]) -> None:
        """Forget all containers but these."""
        for key in self._trees.keys() - set(keys):
            self._drop(key)

    def _drop(self, key: str) -> None:
        self._trees.pop(key).close()

    def close(self) -> None:
        self.keep(())


def _text(path: str) -> str:
    try:
        return Path(path).read_text()
    except OSError:
        return ""
