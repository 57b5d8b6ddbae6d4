"""Bodies of writes → admitted objects: decode, field validation, schema of custom resources."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import orjson

from fission.cluster.apiserver import bodies, hooks, kinds, negotiation
from fission.cluster.apiserver.fields import decoding, tables
from fission.meta import codec, gvk, status

Object = dict[str, Any]
Permit = Callable[[Object, Object | None], None]


@dataclass(slots=True)
class Admission:
    """How one request wants its fields checked; collects the warnings of the answer."""

    validation: hooks.FieldValidation = "Warn"
    warnings: list[str] = field(default_factory=list)
    permit: Permit | None = None
    """Asked for each admitted object of a built-in kind; raises Forbidden."""

    def warn(self, text: str) -> None:
        if self.validation == "Warn" and text not in self.warnings:
            self.warnings.append(text)


def read_object(
    content: bytes, content_type: str, kind: kinds.Kind, protobuf: hooks.Protobuf | None
) -> tuple[Object, list[str]]:
    """A whole object from a body, and its duplicate fields; raises BadRequest and others."""
    wanted = kind.resource.kind
    try:
        body = bodies.decode(content, content_type, protobuf, kind.custom is not None)
    except ValueError as error:
        raise bodies.unrecognized(wanted, content, str(error)) from error
    if not isinstance(body, dict):
        found = {list: "array", str: "string", bool: "bool"}.get(type(body), "number")
        why = (
            f"json: cannot unmarshal {found} into Go value of type struct {{ APIVersion string "
            '"json:\\"apiVersion,omitempty\\""; Kind string "json:\\"kind,omitempty\\"" }'
        )
        raise bodies.unrecognized(wanted, content.hex().encode(), why)
    repeated: list[str] = []
    if negotiation.body_media(content_type) == negotiation.JSON:
        repeated = bodies.duplicate_fields(content)
    check_type(body, kind)
    return body, repeated


def check_type(body: Object, kind: kinds.Kind) -> None:
    """The body must be of the kind that the URL names; raises BadRequest or Invalid."""
    resource = kind.resource
    given_kind, given_version = body.get("kind"), body.get("apiVersion")
    if kind.custom is None:
        given_kind = given_kind or resource.kind
        given_version = given_version or resource.api_version
    if given_kind == resource.kind and given_version == resource.api_version:
        return
    if not given_kind or not given_version:
        missing = "Kind" if not given_kind else "apiVersion"
        raise status.BadRequest(
            f"the object provided is unrecognized (must be of type {resource.kind}): "
            f"Object '{missing}' is missing in '{codec.to_json(body).decode()[:256]}'"
        )
    if given_kind != resource.kind and kind.custom is not None:
        cause = status.invalid_value("kind", given_kind, f"must be {resource.kind}")
        name = str((body.get("metadata") or {}).get("name") or "")
        raise status.invalid(resource.group, resource.kind, name, [cause])
    if given_kind == resource.kind:
        raise status.BadRequest(
            f"the API version in the data ({given_version}) does not match the expected API "
            f"version ({resource.api_version})"
        )
    raise _other_kind(body, str(given_kind), str(given_version), resource.kind)


def _other_kind(body: Object, kind: str, api_version: str, wanted: str) -> status.BadRequest:
    """What is wrong with the object as what it says it is; else that it is something else."""
    group, version = gvk.split_api_version(api_version)
    type_ = tables.type_of(group, version, kind)
    why = f"converting ({version}.{kind}) to (core.{wanted}): unknown conversion"
    if type_ is not None:
        try:
            decoding.decode(body, type_, kind)
        except status.BadRequest as error:
            why = str(error)
    return bodies.cannot_handle(kind, version, wanted, why)


def admit(
    obj: Object,
    old: Object | None,
    kind: kinds.Kind,
    admission: Admission,
    *,
    repeated: list[str] | None = None,
    subresource: str = "",
) -> Object:
    """Known fields only, of the right types; custom resources through their schema."""
    if kind.custom is not None:
        return _admit_custom(obj, old, kind, admission, repeated or [], subresource)
    resource = kind.resource
    assert kind.field_type is not None
    try:
        found, unknown = decoding.decode(obj, kind.field_type, resource.kind, old)
    except status.BadRequest as error:
        raise bodies.cannot_handle(
            resource.kind, resource.version, resource.kind, str(error)
        ) from error
    complaints = [f'unknown field "{path}"' for path in unknown]
    complaints += [f'duplicate field "{path}"' for path in repeated or ()]
    if complaints and admission.validation == "Strict":
        why = "strict decoding error: " + ", ".join(complaints)
        raise bodies.cannot_handle(resource.kind, resource.version, resource.kind, why)
    for complaint in complaints:
        admission.warn(complaint)
    admitted = {**found, "kind": resource.kind, "apiVersion": resource.api_version}
    if admission.permit is not None:
        admission.permit(admitted, old)
    return admitted


def _admit_custom(
    obj: Object,
    old: Object | None,
    kind: kinds.Kind,
    admission: Admission,
    repeated: list[str],
    subresource: str,
) -> Object:
    definition, resource = kind.custom, kind.resource
    assert definition is not None
    complaints = [f'duplicate field "{path}"' for path in repeated]
    try:
        meta, unknown = decoding.decode(
            obj.get("metadata") or {}, "meta_v1.ObjectMeta", resource.kind
        )
    except status.BadRequest as error:
        raise bodies.cannot_handle(
            resource.kind, resource.version, resource.kind, str(error)
        ) from error
    complaints += [f'unknown field "metadata.{path}"' for path in unknown]
    if complaints and admission.validation == "Strict":
        raise status.BadRequest("strict decoding error: " + ", ".join(complaints))
    for complaint in complaints:
        admission.warn(complaint)
    admitted, warnings = definition.schema.admit(
        {**obj, "metadata": meta}, old, admission.validation, subresource
    )
    for warning in warnings:
        admission.warn(warning)
    return {**admitted, "kind": resource.kind, "apiVersion": resource.api_version}


def patch_failure(document: Object, error: status.BadRequest) -> status.Invalid:
    """A patched built-in object that does not decode is 422, with the whole document."""
    text = orjson.dumps(document, option=orjson.OPT_SORT_KEYS).decode()
    why = str(error).partition(": ")[2] or str(error)
    cause = status.invalid_value("patch", text, why)
    return status.Invalid(f' "" is invalid: patch: {cause.message}', {"causes": [cause.to_dict()]})
