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
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from fission.cluster.kubelet import groupusage, keptfiles, usage

SHARED_SECONDS = 60.0
"""How long the figure for shared pages is believed."""
SHARED_REST_FACTOR = 1000.0
"""A large process takes long to look through: it rests this many times as long afterwards."""
THREADS_EVERY = 3
"""Every how many readings the threads besides the first are asked for children."""

_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
_TICKS = os.sysconf("SC_CLK_TCK")


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

    def __init__(self, pid: int, budget: keptfiles.Budget) -> None:
        self.pid = pid
        self._stat = keptfiles.KeptFile(f"/proc/{pid}/stat", budget)
        self._statm = keptfiles.KeptFile(f"/proc/{pid}/statm", budget)
        self._children = keptfiles.KeptFile(f"/proc/{pid}/task/{pid}/children", budget)
        self._budget = budget
        self._shared_bytes = 0
        self._look_again_at: float | None = None

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
        due = self._look_again_at
        if due is None or (monotonic >= due and self._budget.seconds > 0):
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
        spent = time.perf_counter() - begun
        self._budget.seconds -= spent
        self._look_again_at = monotonic + max(SHARED_SECONDS, spent * SHARED_REST_FACTOR)

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


# --- containers ---------------------------------------------------------------------------------


@dataclass
class _Tree:
    root: int
    group: groupusage.Group
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
        self._budget = keptfiles.Budget(kept)
        self._trees: dict[str, _Tree] = {}
        self._mounted = groupusage.mount_points(_text("/proc/self/mounts"))

    def read(self, key: str, pid: int) -> usage.Sample | None:
        """Use of the container ``key`` whose first process is ``pid``; None when it has ended."""
        tree = self._trees.get(key)
        if tree is not None and tree.root != pid:
            self._drop(key)
            tree = None
        if tree is None:
            folders = groupusage.group_folders(_text(f"/proc/{pid}/cgroup"), self._mounted)
            tree = self._trees[key] = _Tree(pid, groupusage.open_group(folders, self._budget))
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
        """Forget all containers but these; the pass is over."""
        self._budget.seconds = keptfiles.SHARED_PASS_SECONDS
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
