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
    field_path: str = ""
    """Of the field at fault below the struct, such as ``.MaxScale``; empty is the struct itself."""


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


def _rule(rule: str, message: str, field: str) -> Hints:
    """A rule of the CRD whose fault is told of a field below the one that carries it."""
    return {
        "rule": rule,
        "message": message,
        "reason": "FieldValueForbidden",
        "fieldPath": f".{field}",
    }


def _unset(field: str, when: str, message: str = "may not be set") -> Hints:
    return _rule(f"!has(self.{field}) || {when}", message, field)


_SECURITY_CONTEXT: Final[Hints] = {
    "type": "object",
    "nullable": True,
    "properties": {
        "privileged": {"type": "boolean"},
        "allowPrivilegeEscalation": {"type": "boolean"},
        "capabilities": {
            "type": "object",
            "nullable": True,
            "properties": {
                "add": {
                    "type": "array",
                    "maxItems": 64,
                    "items": {"type": "string", "maxLength": 64},
                }
            },
            "x-kubernetes-validations": [
                _unset(
                    "add",
                    "self.add.all(c, c == 'NET_BIND_SERVICE')",
                    "no capability but NET_BIND_SERVICE may be added",
                )
            ],
            **OPAQUE,
        },
    },
    "x-kubernetes-validations": [
        _unset(flag, f"!self.{flag}", "may not be true")
        for flag in ("privileged", "allowPrivilegeEscalation")
    ],
    **OPAQUE,
}
_CONTAINER: Final[Hints] = {
    "properties": {
        "name": {"type": "string", "maxLength": DNS_LABEL_MAX},
        "image": {"type": "string"},
        "command": {"type": "array", "items": {"type": "string"}},
        "args": {"type": "array", "items": {"type": "string"}},
        "ports": {"type": "array", "items": {"type": "object", **OPAQUE}},
        "volumeMounts": {
            "type": "array",
            "nullable": True,
            "maxItems": 64,
            "items": {
                "type": "object",
                "properties": {"name": {"type": "string", "maxLength": DNS_LABEL_MAX}},
                "x-kubernetes-validations": [
                    _unset(
                        "name",
                        "self.name != 'fission-fetcher-sa-token'",
                        "this volume is the fetcher's own",
                    )
                ],
                **OPAQUE,
            },
        },
        "securityContext": _SECURITY_CONTEXT,
    },
    **OPAQUE,
}
_CONTAINERS: Final[Hints] = {
    "type": "array",
    "nullable": True,
    "maxItems": 32,
    "items": {
        "type": "object",
        **_CONTAINER,
        "x-kubernetes-validations": [
            _unset(
                field,
                "!has(self.name) || self.name != 'fetcher'",
                'is that of the platform\'s own container "fetcher"; name yours otherwise',
            )
            for field in ("image", "command", "args")
        ],
    },
}
_VOLUMES: Final[Hints] = {
    "type": "array",
    "nullable": True,
    "maxItems": 64,
    "items": {
        "type": "object",
        "properties": {
            "hostPath": {"type": "object", **OPAQUE},
            "projected": {
                "type": "object",
                "nullable": True,
                "properties": {
                    "sources": {
                        "type": "array",
                        "nullable": True,
                        "maxItems": 32,
                        "items": {
                            "type": "object",
                            "properties": {"serviceAccountToken": {"type": "object", **OPAQUE}},
                            "x-kubernetes-validations": [
                                _rule(
                                    "!has(self.serviceAccountToken)",
                                    "may not be mounted: the token is the platform's own",
                                    "serviceAccountToken",
                                )
                            ],
                            **OPAQUE,
                        },
                    }
                },
                **OPAQUE,
            },
        },
        "x-kubernetes-validations": [
            _rule(
                "!has(self.hostPath)",
                "may not be mounted; use emptyDir, configMap, secret or persistentVolumeClaim",
                "hostPath",
            )
        ],
        **OPAQUE,
    },
}
_PODSPEC: Final[Hints] = {
    "properties": {
        "hostNetwork": {"type": "boolean"},
        "hostPID": {"type": "boolean"},
        "hostIPC": {"type": "boolean"},
        "serviceAccountName": {"type": "string"},
        "serviceAccount": {"type": "string"},
        "automountServiceAccountToken": {"type": "boolean"},
        "volumes": _VOLUMES,
        "containers": _CONTAINERS,
        "initContainers": _CONTAINERS,
        "ephemeralContainers": _CONTAINERS,
    },
    "x-kubernetes-validations": [
        *(_unset(flag, f"!self.{flag}") for flag in ("hostNetwork", "hostPID", "hostIPC")),
        *(_unset(name, f"self.{name} == ''") for name in ("serviceAccountName", "serviceAccount")),
        _unset(
            "automountServiceAccountToken",
            "!self.automountServiceAccountToken",
            "may not be true: the token is the platform's own",
        ),
    ],
    **OPAQUE,
}


def podspec(description: str) -> msgspec.Meta:
    """Describe a ``corev1.PodSpec`` that is merged into a pod; what reaches the host is refused."""
    return doc(description, **_PODSPEC)


def container(description: str) -> msgspec.Meta:
    """Describe a ``corev1.Container`` that is merged into one; no privileges can be asked for."""
    return doc(description, **_CONTAINER)


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
