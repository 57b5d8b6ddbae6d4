"""CEL expressions: compile with a check of names, evaluate over plain JSON values.

The engine (cel-python) costs 140 ms and 18 MB to import, so it is imported when the first
definition with rules arrives, never before. Only this module knows the engine.

Property names that are no identifiers are escaped as Kubernetes does (``a-b`` → ``a__dash__b``).
Strings whose format is ``date-time``, ``date`` or ``duration`` become timestamps and durations.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from fission.base import errors
from fission.cluster.apiserver.crd import celfunctions, structural

MAX_EXPRESSION_CHARS = 16_384
"""Longer rules are refused: parsing is linear, reading them is not."""


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_SYNTAX = _words(
    """
    all exists exists_one map filter
    """
)
_BUILT_IN = _words(
    """
    has size int uint double string bool bytes type dyn duration timestamp matches contains
    startsWith endsWith getFullYear getMonth getDate getDayOfMonth getDayOfWeek getDayOfYear
    getHours getMinutes getSeconds getMilliseconds
    """
)
_TYPE_NAMES = _words(
    """
    int uint double string bool bytes list map null_type type
    """
)
_RESERVED = _words(
    """
    true false null in as break const continue else for function if import let loop package
    namespace return var void while
    """
)
_GUARD = re.compile(r"\s*!has\(\s*self\.(\w+)\s*\)\s*\|\|")
_FREE_GUARD = re.compile(r"\s*!has\(\s*(\w+(?:\.\w+)+)\s*\)\s*\|\|")
_PARTS = re.compile(r"\"(?:\\.|[^\"\\])*\"|'(?:\\.|[^'\\])*'|[()\[\]{}?]")
"""Strings, which are passed over, brackets and the question mark."""
_ESCAPES = (("__", "__underscores__"), (".", "__dot__"), ("-", "__dash__"), ("/", "__slash__"))


class CompileError(errors.Error):
    """The text is not an expression that can be evaluated here."""

    reason = "InvalidExpression"


class EvaluationError(errors.Error):
    """The expression could not be evaluated over these values."""

    reason = "EvaluationFailed"


class Program:
    """One compiled expression."""

    def __init__(self, text: str, run: Callable[[Mapping[str, Any]], Any], uses_old: bool) -> None:
        self.text = text
        self.uses_old = uses_old
        self.guard = _guard_of(text)
        """The field without which this is true: ``x`` of ``!has(self.x) || …``."""
        self.free_guard = _free_guard_of(text)
        """The same over free variables: the path of ``!has(object.spec.x) || …``."""
        self._run = run

    def evaluate(self, variables: Mapping[str, Any]) -> Any:
        """Return the result; ``variables`` are values of ``convert``."""
        try:
            return self._run(variables)
        except Exception as error:  # the engine's errors have no common base
            raise EvaluationError(_message(error)) from error


def compile_expression(text: str, node: structural.Node) -> Program:
    """Compile ``text`` where ``self`` (and ``oldSelf``) is a value of ``node``."""
    if len(text) > MAX_EXPRESSION_CHARS:
        raise CompileError(f"expression is longer than {MAX_EXPRESSION_CHARS} characters")
    tree, run = _parse(text)
    used = _check_names(tree, node)
    return Program(text, run, "oldSelf" in used)


def compile_free(
    text: str, variables: frozenset[str], fields: Mapping[str, Sequence[str]]
) -> Program:
    """Compile over variables whose schema is not known; of some, ``fields`` lists all fields."""
    if len(text) > MAX_EXPRESSION_CHARS:
        raise CompileError(f"expression is longer than {MAX_EXPRESSION_CHARS} characters")
    tree, run = _parse(text)
    _check_tree(tree, _UNKNOWN, variables, set(), fields)
    return Program(text, run, False)


@functools.lru_cache(maxsize=1024)
def _parse(text: str) -> tuple[Any, Callable[[Mapping[str, Any]], Any]]:
    """The tree and what evaluates it; definitions repeat their rules, which take 1 ms each."""
    engine = _engine()
    try:
        tree = engine.environment.compile(text)
    except Exception as error:
        line = str(error).strip().splitlines()
        raise CompileError(f"Syntax error: {line[0] if line else error}") from error
    return tree, engine.environment.program(tree, functions=engine.functions).evaluate


def convert(value: Any, node: structural.Node | None) -> Any:
    """The engine's form of a JSON value, typed by its schema."""
    types = _engine().types
    if isinstance(value, dict):
        return types.MapType(
            {
                types.StringType(_name_in_rules(name, node)): convert(item, _child(node, name))
                for name, item in value.items()
            }
        )
    if isinstance(value, list):
        items = node.items if node else None
        return types.ListType([convert(item, items) for item in value])
    if value is None:
        return None
    if isinstance(value, bool):
        return types.BoolType(value)
    if isinstance(value, int):
        is_number = node is not None and node.type == "number"
        return types.DoubleType(value) if is_number else types.IntType(value)
    if isinstance(value, float):
        return types.DoubleType(value)
    return _convert_string(value, str(node.raw.get("format") or "") if node else "")


def _convert_string(value: str, format_: str) -> Any:
    types = _engine().types
    try:
        if format_ in ("date-time", "date"):
            return types.TimestampType(value if "T" in value else f"{value}T00:00:00Z")
        if format_ == "duration":
            return types.DurationType(value)
    except ValueError:
        return types.StringType(value)
    return types.StringType(value)


def escape(name: str) -> str:
    """A property's name as rules write it."""
    if name in _RESERVED:
        return f"__{name}__"
    for plain, escaped in _ESCAPES:
        name = name.replace(plain, escaped)
    return name


def _name_in_rules(name: str, node: structural.Node | None) -> str:
    return escape(name) if node is not None and name in node.properties else name


def _child(node: structural.Node | None, name: str) -> structural.Node | None:
    return None if node is None else node.properties.get(name) or node.additional


def _guard_of(text: str) -> str | None:
    """Most rules begin so; knowing it spares the engine where the field is absent."""
    match = _GUARD.match(text)
    return match[1] if match and not _chooses(text) else None


def _free_guard_of(text: str) -> tuple[str, ...]:
    match = _FREE_GUARD.match(text)
    return tuple(match[1].split(".")) if match and not _chooses(text) else ()


def _chooses(text: str) -> bool:
    """Whether the whole may be a ``?:``, of which the guard is but the condition."""
    depth = 0
    for part in _PARTS.findall(text):
        depth += (part in "([{") - (part in ")]}")
        if part == "?" and depth == 0:
            return True
    return False


class _Engine:
    def __init__(self) -> None:
        import celpy
        from celpy import celtypes

        self.environment = celpy.Environment()
        self.types = celtypes
        self.functions = celfunctions.functions(celtypes)


_loaded: list[_Engine] = []


def _engine() -> _Engine:
    if not _loaded:
        _loaded.append(_Engine())
    return _loaded[0]


def _message(error: Exception) -> str:
    text = str(error.args[0]) if error.args else str(error)
    missing = re.fullmatch(r"no such member in mapping: '(.*)'", text)
    return f"no such key: {missing[1]}" if missing else text


# --- Names: the engine finds unknown ones only while evaluating, people want them at once -------


def _check_names(tree: Any, node: structural.Node) -> set[str]:
    used: set[str] = set()
    _check_tree(tree, node, frozenset({"self", "oldSelf"}), used)
    return used


def _check_tree(
    tree: Any,
    node: structural.Node,
    scope: frozenset[str],
    used: set[str],
    fields: Mapping[str, Sequence[str]] | None = None,
) -> None:
    if not hasattr(tree, "children"):
        return
    if tree.data == "ident":
        name = str(tree.children[0])
        used.add(name)
        if name not in scope and name not in _TYPE_NAMES:
            raise CompileError(f"undeclared reference to '{name}' (in container '')")
        return
    if tree.data in ("ident_arg", "dot_ident_arg"):
        _check_function(str(tree.children[0]))
    elif tree.data == "member_dot_arg":
        name = str(tree.children[1])
        if name in _SYNTAX:
            variable = _macro_variable(tree)
            _check_tree(tree.children[0], node, scope, used, fields)
            for child in tree.children[2:]:
                _check_tree(child, node, scope | {variable}, used, fields)
            return
        _check_function(name)
    elif tree.data == "member_dot":
        _resolve(tree, node)
        _check_field(tree, fields or {})
    for child in tree.children:
        _check_tree(child, node, scope, used, fields)


def _check_field(tree: Any, fields: Mapping[str, Sequence[str]]) -> None:
    """Refuse a field that a variable of ``fields`` does not have."""
    base = tree.children[0]
    while hasattr(base, "children") and len(base.children) == 1 and base.data != "ident":
        base = base.children[0]
    if not hasattr(base, "data") or base.data != "ident":
        return
    known, name = fields.get(str(base.children[0])), str(tree.children[1])
    if known is not None and name not in known:
        raise CompileError(f"undefined field '{name}'")


def _check_function(name: str) -> None:
    if name not in _BUILT_IN and name not in celfunctions.NAMES:
        raise CompileError(f"undeclared reference to '{name}' (in container '')")


def _macro_variable(tree: Any) -> str:
    first: Any = tree.children[2].children[0] if len(tree.children) > 2 else None
    while first is not None and hasattr(first, "children"):
        if len(first.children) != 1:
            break
        first = first.children[0]
    if first is None or hasattr(first, "children"):
        raise CompileError("argument must be a simple name")
    return str(first)


_UNKNOWN = structural.Node(raw={}, preserves_unknown=True)


def _resolve(tree: Any, root: structural.Node) -> structural.Node:
    """The schema of a chain such as ``self.a.b``; of anything else a node that knows nothing."""
    children: Sequence[Any] = tree.children
    if tree.data in ("member", "primary") and len(children) == 1 and hasattr(children[0], "data"):
        return _resolve(children[0], root)
    if tree.data == "ident" and str(children[0]) in ("self", "oldSelf"):
        return root
    if tree.data != "member_dot":
        return _UNKNOWN
    base, name = _resolve(children[0], root), str(children[1])
    if base is _UNKNOWN:
        return _UNKNOWN
    declared = {escape(known): child for known, child in base.properties.items()}
    if name in declared:
        return declared[name]
    if base.additional is not None or (base is root and name in ("apiVersion", "kind", "metadata")):
        return base.additional or _UNKNOWN
    raise CompileError(f"undefined field '{name}'")
