"""How the kernel shares the processor between the processes of a busy machine."""

import contextlib
import os


def stand_back() -> None:
    """Let this process's work wait for the turn of others that have just woken up.

    For work that somebody waits for, but not within milliseconds. Its share of the processor stays
    the same (``SCHED_BATCH``). Where the system has no such thing, nothing changes.
    """
    if hasattr(os, "SCHED_BATCH"):
        with contextlib.suppress(OSError):
            os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))
