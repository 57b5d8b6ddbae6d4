"""Write the field table of the built-in kinds from lightkube's models.

``python tools/kind_fields.py`` rewrites ``apiserver/fields/kinds.txt``: a type's name, then
indented its fields as ``name:type``. Types: ``s`` string, ``i`` integer, ``b`` boolean, ``d``
number, ``t`` time, ``q`` quantity, ``o`` integer or string, ``y`` base64, ``?`` anything, or a
type's name; before it ``*`` list or ``%`` map from strings.
"""

from __future__ import annotations

import importlib
import re
import textwrap
from pathlib import Path

TARGET = Path(__file__).parent.parent / "src/fission/cluster/apiserver/fields/kinds.txt"
ROOTS = {
    "core_v1": (
        "Namespace",
        "Node",
        "Pod",
        "Service",
        "Endpoints",
        "ConfigMap",
        "Secret",
        "ServiceAccount",
        "Event",
        "PersistentVolumeClaim",
        "PersistentVolume",
        "Binding",
    ),
    "apps_v1": ("Deployment", "ReplicaSet"),
    "discovery_v1": ("EndpointSlice",),
    "coordination_v1": ("Lease",),
    "rbac_v1": ("Role", "RoleBinding", "ClusterRole", "ClusterRoleBinding"),
    "apiextensions_v1": ("CustomResourceDefinition",),
    "admissionregistration_v1": (
        "ValidatingAdmissionPolicy",
        "ValidatingAdmissionPolicyBinding",
    ),
    "autoscaling_v1": ("Scale", "HorizontalPodAutoscaler"),
    "autoscaling_v2": ("HorizontalPodAutoscaler",),
    "networking_v1": ("Ingress",),
    "events_v1": ("Event",),
    "policy_v1": ("Eviction",),
    "authentication_v1": ("TokenRequest", "TokenReview", "SelfSubjectReview"),
    "authorization_v1": (
        "SubjectAccessReview",
        "LocalSubjectAccessReview",
        "SelfSubjectAccessReview",
        "SelfSubjectRulesReview",
    ),
}
SCALARS = {
    "str": "s",
    "int": "i",
    "bool": "b",
    "float": "d",
    "object": "?",
    "Any": "?",
    "dict": "?",
    "Dict": "?",
    "datetime": "t",
    "meta_v1.Time": "t",
    "meta_v1.MicroTime": "t",
    "resource.Quantity": "q",
    "util_intstr.IntOrString": "o",
    "runtime.RawExtension": "?",
    "JSON": "?",
    "JSONSchemaPropsOrArray": "?",
    "JSONSchemaPropsOrBool": "?",
    "JSONSchemaPropsOrStringArray": "?",
    "JSONSchemaProps": "?",
    "meta_v1.FieldsV1": "?",
    "FieldsV1": "?",
    "Time": "t",
    "MicroTime": "t",
}
BASE64 = {("core_v1.Secret", "data"), ("core_v1.ConfigMap", "binaryData")}
RENAMED = {"continue_": "continue", "from_": "from"}
QUANTITIES = ("allocatable", "allocatedResources", "capacity", "limits", "overhead", "requests")
FREE = ("extra", "openAPIV3Schema", "status", "fieldsV1", "attestations")
"""Maps whose type the models do not tell: quantities, then anything; all others hold strings."""


def describe(module: str, hint: str) -> tuple[str, str | None]:
    """The table's word for a type hint, and the type that must be described for it."""
    hint = hint.strip().strip("'\"")
    if match := re.fullmatch(r"Optional\[(.*)\]", hint):
        return describe(module, match[1])
    if match := re.fullmatch(r"List\[(.*)\]", hint):
        word, needs = describe(module, match[1])
        return "*" + word, needs
    if match := re.fullmatch(r"Dict\[str, (.*)\]", hint):
        word, needs = describe(module, match[1])
        return "%" + word, needs
    if hint in SCALARS:
        return SCALARS[hint], None
    name = hint if "." in hint else f"{module}.{hint}"
    if name.split(".")[0] in ("datetime",):
        return "t", None
    owner, type_name = name.split(".")
    found = getattr(importlib.import_module(f"lightkube.models.{owner}"), type_name)
    if not hasattr(found, "__annotations__"):
        return "?", None
    return name, name


def fields_of(name: str) -> dict[str, tuple[str, str | None]]:
    module, type_name = name.split(".")
    cls = getattr(importlib.import_module(f"lightkube.models.{module}"), type_name)
    found = {}
    for attribute, hint in cls.__annotations__.items():
        wire = RENAMED.get(attribute, attribute)
        word, needs = describe(module, str(hint))
        if (name, wire) in BASE64:
            word = "%y"
        elif word == "?" and wire not in FREE:
            word = "%q" if wire in QUANTITIES else "%s"
        found[wire] = (word, needs)
    return found


def main() -> None:
    waiting = [f"{module}.{kind}" for module, kinds in ROOTS.items() for kind in kinds]
    described: dict[str, dict[str, tuple[str, str | None]]] = {}
    while waiting:
        name = waiting.pop()
        if name in described:
            continue
        described[name] = fields_of(name)
        waiting += [needs for _, needs in described[name].values() if needs]
    lines = []
    for name in sorted(described):
        lines.append(name)
        text = " ".join(f"{field}:{word}" for field, (word, _) in described[name].items())
        lines += textwrap.wrap(
            text, 98, initial_indent="  ", subsequent_indent="  ", break_on_hyphens=False
        )
    TARGET.parent.mkdir(exist_ok=True)
    TARGET.write_text("\n".join(lines) + "\n", "ascii")


if __name__ == "__main__":
    main()
