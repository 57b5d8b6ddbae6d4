"""Value constraints of a schema: jsonschema-rs finds the errors, this page words them.

The structural schema is translated once to JSON Schema draft 4 (``nullable``, int-or-string and
integer formats have no direct form there). A valid object costs one call into Rust; only an
invalid one is walked for its errors, which become Kubernetes' causes, sorted by path.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence, Sized
from typing import Any, cast

import jsonschema_rs

from fission.cluster.apiserver.crd import formats, paths
from fission.meta import status

_KEPT = (
    "enum",
    "exclusiveMaximum",
    "exclusiveMinimum",
    "maximum",
    "maxItems",
    "maxLength",
    "maxProperties",
    "minimum",
    "minItems",
    "minLength",
    "minProperties",
    "multipleOf",
    "pattern",
    "required",
    "uniqueItems",
)
_INTEGER_BOUNDS = {"int32": (-(2**31), 2**31 - 1), "int64": (-(2**63), 2**63 - 1)}

Found = tuple[paths.Path, status.Cause]
"""A cause and the path of the value it is about (of the parent, when a field is missing)."""


class Validator:
    """The compiled constraints of one schema."""

    def __init__(self, raw: Mapping[str, Any]) -> None:
        self._schema = translate(raw)
        self._validator = jsonschema_rs.Draft4Validator(
            self._schema, validate_formats=True, formats=dict(formats.CHECKS)
        )

    def validate(self, obj: Any) -> list[Found]:
        """Return what is wrong with ``obj``, sorted by path; empty when nothing is."""
        if self._validator.is_valid(obj):
            return []
        found: list[Found] = []
        for error in self._validator.iter_errors(obj):
            found += _causes(error, self._schema)
        unique = {(path, cause.message, cause.field): (path, cause) for path, cause in found}
        return sorted(unique.values(), key=lambda item: [_sort_key(part) for part in item[0]])


def _sort_key(part: paths.Part) -> tuple[int, int, str]:
    return (0, part, "") if isinstance(part, int) else (1, 0, str(part))


def translate(raw: Mapping[str, Any]) -> dict[str, Any]:
    """The draft 4 schema of one level and all below it."""
    schema: dict[str, Any] = {key: raw[key] for key in _KEPT if raw.get(key) is not None}
    kind, format_ = raw.get("type"), raw.get("format")
    int_or_string = raw.get("x-kubernetes-int-or-string")
    types = ["integer", "string"] if int_or_string else [kind] if kind else []
    if raw.get("nullable") and types:
        types.append("null")
        if "enum" in schema:
            schema["enum"] = [*schema["enum"], None]
    if types:
        schema["type"] = types
    if kind == "integer" and format_ in _INTEGER_BOUNDS:
        low, high = _INTEGER_BOUNDS[format_]
        schema["allOf"] = [{"minimum": low, "maximum": high}]
        schema["x-integer-format"] = format_
    elif format_ in formats.KNOWN:
        schema["format"] = "date-time" if format_ == "datetime" else format_
    if raw.get("properties"):
        schema["properties"] = {name: translate(sub) for name, sub in raw["properties"].items()}
    if isinstance(raw.get("additionalProperties"), Mapping):
        schema["additionalProperties"] = translate(raw["additionalProperties"])
    if isinstance(raw.get("items"), Mapping):
        schema["items"] = translate(raw["items"])
    for keyword in ("allOf", "anyOf", "oneOf"):
        if raw.get(keyword) and not (int_or_string and _only_names_types(raw[keyword])):
            schema.setdefault(keyword, [])
            schema[keyword] = [*schema[keyword], *(translate(sub) for sub in raw[keyword])]
    if raw.get("not"):
        schema["not"] = translate(raw["not"])
    return schema


def _only_names_types(branches: Sequence[Mapping[str, Any]]) -> bool:
    return all(set(branch) == {"type"} for branch in branches)


def _causes(error: jsonschema_rs.ValidationError, schema: Any) -> list[Found]:
    path: paths.Path = tuple(error.instance_path)
    kind = error.kind.as_dict()
    name = error.kind.name
    if error.instance is None and name != "type":
        return []  # its type says what is wrong with a null
    where = paths.render(path)
    if name == "required":
        return [(path, status.required(paths.render((*path, kind["property"]))))]
    if name in ("oneOf", "anyOf", "not"):
        return _combination_causes(name, kind, path, where, schema)
    if name == "type":
        return _type_causes(error, kind["types"], path, where, schema)
    if name == "enum":
        return [(path, _enum_cause(error.instance, kind["options"], where))]
    if name in ("maxItems", "maxProperties"):
        count, limit = len(cast("Sized", error.instance)), kind["limit"]
        message = f"Too many: {count}: must have at most {limit} items"
        return [(path, status.Cause("FieldValueTooMany", message, where))]
    if name == "maxLength":
        return [(path, status.too_long(where, kind["limit"]))]
    if name == "format":
        return [(path, _format_cause(error.instance, kind["format"], where))]
    if name in ("minimum", "maximum") and _is_integer_bound(error, kind["limit"]):
        format_ = "int32" if abs(kind["limit"]) <= 2**31 else "int64"
        return [(path, _integer_format_cause(format_, where))]
    sentence = _SENTENCES.get(name)
    why = sentence(kind) if sentence else f"does not match its schema ({name})"
    return [(path, status.invalid_value(where, error.instance, f"{where} in body {why}"))]


_SENTENCES: dict[str, Callable[[Mapping[str, Any]], str]] = {
    "minimum": lambda k: f"should be greater than or equal to {k['limit']}",
    "maximum": lambda k: f"should be less than or equal to {k['limit']}",
    "exclusiveMinimum": lambda k: f"should be greater than {k['limit']}",
    "exclusiveMaximum": lambda k: f"should be less than {k['limit']}",
    "multipleOf": lambda k: f"should be a multiple of {_number(k['factor'])}",
    "pattern": lambda k: f"should match '{k['pattern']}'",
    "minLength": lambda k: f"should be at least {k['limit']} chars long",
    "minItems": lambda k: f"should have at least {k['limit']} items",
    "minProperties": lambda k: f"should have at least {k['limit']} properties",
    "uniqueItems": lambda k: "shouldn't contain duplicates",
}


def _type_causes(
    error: jsonschema_rs.ValidationError,
    types: Sequence[str],
    path: paths.Path,
    where: str,
    schema: Any,
) -> list[Found]:
    actual = type_name(error.instance)
    if actual == "null" and path:
        return [(path, status.required(where))]
    wanted = ",".join(kind for kind in types if kind != "null")
    for step in error.schema_path[:-1]:
        schema = schema[step]
    format_ = schema.get("x-integer-format")
    if actual == "number" and format_:
        actual, wanted = "float64", format_
    message = f'Invalid value: "{actual}": {where} in body must be of type {wanted}: "{actual}"'
    found: list[Found] = [(path, status.Cause("FieldValueTypeInvalid", message, where))]
    if actual == "float64":
        found.append((path, _integer_format_cause(format_, where)))
    return found


def _integer_format_cause(format_: str, where: str) -> status.Cause:
    text = f"Checked value must be of type integer with format {format_} in {where}"
    return status.Cause("FieldValueInvalid", f'Invalid value: "": {text}', "<nil>")


def _enum_cause(value: Any, options: Sequence[Any], where: str) -> status.Cause:
    allowed = ", ".join(status.format_value(option) for option in options if option is not None)
    message = f"Unsupported value: {status.format_value(value)}: supported values: {allowed}"
    return status.Cause("FieldValueNotSupported", message, where)


def _format_cause(value: Any, format_: str, where: str) -> status.Cause:
    shown = status.format_value(value)
    message = f"Invalid value: {shown}: {where} in body must be of type {format_}: {shown}"
    return status.Cause("FieldValueTypeInvalid", message, where)


def _combination_causes(
    name: str, kind: Mapping[str, Any], path: paths.Path, where: str, schema: Any
) -> list[Found]:
    branches: Sequence[Sequence[jsonschema_rs.ValidationError]] = kind.get("context") or []
    valid = sum(1 for branch in branches if not branch)
    if name == "not":
        text = f'"{where}" must not validate the schema (not)'
    elif name == "anyOf":
        text = f'"{where}" must validate at least one schema (anyOf)'
    else:
        outcome = f"Found {valid} valid alternatives" if valid else "Found none valid"
        text = f'"{where}" must validate one and only one schema (oneOf). {outcome}'
    cause = status.Cause("FieldValueInvalid", f'Invalid value: "": {text}', "<nil>")
    found: list[Found] = [(path, cause)]
    if branches and not valid:
        best = max(branches, key=lambda branch: (_depth(branch), -len(branch)))
        for error in best:
            found += _causes(error, schema)
    return found


def _depth(branch: Sequence[jsonschema_rs.ValidationError]) -> int:
    return min(len(error.instance_path) for error in branch)


def _is_integer_bound(error: jsonschema_rs.ValidationError, limit: Any) -> bool:
    """Whether the bound is one that ``translate`` added for an integer format."""
    return list(error.schema_path[-3:-1]) == ["allOf", 0] and any(
        limit in bounds for bounds in _INTEGER_BOUNDS.values()
    )


def _number(value: Any) -> str:
    return str(int(value)) if float(value).is_integer() else str(value)


def type_name(value: Any) -> str:
    """JSON Schema's word for a value's type."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int):
        return "integer"
    if isinstance(value, float):
        return "number"
    if isinstance(value, str):
        return "string"
    return "array" if isinstance(value, list) else "object"
