"""What builds leave behind, in a process of its own that adopts it."""

from __future__ import annotations

import subprocess
import sys

ORPHANS = """
import os, pathlib, subprocess
from fission.builder import processes

processes.prepare()
reaper = processes.Reaper(owns_process=True)
with reaper.starting():
    first = subprocess.Popen(
        ["sh", "-c", "for n in 1 2 3; do (setsid env -i true &); done; sleep 60 & echo ready"],
        stdout=subprocess.PIPE, start_new_session=True, env=os.environ | {"FISSION_BUILD_ID": "m"},
    )
    reaper.started(first.pid, "m")
first.stdout.readline()
assert first.wait() == 0, first.returncode
reaper.end(first.pid)
left = pathlib.Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()
states = [pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][0] for pid in left]
print(states)
"""


def test_orphans_of_a_build_leave_no_entry_in_the_table_of_processes() -> None:
    ran = subprocess.run(
        [sys.executable, "-c", ORPHANS], capture_output=True, text=True, timeout=30, check=False
    )
    assert (ran.stdout, ran.returncode) == ("[]\n", 0), ran.stderr
