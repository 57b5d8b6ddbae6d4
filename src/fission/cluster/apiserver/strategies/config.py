"""ConfigMaps and Secrets."""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping

from fission.cluster.apiserver.strategies import base
from fission.meta import status

MAX_DATA_BYTES = 1024 * 1024
_KEY = re.compile(r"[-._a-zA-Z0-9]+")
_KEY_MESSAGE = (
    "a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. "
    "'key.name',  or 'KEY_NAME',  or 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')"
)


def _key_causes(field: str, data: Mapping[str, str]) -> base.Causes:
    return [
        status.invalid_value(f"{field}[{key}]", key, _KEY_MESSAGE)
        for key in data
        if not _KEY.fullmatch(key) or len(key) > 253
    ]


def _immutable_causes(obj: base.Object, old: base.Object, fields: tuple[str, ...]) -> base.Causes:
    if not old.get("immutable"):
        return []
    causes = []
    if not obj.get("immutable"):
        causes.append(
            status.forbidden_field("immutable", "field is immutable when `immutable` is set")
        )
    return causes + [
        status.forbidden_field(field, "field is immutable when `immutable` is set")
        for field in fields
        if obj.get(field) != old.get(field)
    ]


class ConfigMaps(base.Strategy):
    def default(self, obj: base.Object) -> None:
        for field in ("data", "binaryData"):
            if obj.get(field) == {}:
                del obj[field]

    def validate(self, obj: base.Object, around: base.Surroundings) -> base.Causes:
        data, binary = obj.get("data") or {}, obj.get("binaryData") or {}
        causes = _key_causes("data", data) + _key_causes("binaryData", binary)
        size = sum(len(value.encode()) for value in data.values())
        size += sum(len(value) * 3 // 4 for value in binary.values())
        if size > MAX_DATA_BYTES:
            causes.append(status.too_long("[]", MAX_DATA_BYTES))
        return causes

    def validate_update(
        self, obj: base.Object, old: base.Object, around: base.Surroundings
    ) -> base.Causes:
        return _immutable_causes(obj, old, ("data", "binaryData"))


_REQUIRED_KEYS = {
    "kubernetes.io/dockerconfigjson": (".dockerconfigjson",),
    "kubernetes.io/dockercfg": (".dockercfg",),
    "kubernetes.io/ssh-auth": ("ssh-privatekey",),
    "kubernetes.io/tls": ("tls.crt", "tls.key"),
}


class Secrets(base.Strategy):
    terse_field_errors = True

    def default(self, obj: base.Object) -> None:
        texts = obj.pop("stringData", None)
        if texts:
            data = base.child(obj, "data")
            for key, value in texts.items():
                data[key] = base64.b64encode(value.encode()).decode()
        if obj.get("data") == {}:
            del obj["data"]
        base.setdefaults(obj, {"type": "Opaque"})

    def validate(self, obj: base.Object, around: base.Surroundings) -> base.Causes:
        data = obj.get("data") or {}
        causes = _key_causes("data", data)
        if sum(len(value) * 3 // 4 for value in data.values()) > MAX_DATA_BYTES:
            causes.append(status.too_long("data", MAX_DATA_BYTES))
        for key in _REQUIRED_KEYS.get(obj["type"], ()):
            if key not in data:
                causes.append(status.required(f"data[{key}]"))
        return causes

    def validate_update(
        self, obj: base.Object, old: base.Object, around: base.Surroundings
    ) -> base.Causes:
        causes = base.immutable("type", obj.get("type"), old.get("type"))
        return causes + _immutable_causes(obj, old, ("data",))

    def selectable_fields(self, obj: base.Object) -> Mapping[str, str]:
        return {"type": obj.get("type") or ""}
