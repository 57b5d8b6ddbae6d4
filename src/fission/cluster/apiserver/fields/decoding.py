"""Strict decoding of built-in kinds: wrong types are errors, unknown fields are dropped and named.

What Go's typed decoding does with a body, upon plain dicts: nulls are dropped, quantities brought
to their canonical form, ``data`` of a Secret must be base64.
"""

from __future__ import annotations

import base64
import binascii
import re
from typing import Any

from fission.cluster.apiserver.fields import tables
from fission.meta import codec, quantity, status

_GO_TYPES = {"s": "string", "i": "int32", "b": "bool", "d": "float64"}
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")


class _Decoder:
    def __init__(self, kind: str) -> None:
        self.kind = kind
        self.unknown: list[str] = []

    def object(self, value: Any, type_: str, path: str) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise self.mismatch(value, path, _go_name(type_))
        fields = tables.fields_of(type_)
        found: dict[str, Any] = {}
        for name, item in value.items():
            field = fields.get(name)
            here = f"{path}.{name}" if path else name
            if field is None:
                self.unknown.append(here)
            elif item is not None:
                found[name] = self.field(item, field, here)
        return found

    def field(self, value: Any, field: tables.Field, path: str) -> Any:
        if field.list:
            if not isinstance(value, list):
                raise self.mismatch(value, path, f"[]{_go_name(field.type)}")
            return [
                self.value(item, field.type, f"{path}[{position}]")
                for position, item in enumerate(value)
            ]
        if field.map:
            if not isinstance(value, dict):
                raise self.mismatch(value, path, f"map[string]{_go_name(field.type)}")
            return {key: self.value(item, field.type, path) for key, item in value.items()}
        return self.value(value, field.type, path)

    def value(self, value: Any, type_: str, path: str) -> Any:
        if len(type_) > 1:
            return {} if value is None else self.object(value, type_, path)
        match type_:
            case "s":
                if value is None:
                    return ""
                if not isinstance(value, str):
                    raise self.mismatch(value, path, "string")
            case "i":
                if isinstance(value, float) and value.is_integer():
                    return int(value)
                if not isinstance(value, int) or isinstance(value, bool):
                    raise self.mismatch(value, path, "int32")
            case "b":
                if not isinstance(value, bool):
                    raise self.mismatch(value, path, "bool")
            case "d":
                if not isinstance(value, (int, float)) or isinstance(value, bool):
                    raise self.mismatch(value, path, "float64")
            case "q":
                return self.quantity(value, path)
            case "o":
                if not isinstance(value, (int, str)) or isinstance(value, bool):
                    raise self.mismatch(value, path, "intstr.IntOrString")
            case "t":
                if value is not None and (not isinstance(value, str) or not _TIME.fullmatch(value)):
                    raise self.fail(
                        f"parsing time {status.format_value(value)} as"
                        ' "2006-01-02T15:04:05Z07:00": cannot parse'
                    )
            case "y":
                self.base64(value, path)
        return value

    def quantity(self, value: Any, path: str) -> str:
        if not isinstance(value, (str, int, float)) or isinstance(value, bool):
            raise self.mismatch(value, path, "resource.Quantity")
        try:
            return quantity.canonical(value)
        except ValueError as error:
            raise self.fail(str(error)) from error

    def base64(self, value: Any, path: str) -> None:
        if not isinstance(value, str):
            raise self.mismatch(value, path, "[]uint8")
        try:
            base64.b64decode(value, validate=True)
        except (binascii.Error, ValueError) as error:
            good = re.match(r"[A-Za-z0-9+/]*", value)
            position = (good.end() if good else 0) // 4 * 4
            raise self.fail(f"illegal base64 data at input byte {position}") from error

    def mismatch(self, value: Any, path: str, wanted: str) -> status.BadRequest:
        field = re.sub(r"\[\d+\]", "", path)
        where = f"{self.kind}.{field}" if field else self.kind
        return self.fail(
            f"json: cannot unmarshal {_json_name(value)} into Go struct field {where}"
            f" of type {wanted}"
        )

    def fail(self, why: str) -> status.BadRequest:
        return status.BadRequest(why)


def _go_name(type_: str) -> str:
    return _GO_TYPES.get(type_) or type_.partition("_")[2]


def _json_name(value: Any) -> str:
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, str):
        return "string"
    if isinstance(value, (int, float)):
        return "number"
    if isinstance(value, list):
        return "array"
    return "object" if isinstance(value, dict) else "null"


def decode(
    obj: dict[str, Any], type_: str, kind: str, admitted: dict[str, Any] | None = None
) -> tuple[dict[str, Any], list[str]]:
    """The object with known fields only, and the paths of the unknown ones.

    What is the same in ``admitted``, an object that passed here before, is not looked at again:
    most writes change a label or the status. Raises BadRequest with the bare reason; the caller
    puts it into its sentence.
    """
    decoder = _Decoder(kind)
    if not admitted or not isinstance(obj, dict):
        return decoder.object(obj, type_, ""), decoder.unknown
    same = {
        name: codec.deep_copy(item)
        for name, item in obj.items()
        if isinstance(item, dict) and name in admitted and codec.is_same(item, admitted[name])
    }
    changed = {name: item for name, item in obj.items() if name not in same}
    decoded = decoder.object(changed, type_, "")
    found = {n: same.get(n, decoded.get(n)) for n in obj if n in same or n in decoded}
    return found, decoder.unknown
