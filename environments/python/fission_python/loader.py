"""From an entry point and code on disk to a Python object.

``module.function`` is split at the last dot, so packages work (``pkg.mod.func``); a single word is
a function of module ``main``; nothing is ``main.main``. A folder (or a zip that was kept packed) is
put on the import path; of a single file only the function's name is used.
"""

from __future__ import annotations

import dataclasses
import importlib
import importlib.machinery
import importlib.util
import os
import pkgutil
import sys
import traceback
import zipfile
from types import ModuleType
from typing import Any

SINGLE_FILE_MODULE = "user_function"
"""The name under which a single file is imported; appears in its tracebacks and log records."""


class LoadError(Exception):
    """The function cannot be loaded. The text is for its owner and may hold a traceback."""


@dataclasses.dataclass(frozen=True)
class EntryPoint:
    """Where the function is: a dotted module and the name of an object in it."""

    module: str
    function: str

    def __str__(self) -> str:
        return f"{self.module}.{self.function}"


def parse_entry_point(text: str) -> EntryPoint:
    """Read an entry point; raises LoadError for something that cannot be one."""
    module, dot, function = text.strip().rpartition(".")
    if not dot:
        module, function = "main", function or "main"
    if not all(part.isidentifier() for part in (*module.split("."), function)):
        raise LoadError(
            f"entry point {text!r} is not a dotted Python name such as hello.main or pkg.mod.func"
        )
    return EntryPoint(module, function)


def load(path: str, entry_point: EntryPoint) -> Any:
    """Import the code at ``path`` and return the object that the entry point names.

    Raises LoadError, which says what is there when something is not.
    """
    if not os.path.exists(path):
        raise LoadError(f"there is no code at {path}")
    if os.path.isdir(path) or zipfile.is_zipfile(path):
        module = _import_from(path, entry_point)
    else:
        module = _import_file(path)
    try:
        return getattr(module, entry_point.function)
    except AttributeError:
        names = [name for name, value in vars(module).items() if callable(value) and name[0] != "_"]
        raise LoadError(
            f"entry point {entry_point}: module {entry_point.module!r} has no function "
            f"{entry_point.function!r}; it has: {', '.join(sorted(names)) or 'none'}"
        ) from None


def put_on_import_path(folder: str) -> None:
    """Let ``folder`` win over installed packages, but not over the standard library."""
    if folder in sys.path:
        return
    for index, entry in enumerate(sys.path):
        if entry.rstrip("/").endswith(("site-packages", "dist-packages")):
            sys.path.insert(index, folder)
            return
    sys.path.append(folder)


def _import_from(folder: str, entry_point: EntryPoint) -> ModuleType:
    put_on_import_path(folder)
    importlib.invalidate_caches()
    root = entry_point.module.partition(".")[0]
    already = sys.modules.get(root)
    if already is not None and not _belongs_to(already, folder):
        # The runtime itself, or something it preloaded, has that name; the user's code wins.
        found = importlib.machinery.PathFinder.find_spec(root, [folder])
        if found is not None:
            _forget(root)
    try:
        return importlib.import_module(entry_point.module)
    except ModuleNotFoundError as error:
        if error.name is not None and (entry_point.module + ".").startswith(error.name + "."):
            present = sorted(found.name for found in pkgutil.iter_modules([folder]))
            raise LoadError(
                f"entry point {entry_point}: no module {error.name!r} in the package; "
                f"it has: {', '.join(present) or 'none'}"
            ) from None
        raise LoadError(_describe(error)) from error
    except BaseException as error:
        raise _load_error(error) from error


def _import_file(path: str) -> ModuleType:
    source = importlib.machinery.SourceFileLoader(SINGLE_FILE_MODULE, path)
    spec = importlib.util.spec_from_loader(SINGLE_FILE_MODULE, source)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[SINGLE_FILE_MODULE] = module
    sys.dont_write_bytecode, before = True, sys.dont_write_bytecode
    try:
        source.exec_module(module)
    except BaseException as error:
        del sys.modules[SINGLE_FILE_MODULE]
        raise _load_error(error) from error
    finally:
        sys.dont_write_bytecode = before
    return module


def _load_error(error: BaseException) -> BaseException:
    """Turn whatever the user's module raised into a LoadError; ``sys.exit`` counts as well."""
    if isinstance(error, KeyboardInterrupt):
        return error
    return LoadError(_describe(error))


def _describe(error: BaseException) -> str:
    """Format the traceback from the user's first frame on."""
    frames = traceback.extract_tb(error.__traceback__)
    first = 0
    for index, frame in enumerate(frames):
        if frame.filename == __file__ or "importlib" in frame.filename:
            first = index + 1
        else:
            break
    lines = ["Traceback (most recent call last):\n"] if frames[first:] else []
    lines += traceback.format_list(frames[first:])
    lines += traceback.format_exception_only(type(error), error)
    return "".join(lines).rstrip()


def _belongs_to(module: ModuleType, folder: str) -> bool:
    file = getattr(module, "__file__", None) or ""
    return file.startswith(folder.rstrip("/") + "/")


def _forget(root: str) -> None:
    for name in list(sys.modules):
        if name == root or name.startswith(root + "."):
            del sys.modules[name]
