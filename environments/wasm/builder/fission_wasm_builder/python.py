"""`app.py` and what lies beside it become a component: an interpreter with the program in it.

The program is either a class `IncomingHandler`, as componentize-py has it for `wasi:http`, or a
WSGI application `app`. It is imported when it is built; a request finds it imported.
"""

from __future__ import annotations

import ast
import pathlib

from fission_wasm_builder import errors

BUILDER = pathlib.Path(__file__).parents[1]
WIT = BUILDER / "wit"
LIBRARY = BUILDER / "lib"
"""Holds the module that serves a WSGI application."""
WORLD = "function"
WSGI_MODULE = "fission_wsgi"
RUN = "import sys, componentize_py as c; sys.argv[0] = c.__name__; sys.exit(c.script())"


def make_words(source: pathlib.Path, target: pathlib.Path) -> list[str]:
    """The arguments of componentize-py for a source with an `app.py`; raises BuildError."""
    module = pick_module((source / "app.py").read_text(errors="replace"))
    paths = ["-p", str(source), "-p", str(LIBRARY)]
    wit = ["-d", str(WIT), "-w", WORLD]
    return [*wit, "componentize", *paths, module, "-o", str(target / "main.wasm")]


def pick_module(text: str) -> str:
    """The module that exports the handler: the person's own, or ours around an application."""
    try:
        tree = ast.parse(text, "app.py")
    except SyntaxError as error:
        raise errors.BuildError(f"app.py, line {error.lineno}: {error.msg}") from None
    names: set[str] = set()
    for node in tree.body:
        if isinstance(node, (ast.ClassDef, ast.FunctionDef)):
            names.add(node.name)
        elif isinstance(node, (ast.Assign, ast.AnnAssign)):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            names |= {target.id for target in targets if isinstance(target, ast.Name)}
        elif isinstance(node, (ast.ImportFrom, ast.Import)):
            names |= {alias.asname or alias.name for alias in node.names}
    if "IncomingHandler" in names:
        return "app"
    if "app" in names:
        return WSGI_MODULE
    raise errors.BuildError(
        "app.py: needs a class IncomingHandler (as componentize-py has it) or a WSGI application "
        f"app; it has: {', '.join(sorted(names)) or 'nothing'}"
    )
