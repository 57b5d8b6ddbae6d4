"""Validation rules (``x-kubernetes-validations``) of one schema, compiled and walked.

A rule sees the value it is written on as ``self``. Rules that read ``oldSelf`` are transition
rules: they run only on updates, and only where the old value can be found again (same property or
map key, same item of a ``map`` list; items of other lists have no old self). A value that an
update leaves as it was is not judged again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from fission.cluster.apiserver.crd import cel, listtypes, paths, structural, validation
from fission.meta import status

MISSING: Any = object()
"""The old value where there is none."""

_REMEMBERED = 4096
_REMEMBERED_BYTES = 512
"""Values no larger than this that were found good are not evaluated again: many objects share them,
and an evaluation takes as long as the rest of a write."""

_REASONS = {
    "FieldValueInvalid": "Invalid value",
    "FieldValueForbidden": "Forbidden",
    "FieldValueRequired": "Required value",
    "FieldValueDuplicate": "Duplicate value",
}


@dataclass(frozen=True, slots=True)
class Rule:
    """One compiled rule."""

    program: cel.Program
    message: str
    message_program: cel.Program | None
    reason: str
    field_path: paths.Path


class Rules:
    """All rules of a schema; raises ``RuleErrors`` when some do not compile."""

    def __init__(self, root: structural.Node) -> None:
        self._rules: dict[structural.Node, list[Rule]] = {}
        self._ruled: set[structural.Node] = set()
        problems: list[status.Cause] = []
        self._compile(root, "", problems)
        if problems:
            raise RuleErrors(problems)
        self._root = root
        self._good: dict[tuple[structural.Node, bytes], None] = {}

    def __bool__(self) -> bool:
        return bool(self._rules)

    def check(self, obj: Any, old: Any = MISSING) -> list[validation.Found]:
        """Return the causes of every rule that does not hold."""
        return list(self._check(obj, old, self._root, ())) if self._rules else []

    def _compile(self, node: structural.Node, where: str, problems: list[status.Cause]) -> bool:
        rules = []
        for index, raw in enumerate(node.validations):
            here = f"{where}.x-kubernetes-validations[{index}]"
            rule = _compile_rule(raw, node, here, problems)
            if rule is not None:
                rules.append(rule)
        if rules:
            self._rules[node] = rules
        below = [
            self._compile(child, f"{where}.properties[{name}]", problems)
            for name, child in node.properties.items()
        ]
        if node.additional is not None:
            below.append(self._compile(node.additional, f"{where}.additionalProperties", problems))
        if node.items is not None:
            below.append(self._compile(node.items, f"{where}.items", problems))
        if any(below) or rules:
            self._ruled.add(node)
        return node in self._ruled

    def _check(
        self, value: Any, old: Any, node: structural.Node, path: paths.Path
    ) -> Iterator[validation.Found]:
        if value is None or node not in self._ruled or (old is not MISSING and value == old):
            return
        if node in self._rules:
            yield from self._check_here(value, old, node, path)
        if isinstance(value, dict):
            before = old if isinstance(old, dict) else {}
            for name, item in value.items():
                child = node.properties.get(name)
                if child is not None:
                    yield from self._check(item, before.get(name, MISSING), child, (*path, name))
                elif node.additional is not None:
                    key = (*path, paths.Key(name))
                    yield from self._check(item, before.get(name, MISSING), node.additional, key)
        elif isinstance(value, list) and node.items is not None:
            find_old = _finder(old, node)
            for index, item in enumerate(value):
                yield from self._check(item, find_old(item), node.items, (*path, index))

    def _check_here(
        self, value: Any, old: Any, node: structural.Node, path: paths.Path
    ) -> Iterator[validation.Found]:
        known = self._key(value, node)
        if known in self._good:
            return
        is_good = True
        variables: dict[str, Any] = {}
        has_old = old is not MISSING and old is not None
        present = {cel.escape(name) for name in value} if isinstance(value, dict) else None
        for rule in self._rules[node]:
            if rule.program.uses_old and not has_old:
                continue
            guard = rule.program.guard
            if guard is not None and present is not None and guard not in present:
                continue
            if not variables:
                variables["self"] = cel.convert(value, node)
                if has_old:
                    variables["oldSelf"] = cel.convert(old, node)
            cause = _judge(rule, variables, value, path)
            if cause is not None:
                is_good = False
                yield path, cause
        if is_good and known is not None:
            while len(self._good) >= _REMEMBERED:
                del self._good[next(iter(self._good))]
            self._good[known] = None

    def _key(self, value: Any, node: structural.Node) -> tuple[structural.Node, bytes] | None:
        """What the rules of a node say of this value again; None where that is not so."""
        if any(rule.program.uses_old for rule in self._rules[node]):
            return None
        text = orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
        return (node, text) if len(text) <= _REMEMBERED_BYTES else None


class RuleErrors(Exception):
    """Rules that cannot be compiled, with the schema path of each."""

    def __init__(self, causes: list[status.Cause]) -> None:
        super().__init__("; ".join(cause.message for cause in causes))
        self.causes = causes


def _judge(
    rule: Rule, variables: Mapping[str, Any], value: Any, path: paths.Path
) -> status.Cause | None:
    try:
        if bool(rule.program.evaluate(variables)):
            return None
    except cel.EvaluationError as error:
        kind = validation.type_name(value)
        name = rule.message or rule.program.text
        message = f'Invalid value: "{kind}": {error.message} evaluating rule: {name}'
        return status.Cause("FieldValueInvalid", message, paths.render(path))
    where = paths.render((*path, *rule.field_path))
    message = _text_of(rule, variables)
    return status.Cause(rule.reason, f"{_REASONS[rule.reason]}: {message}", where)


def _text_of(rule: Rule, variables: Mapping[str, Any]) -> str:
    if rule.message_program is not None:
        try:
            text = str(rule.message_program.evaluate(variables)).strip()
        except cel.EvaluationError:
            text = ""
        if text and "\n" not in text:
            return text
    return rule.message or f"failed rule: {rule.program.text}"


def _compile_rule(
    raw: Mapping[str, Any], node: structural.Node, where: str, problems: list[status.Cause]
) -> Rule | None:
    before = len(problems)

    def compiled(key: str) -> cel.Program | None:
        text = str(raw.get(key) or "")
        try:
            return cel.compile_expression(text, node)
        except cel.CompileError as error:
            shown = raw if key == "rule" else text
            why = f"compilation failed: ERROR: <input>:1:1: {error.message}"
            problems.append(status.invalid_value(f"{where}.{key}", shown, why))
            return None

    if not str(raw.get("rule") or "").strip():
        problems.append(status.required(f"{where}.rule", "rule is not specified"))
        return None
    if raw.get("optionalOldSelf"):
        problems.append(
            status.forbidden_field(f"{where}.optionalOldSelf", "is not supported by this server")
        )
    program = compiled("rule")
    message_program = compiled("messageExpression") if raw.get("messageExpression") else None
    reason = raw.get("reason") or "FieldValueInvalid"
    if reason not in _REASONS:
        problems.append(status.not_supported(f"{where}.reason", reason, sorted(_REASONS)))
    field_path = paths.parse_simple(str(raw.get("fieldPath") or ""))
    if field_path is None:
        why = "must be a path of fields of this object"
        problems.append(status.invalid_value(f"{where}.fieldPath", raw["fieldPath"], why))
    if program is None or field_path is None or len(problems) > before:
        return None
    return Rule(program, str(raw.get("message") or ""), message_program, reason, field_path)


def _finder(old: Any, node: structural.Node) -> Callable[[Any], Any]:
    """A function from a list's item to its old self."""
    if not isinstance(old, list) or node.list_type != "map":
        return lambda item: MISSING
    known = {listtypes.identity(item, node): item for item in old}
    return lambda item: known.get(listtypes.identity(item, node), MISSING)
