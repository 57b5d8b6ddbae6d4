"""An enveloped protobuf body to the JSON form of its object.

Go writes a field that is not a pointer even when it is zero, and the wire does not say which
fields are pointers. JSON would omit those zeros; so empty strings, false and 0 are dropped unless
the field is one of the pointers where a zero is a statement (``replicas: 0``).
"""

from __future__ import annotations

import base64
import datetime
import struct
from collections.abc import Callable
from typing import Any

import orjson

from fission.cluster.apiserver.protobuf import messages, wire
from fission.meta import status

MAGIC = b"k8s\x00"

KINDS = {
    ("v1", "Namespace"): "core.v1.Namespace",
    ("v1", "ConfigMap"): "core.v1.ConfigMap",
    ("v1", "Secret"): "core.v1.Secret",
    ("v1", "Service"): "core.v1.Service",
    ("v1", "ServiceAccount"): "core.v1.ServiceAccount",
    ("v1", "Pod"): "core.v1.Pod",
    ("v1", "PersistentVolumeClaim"): "core.v1.PersistentVolumeClaim",
    ("v1", "Event"): "core.v1.Event",
    ("events.k8s.io/v1", "Event"): "events.v1.Event",
    ("apps/v1", "Deployment"): "apps.v1.Deployment",
    ("apps/v1", "ReplicaSet"): "apps.v1.ReplicaSet",
    ("batch/v1", "Job"): "batch.v1.Job",
    ("batch/v1", "CronJob"): "batch.v1.CronJob",
    ("autoscaling/v1", "HorizontalPodAutoscaler"): "autoscaling.v1.HorizontalPodAutoscaler",
    ("autoscaling/v1", "Scale"): "autoscaling.v1.Scale",
    ("autoscaling/v2", "HorizontalPodAutoscaler"): "autoscaling.v2.HorizontalPodAutoscaler",
    ("networking.k8s.io/v1", "Ingress"): "networking.v1.Ingress",
    ("coordination.k8s.io/v1", "Lease"): "coordination.v1.Lease",
    ("discovery.k8s.io/v1", "EndpointSlice"): "discovery.v1.EndpointSlice",
    ("rbac.authorization.k8s.io/v1", "Role"): "rbac.v1.Role",
    ("rbac.authorization.k8s.io/v1", "RoleBinding"): "rbac.v1.RoleBinding",
    ("rbac.authorization.k8s.io/v1", "ClusterRole"): "rbac.v1.ClusterRole",
    ("rbac.authorization.k8s.io/v1", "ClusterRoleBinding"): "rbac.v1.ClusterRoleBinding",
    ("authentication.k8s.io/v1", "TokenRequest"): "authentication.v1.TokenRequest",
    ("authentication.k8s.io/v1", "TokenReview"): "authentication.v1.TokenReview",
    ("authentication.k8s.io/v1", "SelfSubjectReview"): "authentication.v1.SelfSubjectReview",
    ("authorization.k8s.io/v1", "SubjectAccessReview"): "authorization.v1.SubjectAccessReview",
    (
        "authorization.k8s.io/v1",
        "SelfSubjectAccessReview",
    ): "authorization.v1.SelfSubjectAccessReview",
    (
        "authorization.k8s.io/v1",
        "LocalSubjectAccessReview",
    ): "authorization.v1.LocalSubjectAccessReview",
    (
        "authorization.k8s.io/v1",
        "SelfSubjectRulesReview",
    ): "authorization.v1.SelfSubjectRulesReview",
}
"""The messages of the kinds that clients write as protobuf."""

OPTIONS = {"DeleteOptions": "meta.v1.DeleteOptions"}
"""Kinds that carry the apiVersion of whatever they are sent to."""

_INLINE = frozenset(
    {
        "volumeSource",
        "handler",
        "ephemeralContainerCommon",
        "localObjectReference",
        "ingressRuleValue",
    }
)
"""Go embeds these structs: JSON has their fields in the parent."""


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_ZERO_POINTERS = _words(
    """
    replicas backoffLimit parallelism completions terminationGracePeriodSeconds defaultMode
    mode runAsUser runAsGroup fsGroup revisionHistoryLimit progressDeadlineSeconds
    gracePeriodSeconds ttlSecondsAfterFinished activeDeadlineSeconds minReplicas
    expirationSeconds startingDeadlineSeconds successfulJobsHistoryLimit
    failedJobsHistoryLimit automountServiceAccountToken enableServiceLinks
    shareProcessNamespace privileged optional allowPrivilegeEscalation runAsNonRoot
    readOnlyRootFilesystem immutable suspend controller blockOwnerDeletion setHostnameAsFQDN
    hostUsers allocateLoadBalancerNodePorts storageClassName ready serving terminating
    averageUtilization stabilizationWindowSeconds orphanDependents
    """
)


def decode(content: bytes) -> dict[str, Any]:
    """Return the object of an enveloped body; raises ``status.BadRequest`` by name."""
    if not content.startswith(MAGIC):
        raise status.BadRequest("the protobuf body does not start with the k8s envelope")
    try:
        api_version, kind, raw = _open_envelope(content[len(MAGIC) :])
        name = KINDS.get((api_version, kind)) or OPTIONS.get(kind)
        if name is None:
            raise status.BadRequest(
                f'no kind "{kind}" is registered for version "{api_version}" in protobuf bodies'
            )
        obj = _decode_message(raw, name)
    except (wire.WireError, UnicodeDecodeError, struct.error, orjson.JSONDecodeError) as error:
        raise status.BadRequest(f"proto: cannot decode the body: {error}") from error
    return {"apiVersion": api_version, "kind": kind, **obj}


def _open_envelope(data: bytes) -> tuple[str, str, bytes]:
    api_version = kind = ""
    raw = b""
    for number, value in wire.iter_fields(data):
        if not isinstance(value, bytes):
            continue
        if number == 1:
            for inner, text in wire.iter_fields(value):
                if isinstance(text, bytes) and inner == 1:
                    api_version = text.decode()
                elif isinstance(text, bytes) and inner == 2:
                    kind = text.decode()
        elif number == 2:
            raw = value
        elif number == 3 and value:
            raise status.BadRequest(f"unsupported content encoding {value.decode()!r}")
    return api_version, kind, raw


def _decode_message(data: bytes, name: str) -> dict[str, Any]:
    fields = messages.fields_of(name)
    obj: dict[str, Any] = {}
    for number, wire_value in wire.iter_fields(data):
        field = fields.get(number)
        if field is None:
            continue
        if field.map:
            key, value = _decode_entry(wire_value, field.type)
            obj.setdefault(field.name, {})[key] = value
        elif field.repeated:
            obj.setdefault(field.name, []).extend(_decode_repeated(wire_value, field.type))
        else:
            value = _decode_value(wire_value, field.type)
            if field.name in _INLINE:
                obj.update(value or {})
            elif _is_said(field.name, value):
                obj[field.name] = value
    return obj


def _is_said(name: str, value: Any) -> bool:
    if value is None:
        return False
    return isinstance(value, (dict, list)) or bool(value) or name in _ZERO_POINTERS


def _decode_repeated(value: int | bytes, kind: str) -> list[Any]:
    if kind in ("i", "b") and isinstance(value, bytes):
        numbers, position = [], 0
        while position < len(value):
            number, position = wire.read_varint(value, position)
            numbers.append(_decode_value(number, kind))
        return numbers
    return [_decode_value(value, kind)]


def _decode_entry(value: int | bytes, kind: str) -> tuple[str, Any]:
    key, found = "", _decode_value(b"", kind) if kind in ("s", "y") else None
    for number, inner in wire.iter_fields(_expect_bytes(value)):
        if number == 1:
            key = _expect_bytes(inner).decode()
        elif number == 2:
            found = _decode_value(inner, kind)
    return key, found


def _decode_value(value: int | bytes, kind: str) -> Any:
    if kind == "s":
        return _expect_bytes(value).decode()
    if kind == "y":
        return base64.b64encode(_expect_bytes(value)).decode()
    if kind in ("i", "b", "d"):
        if isinstance(value, bytes):
            raise wire.WireError("length-delimited value where a number was expected")
        if kind == "b":
            return bool(value)
        if kind == "d":
            return struct.unpack("<d", value.to_bytes(8, "little"))[0]
        return wire.signed(value)
    special = SPECIAL.get(kind)
    data = _expect_bytes(value)
    return special(data) if special else _decode_message(data, kind)


def _expect_bytes(value: int | bytes) -> bytes:
    if isinstance(value, int):
        raise wire.WireError("number where a length-delimited value was expected")
    return value


def _numbers(data: bytes) -> dict[int, int | bytes]:
    return dict(wire.iter_fields(data))


def _moment(data: bytes) -> datetime.datetime | None:
    fields = _numbers(data)
    seconds, nanos = fields.get(1, 0), fields.get(2, 0)
    if isinstance(seconds, bytes) or isinstance(nanos, bytes) or not fields:
        return None
    start = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
    try:
        return start + datetime.timedelta(seconds=wire.signed(seconds), microseconds=nanos // 1000)
    except OverflowError as error:
        raise wire.WireError("time out of range") from error


def _decode_time(data: bytes) -> str | None:
    moment = _moment(data)
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ") if moment else None


def _decode_micro_time(data: bytes) -> str | None:
    moment = _moment(data)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ") if moment else None


def _decode_quantity(data: bytes) -> str:
    value = _numbers(data).get(1, b"")
    return _expect_bytes(value).decode() or "0"


def _decode_int_or_string(data: bytes) -> int | str:
    fields = _numbers(data)
    if fields.get(1, 0) == 1:
        return _expect_bytes(fields.get(3, b"")).decode()
    number = fields.get(2, 0)
    return wire.signed(number) if isinstance(number, int) else 0


def _decode_raw_json(data: bytes) -> Any:
    raw = _numbers(data).get(1, b"")
    return orjson.loads(_expect_bytes(raw)) if raw else None


def _decode_items(data: bytes) -> list[str]:
    """A message that stands for a list of strings (``ExtraValue``)."""
    return [_expect_bytes(value).decode() for _, value in wire.iter_fields(data)]


SPECIAL: dict[str, Callable[[bytes], Any]] = {
    "meta.v1.Time": _decode_time,
    "meta.v1.MicroTime": _decode_micro_time,
    "meta.v1.FieldsV1": _decode_raw_json,
    "api.resource.Quantity": _decode_quantity,
    "util.intstr.IntOrString": _decode_int_or_string,
    "runtime.RawExtension": _decode_raw_json,
    "authentication.v1.ExtraValue": _decode_items,
    "authorization.v1.ExtraValue": _decode_items,
}
"""Messages whose JSON form is not an object of their fields."""
