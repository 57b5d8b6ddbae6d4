"""Hints by which the CRD generator turns a field's Python type into a structural schema.

A hint documents and constrains a field *for the API server*. It never constrains decoding: an
object that an older or a newer release stored must still be readable, and what is refused is said
by the ``_validation`` modules with a field path.
"""

import dataclasses
from typing import Any, ClassVar, Final

import msgspec

DNS_LABEL: Final = "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"
DNS_LABEL_OR_EMPTY: Final = "^([a-z0-9]([-a-z0-9]*[a-z0-9])?)?$"
DNS_LABEL_MAX: Final = 63
SHA256_DIGEST: Final = "^sha256:[a-f0-9]{64}$"

Hints = dict[str, Any]

AS_SET: Final[Hints] = {"x-kubernetes-list-type": "set"}
MAP_BY_NAME: Final[Hints] = {
    "x-kubernetes-list-type": "map",
    "x-kubernetes-list-map-keys": ["name"],
}
OPAQUE: Final[Hints] = {"x-kubernetes-preserve-unknown-fields": True}
"""A Kubernetes type that is not spelled out: its fields are kept as they are."""


@dataclasses.dataclass(frozen=True)
class Rule:
    """A CEL expression over the struct that carries it, and what to say when it is false."""

    rule: str
    message: str


class Model(msgspec.Struct, kw_only=True, rename="camel"):
    """Base of every type of ours: fields are camelCase on the wire unless they say otherwise."""

    written: ClassVar[tuple[str, ...]] = ()
    """Attributes that are encoded even when they have their default value."""
    required: ClassVar[tuple[str, ...]] = ()
    """Wire names that the CRD schema requires to be present."""
    rules: ClassVar[tuple[Rule, ...]] = ()
    """CEL rules of the CRD schema."""
    schema: ClassVar[Hints] = {}
    """Further keys of the CRD schema of this struct."""


def doc(description: str, **hints: Any) -> msgspec.Meta:
    """Describe a field. Hints become keys of its schema (``minimum``, ``pattern``, ``enum``)."""
    return msgspec.Meta(description=description, extra_json_schema={"hints": hints})


def label(description: str, **hints: Any) -> msgspec.Meta:
    """Describe a field that holds a DNS label."""
    return doc(description, pattern=DNS_LABEL, maxLength=DNS_LABEL_MAX, **hints)


def label_or_empty(description: str, **hints: Any) -> msgspec.Meta:
    """Describe a field that holds a DNS label or nothing."""
    return doc(description, pattern=DNS_LABEL_OR_EMPTY, maxLength=DNS_LABEL_MAX, **hints)


_POD_FLAGS: Final[Hints] = {
    "hostNetwork": {"type": "boolean"},
    "hostPID": {"type": "boolean"},
    "hostIPC": {"type": "boolean"},
    "serviceAccountName": {"type": "string"},
    "serviceAccount": {"type": "string"},
}
_SECURITY_CONTEXT: Final[Hints] = {
    "type": "object",
    "properties": {
        "privileged": {"type": "boolean"},
        "allowPrivilegeEscalation": {"type": "boolean"},
        "capabilities": {
            "type": "object",
            "properties": {"add": {"type": "array", "maxItems": 64, "items": {"type": "string"}}},
            **OPAQUE,
        },
    },
    **OPAQUE,
}


def _refused(field: str, when: str) -> Hints:
    return {"rule": f"!has(self.{field}) || {when}", "message": f"{field} may not be set"}


def podspec(description: str) -> msgspec.Meta:
    """Describe a ``corev1.PodSpec`` that is merged into a pod; what reaches the host is refused."""
    return doc(
        description,
        properties=_POD_FLAGS,
        **OPAQUE,
        **{
            "x-kubernetes-validations": [
                _refused("hostNetwork", "!self.hostNetwork"),
                _refused("hostPID", "!self.hostPID"),
                _refused("hostIPC", "!self.hostIPC"),
                _refused("serviceAccountName", "self.serviceAccountName == ''"),
                _refused("serviceAccount", "self.serviceAccount == ''"),
            ]
        },
    )


def container(description: str) -> msgspec.Meta:
    """Describe a ``corev1.Container`` that is merged into one; no privileges can be asked for."""
    context = "self.securityContext"
    return doc(
        description,
        properties={"name": {"type": "string"}, "securityContext": _SECURITY_CONTEXT},
        **OPAQUE,
        **{
            "x-kubernetes-validations": [
                {
                    "rule": f"!has({context}) || !has({context}.privileged) "
                    f"|| !{context}.privileged",
                    "message": "container may not be privileged",
                },
                {
                    "rule": f"!has({context}) || !has({context}.allowPrivilegeEscalation) "
                    f"|| !{context}.allowPrivilegeEscalation",
                    "message": "container may not allow privilege escalation",
                },
                {
                    "rule": f"!has({context}) || !has({context}.capabilities) "
                    f"|| !has({context}.capabilities.add) "
                    f"|| {context}.capabilities.add.all(c, c == 'NET_BIND_SERVICE')",
                    "message": "container may add no capability but NET_BIND_SERVICE",
                },
            ]
        },
    )


def resources(description: str) -> msgspec.Meta:
    """Describe a ``corev1.ResourceRequirements``."""
    quantities = {
        "type": "object",
        "additionalProperties": {
            "anyOf": [{"type": "integer"}, {"type": "string"}],
            "x-kubernetes-int-or-string": True,
        },
    }
    return doc(description, properties={"limits": quantities, "requests": quantities}, **OPAQUE)
