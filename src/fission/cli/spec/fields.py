"""Fields of an object against the schema of its kind: all that is wrong in it, at once.

The schema is the one that the CRDs are made of, so what is refused here a cluster would drop or
refuse, too. Unlike a cluster, a field that nobody knows is never dropped in silence.
"""

import base64
import binascii
import dataclasses
import functools
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from msgspec import structs

from fission.api import fielderrors, resources, schema, structural
from fission.api.fielderrors import FieldError
from fission.cli import suggest
from fission.cli.spec import words
from fission.meta import objectmeta

Obj = dict[str, Any]

WRONG: Final = "FieldValueTypeInvalid"
"""The reason of faults that keep an object from being decoded."""
_OPAQUE: Final = "x-kubernetes-preserve-unknown-fields"
_INT_OR_STRING: Final = "x-kubernetes-int-or-string"
_TOP: Final = ("apiVersion", "kind", "metadata", "spec", "status")
_TEXTS: Final[schema.Hints] = {"type": "object", "additionalProperties": {"type": "string"}}
_METADATA: Final[Mapping[str, schema.Hints]] = {
    "name": {"type": "string"},
    "generateName": {"type": "string"},
    "namespace": {"type": "string"},
    "labels": _TEXTS,
    "annotations": _TEXTS,
    "finalizers": {"type": "array", "items": {"type": "string"}},
}
_FILLED: Final = "namespace"
"""Required by the API, and filled in by ``spec apply`` where it is not written down."""
_WORDS: Final[Mapping[str, tuple[type, ...]]] = {
    "object": (dict,),
    "array": (list,),
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
}
_NAMES: Final = {
    "object": "a mapping",
    "array": "a list",
    "string": "text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
}


@dataclasses.dataclass(frozen=True)
class Misspelled(FieldError):
    """A field that nobody knows, and the path of the one that was probably meant."""

    meant: str = ""


def check(obj: Obj) -> list[FieldError]:
    """Unknown fields, and values that their field cannot have, of an object of ours."""
    found = list(_unknown(obj, _TOP, ""))
    known: Obj = {each.encode_name: {} for each in structs.fields(objectmeta.ObjectMeta)}
    found += _object(obj["metadata"], {"properties": {**known, **_METADATA}}, "metadata")
    spec = obj.get("spec")
    if spec is None:
        found.append(fielderrors.required("spec"))
    found += _value(spec, _schema_of(obj["kind"]), "spec")
    meant = {each.meant for each in found if isinstance(each, Misspelled)}
    return [each for each in found if each.field not in meant]


@functools.cache
def _schema_of(kind: str) -> schema.Hints:
    part: schema.Hints = structural.root_schema(resources.TYPES[kind])["properties"]["spec"]
    return part


def _value(value: Any, hints: schema.Hints, path: str) -> Iterator[FieldError]:
    if value is None:
        return
    if hints.get(_INT_OR_STRING):
        if isinstance(value, bool) or not isinstance(value, int | str):
            yield _wrong(path, value, "text or a whole number")
        return
    wanted = hints.get("type")
    if wanted is not None and not _is(value, wanted):
        yield _wrong(path, value, _NAMES[wanted])
        return
    if isinstance(value, dict):
        yield from _object(value, hints, path)
    elif isinstance(value, list):
        most = hints.get("maxItems")
        if most is not None and len(value) > most:
            yield fielderrors.invalid(path, len(value), f"at most {most} entries")
        items = hints.get("items") or {}
        for index, each in enumerate(value):
            if each is None:
                yield _wrong(f"{path}[{index}]", each, _name_of_type(items))
            yield from _value(each, items, f"{path}[{index}]")
    else:
        yield from _scalar(value, hints, path)


def _object(value: Obj, hints: schema.Hints, path: str) -> Iterator[FieldError]:
    properties = hints.get("properties") or {}
    additional = hints.get("additionalProperties")
    if additional is not None:
        for key, each in value.items():
            if each is None:
                yield _wrong(f"{path}[{key}]", each, _name_of_type(additional))
            yield from _value(each, additional, f"{path}[{key}]")
        return
    if properties and not hints.get(_OPAQUE):
        yield from _unknown(value, properties, path)
    for key, inner in properties.items():
        if key in value:
            yield from _value(value[key], inner, f"{path}.{key}")
    for key in hints.get("required", ()):
        if value.get(key) is None and key != _FILLED:
            yield fielderrors.required(f"{path}.{key}")


def _unknown(value: Obj, known: Any, path: str) -> Iterator[FieldError]:
    start = f"{path}." if path else ""
    for key in value:
        if key not in known:
            text = f"unknown field{words.suggestion(key, known)}"
            close = suggest.nearest(key, known)
            meant = f"{start}{close}" if close else ""
            yield Misspelled(f"{start}{key}", "FieldValueForbidden", text, meant)


def _scalar(value: Any, hints: schema.Hints, path: str) -> Iterator[FieldError]:
    if "enum" in hints and value not in hints["enum"]:
        near = [each for each in hints["enum"] if str(each).lower() == str(value).lower()]
        yield fielderrors.unsupported(path, value, near or hints["enum"])
        return
    least, most = hints.get("minimum"), hints.get("maximum")
    if least is not None and value < least:
        yield fielderrors.invalid(path, value, f"must be {least} or more")
    if most is not None and value > most:
        yield fielderrors.invalid(path, value, f"must be {most} or less")
    if isinstance(value, str):
        yield from _text(value, hints, path)


def _text(value: str, hints: schema.Hints, path: str) -> Iterator[FieldError]:
    if hints.get("format") == "byte":
        try:
            base64.b64decode(value, validate=True)
        except (binascii.Error, ValueError):
            yield FieldError(path, WRONG, "Invalid value: is not base64")
        return
    least, most = hints.get("minLength", 0), hints.get("maxLength")
    if len(value) < least:
        yield fielderrors.required(path)
    elif most is not None and len(value) > most:
        yield fielderrors.too_long(path, f"{len(value)} characters, at most {most}")
    elif "pattern" in hints and not re.search(hints["pattern"], value):
        yield fielderrors.invalid(path, value, f"must match {hints['pattern']}")


def _wrong(path: str, value: Any, wanted: str) -> FieldError:
    hint = ""
    if wanted == _NAMES["string"] and isinstance(value, bool | int | float):
        hint = "; put it in quotes"
    text = f"Invalid value: want {wanted}, found {words.name_of(value)}{hint}"
    return FieldError(path, WRONG, text)


def _name_of_type(hints: schema.Hints) -> str:
    return _NAMES.get(str(hints.get("type")), "a value")


def _is(value: Any, wanted: str) -> bool:
    if isinstance(value, bool):
        return wanted == "boolean"
    return isinstance(value, _WORDS[wanted])
