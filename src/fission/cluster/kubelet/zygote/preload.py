"""Imports that a spawner pays for once, and what a fork must repair of them.

Threads do not survive a fork and their locks do, so an import that starts a thread is refused by
name; the numeric libraries' own threads are held to one before they load.
"""

import gc
import importlib
import os
import sys
from collections.abc import Callable, Sequence
from typing import Any

SINGLE_THREAD_SETTINGS = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "BLIS_NUM_THREADS",
    "NUMEXPR_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
)


class PreloadError(Exception):
    """A module cannot be in a fork server; the message names it and says why."""


def load(modules: Sequence[str], paths: Sequence[str]) -> None:
    """Import ``modules`` with ``paths`` first on the module path, then settle memory for forks."""
    sys.path[:0] = [path for path in paths if path not in sys.path]
    for name in SINGLE_THREAD_SETTINGS:
        os.environ[name] = "1"
    gc.disable()
    for module in modules:
        try:
            importlib.import_module(module)
        except Exception as error:
            kind = type(error).__name__
            raise PreloadError(f"preload {module!r} cannot be imported: {kind}: {error}") from error
        threads = count_threads()
        if threads > 1:
            raise PreloadError(
                f"preload {module!r} starts {threads - 1} thread(s) when it is imported; a process "
                "with threads cannot be forked safely: leave it out of the preload list"
            )
    gc.collect()
    gc.freeze()


def count_threads() -> int:
    """Threads of this process as the kernel counts them, native ones included."""
    return len(os.listdir("/proc/self/task"))


def entry_module(entry: str) -> str:
    """The module of ``module:function``; ValueError when it is anything else."""
    module, separator, function = entry.partition(":")
    if not (module and separator and function):
        raise ValueError(f"entry {entry!r} is not of the form 'module:function'")
    return module


def find_entry(entry: str) -> Callable[[list[str]], Any]:
    found: Callable[[list[str]], Any] = getattr(
        importlib.import_module(entry_module(entry)), entry.partition(":")[2]
    )
    return found


def after_fork() -> None:
    """In a child: make generators that preloads seeded differ from every sibling's.

    ``random`` and OpenSSL reseed themselves after a fork; numpy's legacy generator does not.
    """
    numpy_random = sys.modules.get("numpy.random")
    if numpy_random is not None:
        numpy_random.seed()
    gc.enable()
