"""What one version of a definition does to an object before it is stored.

Order: prune (unknown fields are warnings, or refused when asked) → default → schema → list types →
scale paths → CEL. Rules are skipped when the schema found errors that make them meaningless, and
that is said in a cause of its own. Implements ``hooks.Schema``.
"""

from __future__ import annotations

from typing import Any

import orjson

from fission.cluster.apiserver import hooks
from fission.cluster.apiserver.crd import (
    defaulting,
    listtypes,
    paths,
    pruning,
    ratcheting,
    rules,
    structural,
    validation,
)
from fission.meta import status

_BLOCKING = frozenset(
    {
        "FieldValueNotSupported",
        "FieldValueRequired",
        "FieldValueTooLong",
        "FieldValueTooMany",
        "FieldValueTypeInvalid",
    }
)
"""Schema errors after which rules are not run."""

_RULES_SKIPPED = status.Cause(
    "FieldValueInvalid",
    "Invalid value: null: some validation rules were not checked because the object was invalid; "
    "correct the existing errors to complete validation",
    "<nil>",
)


class Admission:
    """The compiled schema of one version."""

    def __init__(
        self, group: str, version: str, kind: str, raw: Any, scale: hooks.Scale | None = None
    ) -> None:
        self._group, self._version, self._kind = group, version, kind
        self._node = structural.parse(raw)
        self._validator = validation.Validator(raw)
        self._rules = rules.Rules(self._node)
        self._scale = scale

    def admit(
        self,
        obj: hooks.Object,
        old: hooks.Object | None,
        field_validation: hooks.FieldValidation,
        subresource: str = "",
    ) -> tuple[hooks.Object, list[str]]:
        admitted: hooks.Object = orjson.loads(orjson.dumps(obj))
        dropped = pruning.prune(admitted, self._node)
        warnings = self._report(dropped, field_validation)
        defaulting.apply_defaults(admitted, self._node)
        causes = self._validate(admitted, old)
        if causes:
            name = (admitted.get("metadata") or {}).get("name") or ""
            raise status.invalid(self._group, self._kind, name, causes)
        return admitted, warnings

    def _report(self, dropped: list[str], field_validation: hooks.FieldValidation) -> list[str]:
        messages = [f'unknown field "{path}"' for path in dropped]
        if messages and field_validation == "Strict":
            raise status.BadRequest(
                f'{self._kind} in version "{self._version}" cannot be handled as a {self._kind}: '
                f"strict decoding error: {', '.join(messages)}"
            )
        return messages if field_validation == "Warn" else []

    def _validate(self, obj: hooks.Object, old: hooks.Object | None) -> list[status.Cause]:
        found = self._validator.validate(obj)
        found += listtypes.check(obj, self._node)
        if self._scale:
            found += _check_scale(obj, self._scale)
        if found and old is not None:
            found = ratcheting.drop_tolerated(found, obj, old, self._node)
        causes = [cause for _, cause in found]
        if not self._rules:
            return causes
        if any(cause.reason in _BLOCKING for cause in causes):
            return [*causes, _RULES_SKIPPED]
        broken = self._rules.check(obj, rules.MISSING if old is None else old)
        return causes + [cause for _, cause in broken]


def _check_scale(obj: hooks.Object, scale: hooks.Scale) -> list[validation.Found]:
    found: list[validation.Found] = []
    for json_path in (scale.spec_replicas, scale.status_replicas):
        path = paths.parse_simple(json_path) or ()
        value: Any = obj
        for part in path:
            value = value.get(part) if isinstance(value, dict) else None
        if isinstance(value, float):
            why = f"{json_path} accessor error: {value:g} is of the type float64, expected int64"
            found.append((path, status.invalid_value(json_path, 0, why)))
        elif isinstance(value, int) and not isinstance(value, bool) and value < 0:
            why = "should be a non-negative integer"
            found.append((path, status.invalid_value(json_path, value, why)))
    return found
