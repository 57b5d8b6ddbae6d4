"""A CustomResourceDefinition itself: its defaults, and what makes one invalid.

``prepare`` is pure; the strategy of the kind calls it on every create and update. What it refuses
would otherwise fail later, at the first object: names that do not fit, a schema that is not
structural, columns and selectable fields that are no paths, rules that do not compile.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Mapping, Sequence
from typing import Any

import jsonschema_rs

from fission.cluster.apiserver.crd import (
    columns,
    defaulting,
    listtypes,
    paths,
    pruning,
    rules,
    schemashape,
    structural,
    validation,
)
from fission.meta import status

Definition = dict[str, Any]

_LABEL = re.compile(r"[a-z]([-a-z0-9]*[a-z0-9])?")
_VERSION = re.compile(r"[a-z]([-a-z0-9]*[a-z0-9])?")
_COLUMN_TYPES = ("integer", "number", "string", "boolean", "date")


def prepare(crd: Definition, old: Definition | None) -> Definition:
    """Return the definition with its defaults; raises ``status.Invalid`` with every cause."""
    prepared = copy.deepcopy(crd)
    _apply_defaults(prepared)
    causes = [*_check(prepared)]
    if old is not None:
        causes += _check_update(prepared, old)
    if causes:
        name = (prepared.get("metadata") or {}).get("name") or ""
        raise status.invalid("apiextensions.k8s.io", "CustomResourceDefinition", name, causes)
    return prepared


def storage_version(crd: Definition) -> str:
    """The name of the version that is stored."""
    return next((v["name"] for v in crd["spec"].get("versions") or () if v.get("storage")), "")


def _apply_defaults(crd: Definition) -> None:
    spec = crd.setdefault("spec", {})
    names = spec.setdefault("names", {})
    kind = str(names.get("kind") or "")
    if kind:
        names.setdefault("singular", kind.lower())
        names.setdefault("listKind", f"{kind}List")
    spec.setdefault("conversion", {"strategy": "None"})
    state = crd.setdefault("status", {})
    state.setdefault("conditions", None)
    state.setdefault("acceptedNames", {"plural": "", "kind": ""})
    stored = list(state.get("storedVersions") or ())
    current = storage_version(crd)
    if current and current not in stored:
        stored.append(current)
    state["storedVersions"] = stored


def _check(crd: Definition) -> list[status.Cause]:
    spec = crd["spec"]
    causes = _check_names(crd)
    if spec.get("scope") not in ("Namespaced", "Cluster"):
        allowed = ("Cluster", "Namespaced")
        causes.append(status.not_supported("spec.scope", spec.get("scope") or "", allowed))
    if (spec.get("conversion") or {}).get("strategy") != "None":
        why = "webhook conversion is not served here; every version must share one schema"
        causes.append(status.forbidden_field("spec.conversion.strategy", why))
    if spec.get("preserveUnknownFields"):
        why = "must be false in order to use defaults in the schema"
        causes.append(status.invalid_value("spec.preserveUnknownFields", True, why))
    versions = spec.get("versions") or []
    storing = [version for version in versions if version.get("storage")]
    if len(storing) != 1:
        why = "must have exactly one version marked as storage version"
        causes.append(status.Cause("FieldValueInvalid", f"Invalid value: {why}", "spec.versions"))
    seen: set[str] = set()
    for index, version in enumerate(versions):
        where = f"spec.versions[{index}]"
        name = str(version.get("name") or "")
        if not _VERSION.fullmatch(name):
            why = "must be a DNS-1035 label"
            causes.append(status.invalid_value(f"{where}.name", name, why))
        if name in seen:
            causes.append(status.duplicate(f"{where}.name", name))
        seen.add(name)
        causes += _check_version(version, where, single=len(versions) == 1)
    return causes


def _check_names(crd: Definition) -> list[status.Cause]:
    spec, names = crd["spec"], crd["spec"]["names"]
    group, plural = str(spec.get("group") or ""), str(names.get("plural") or "")
    causes: list[status.Cause] = []
    if not group:
        causes.append(status.required("spec.group"))
    elif "." not in group:
        why = "should be a domain with at least one dot"
        causes.append(status.invalid_value("spec.group", group, why))
    for field in ("plural", "singular"):
        name = str(names.get(field) or "")
        if not name:
            causes.append(status.required(f"spec.names.{field}"))
        elif not _LABEL.fullmatch(name):
            why = "must be a DNS-1035 label"
            causes.append(status.invalid_value(f"spec.names.{field}", name, why))
    for field in ("kind", "listKind"):
        name = str(names.get(field) or "")
        if not name:
            causes.append(status.required(f"spec.names.{field}"))
        elif not _LABEL.fullmatch(name.lower()):
            why = "may have mixed case, but should otherwise match: a DNS-1035 label"
            causes.append(status.invalid_value(f"spec.names.{field}", name, why))
    if names.get("kind") and names.get("kind") == names.get("listKind"):
        why = "kind and listKind may not be the same"
        causes.append(status.invalid_value("spec.names.listKind", names["listKind"], why))
    expected, name = f"{plural}.{group}", (crd.get("metadata") or {}).get("name") or ""
    if plural and group and name != expected:
        why = 'must be spec.names.plural+"."+spec.group'
        causes.append(status.invalid_value("metadata.name", name, why))
    return causes


def _check_version(version: Mapping[str, Any], where: str, *, single: bool) -> list[status.Cause]:
    raw = (version.get("schema") or {}).get("openAPIV3Schema")
    if not isinstance(raw, Mapping):
        return [status.required(f"{where}.schema.openAPIV3Schema")]
    schema_path = "spec.validation.openAPIV3Schema" if single else f"{where}.schema.openAPIV3Schema"
    causes = schemashape.check(raw, schema_path)
    causes += _check_columns(version, where)
    causes += _check_subresources(version, where)
    for index, field in enumerate(version.get("selectableFields") or ()):
        if not paths.parse_simple(str(field.get("jsonPath") or "")):
            here = f"{where}.selectableFields[{index}].jsonPath"
            causes.append(
                status.invalid_value(here, field.get("jsonPath") or "", "is an invalid path")
            )
    return causes or _check_compiles(raw, schema_path)


def _check_compiles(raw: Mapping[str, Any], where: str) -> list[status.Cause]:
    root = structural.parse(raw)
    try:
        validation.Validator(raw)
    except jsonschema_rs.ValidationError as error:
        return [status.invalid_value(where, "", str(error.message))]
    causes = [
        status.Cause(cause.reason, cause.message, f"{where}.{path}".rstrip("."))
        for path, node in _defaults(root, "")
        for cause in _check_default(node)
    ]
    try:
        rules.Rules(root)
    except rules.RuleErrors as error:
        causes += [
            status.Cause(cause.reason, cause.message, f"{where}{cause.field}")
            for cause in error.causes
        ]
    return causes


def _defaults(node: structural.Node, where: str) -> list[tuple[str, structural.Node]]:
    """Every node with a default, with its place in the schema."""
    found = [(f"{where}.default".lstrip("."), node)] if node.has_default else []
    for name, child in node.properties.items():
        found += _defaults(child, f"{where}.properties[{name}]".lstrip("."))
    for name, below in (("additionalProperties", node.additional), ("items", node.items)):
        if below is not None:
            found += _defaults(below, f"{where}.{name}".lstrip("."))
    return found


def _check_default(node: structural.Node) -> list[status.Cause]:
    value = copy.deepcopy(node.default)
    causes: list[status.Cause] = []
    dropped = pruning.prune(value, node, is_resource=False)
    if dropped:
        why = "must not have unknown fields"
        causes.append(status.invalid_value("", node.default, why))
    defaulting.apply_defaults(value, node)
    causes += [cause for _, cause in validation.Validator(node.raw).validate(value)]
    causes += [cause for _, cause in listtypes.check(value, node)]
    return causes


def _check_columns(version: Mapping[str, Any], where: str) -> list[status.Cause]:
    causes: list[status.Cause] = []
    for index, column in enumerate(version.get("additionalPrinterColumns") or ()):
        here = f"{where}.additionalPrinterColumns[{index}]"
        for field in ("name", "type", "jsonPath"):
            if not column.get(field):
                causes.append(status.required(f"{here}.{field}"))
        if column.get("type") and column["type"] not in _COLUMN_TYPES:
            causes.append(
                status.not_supported(f"{here}.type", column["type"], sorted(_COLUMN_TYPES))
            )
        try:
            columns.parse(str(column.get("jsonPath") or ""))
        except columns.PathError as error:
            causes.append(
                status.invalid_value(f"{here}.jsonPath", column["jsonPath"], error.message)
            )
    return causes


def _check_subresources(version: Mapping[str, Any], where: str) -> list[status.Cause]:
    scale = (version.get("subresources") or {}).get("scale")
    if scale is None:
        return []
    causes: list[status.Cause] = []
    here = f"{where}.subresources.scale"
    for field, prefix in (("specReplicasPath", ".spec."), ("statusReplicasPath", ".status.")):
        path = str(scale.get(field) or "")
        if not path:
            causes.append(status.required(f"{here}.{field}"))
        elif not path.startswith(prefix) or paths.parse_simple(path) is None:
            why = f"should be a json path under {prefix[:-1]}"
            causes.append(status.invalid_value(f"{here}.{field}", path, why))
    return causes


def _check_update(crd: Definition, old: Definition) -> list[status.Cause]:
    causes: list[status.Cause] = []
    established = any(
        c.get("type") == "Established" and c.get("status") == "True"
        for c in (old.get("status") or {}).get("conditions") or ()
    )
    immutable: Sequence[tuple[str, ...]] = (("group",), ("names", "plural"))
    if established:
        immutable = (*immutable, ("scope",), ("names", "kind"))
    for field in immutable:
        before: Any = old["spec"]
        after: Any = crd["spec"]
        for part in field:
            before, after = before.get(part), after.get(part)
        if before != after:
            where = "spec." + ".".join(field)
            causes.append(status.invalid_value(where, after, "field is immutable"))
    names = [version.get("name") for version in crd["spec"].get("versions") or ()]
    for index, stored in enumerate(crd["status"]["storedVersions"]):
        if stored not in names:
            where = f"status.storedVersions[{index}]"
            why = "missing from spec.versions; objects may be stored in it"
            causes.append(status.invalid_value(where, stored, why))
    return causes
