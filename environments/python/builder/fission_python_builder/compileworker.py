"""One process of ``bytecode``: reads the names of files, says a line about each."""

import json
import os
import py_compile
import sys

MODE = py_compile.PycInvalidationMode.UNCHECKED_HASH


def main(root: str) -> None:
    """Compile each file; a report is empty, or says why a file could not be."""
    for name in json.load(sys.stdin):
        print(json.dumps(_compile(os.path.join(root, name), name)), flush=True)


def _compile(path: str, name: str) -> dict[str, str]:
    try:
        py_compile.compile(path, dfile=name, doraise=True, invalidation_mode=MODE)
    except py_compile.PyCompileError as error:
        return {name: _describe(error.exc_value)}
    except (ValueError, RecursionError, MemoryError, OverflowError, OSError) as error:
        return {name: _describe(error)}
    return {}


def _describe(error: BaseException) -> str:
    if isinstance(error, SyntaxError):
        return f"line {error.lineno}: {error.msg}"
    return f"{type(error).__name__}: {error}"


if __name__ == "__main__":
    main(sys.argv[1])
