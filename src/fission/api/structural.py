"""Python types of our kinds → schemas: what the CRDs and the REST API's description are made of."""

import types
import typing
from typing import Any

import msgspec
from msgspec import structs

from fission.api import schema

_SCALARS: dict[Any, schema.Hints] = {
    str: {"type": "string"},
    bytes: {"type": "string"},
    int: {"type": "integer"},
    bool: {"type": "boolean"},
    Any: schema.OPAQUE,
}


def root_schema(kind: type[schema.Model]) -> schema.Hints:
    """Schema of a kind as a whole object."""
    hints = typing.get_type_hints(kind, include_extras=True)
    return {
        "type": "object",
        "description": (kind.__doc__ or "").strip(),
        "required": ["metadata", "spec"],
        "properties": {
            "apiVersion": {"type": "string"},
            "kind": {"type": "string"},
            "metadata": {"type": "object"},
            "spec": schema_of(hints["spec"]),
            "status": schema_of(hints["status"]),
        },
    }


def schema_of(kind: Any) -> schema.Hints:
    """Structural schema of a Python type."""
    if typing.get_origin(kind) is typing.Annotated:
        inner, *metas = typing.get_args(kind)
        result = schema_of(inner)
        for meta in metas:
            if isinstance(meta, msgspec.Meta):
                _add_hints(result, meta)
        return result
    if typing.get_origin(kind) in (types.UnionType, typing.Union):
        members = [each for each in typing.get_args(kind) if each is not type(None)]
        return schema_of(members[0])
    if typing.get_origin(kind) is list:
        return {"type": "array", "items": schema_of(typing.get_args(kind)[0])}
    if typing.get_origin(kind) is dict:
        values = typing.get_args(kind)[1]
        if values is Any:
            return {"type": "object"}
        return {"type": "object", "additionalProperties": schema_of(values)}
    if isinstance(kind, type) and issubclass(kind, schema.Model):
        return _schema_of_struct(kind)
    return dict(_SCALARS[kind])


def _add_hints(result: schema.Hints, meta: msgspec.Meta) -> None:
    if meta.description:
        result["description"] = meta.description
    for key, value in (meta.extra_json_schema or {}).get("hints", {}).items():
        if key == "items" and "items" in result:
            result["items"] = {**result["items"], **value}
        else:
            result[key] = value


def _schema_of_struct(kind: type[schema.Model]) -> schema.Hints:
    result: schema.Hints = {
        "type": "object",
        "properties": {
            each.encode_name: schema_of(_annotated(kind, each.name))
            for each in structs.fields(kind)
        },
    }
    if kind.required:
        result["required"] = list(kind.required)
    if kind.rules:
        result["x-kubernetes-validations"] = [
            {
                "rule": rule.rule,
                "message": rule.message,
                **({"fieldPath": rule.field_path} if rule.field_path else {}),
            }
            for rule in kind.rules
        ]
    result.update(kind.schema)
    return result


def _annotated(kind: type[schema.Model], name: str) -> Any:
    return typing.get_type_hints(kind, include_extras=True)[name]
