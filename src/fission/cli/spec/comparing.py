"""What a file wants against what is there: are they the same, how do they differ, what is written.

Pure. Both sides are brought to one form first, so that defaults which the API server fills in and
fields that the platform itself writes are no differences:

- the ``deployment`` of a Package that is built from its source (buildermgr),
- ``packageref.resourceversion`` of a Function (whoever puts new code into its package),
- the weights of an HTTPTrigger that a CanaryConfig moves (canary),
- annotations and labels whose key has a domain, unless the file has them.
"""

import base64
import dataclasses
import hashlib
from collections.abc import Iterator, Mapping
from typing import Any, Final

from fission.api import function_types, httptrigger_types, objects, package_types, resources, schema
from fission.api import labels as known_labels
from fission.meta import codec

Obj = dict[str, Any]

SERVER_DEFAULTS: Final[Mapping[str, Mapping[tuple[str, ...], Any]]] = {
    "Environment": {("terminationGracePeriod",): 90},
    "Function": {("streaming", "protocol"): "auto"},
    "TimeTrigger": {("method",): "POST", ("subpath",): "/"},
}
"""What the CRDs put into a spec where a field is absent, and its parent is not."""

_SHORT_LITERAL: Final = 120
_OWN_KEYS: Final = (known_labels.DEPLOYMENT_NAME, known_labels.DEPLOYMENT_UID)


@dataclasses.dataclass(frozen=True)
class Change:
    """A field that differs; None on one side: it is not there."""

    path: str
    before: Any = None
    after: Any = None


def decode(obj: Obj) -> Any:
    """An object of ours, with the defaults that the API server would fill in."""
    wire = objects.without_nulls(obj)
    for path, value in SERVER_DEFAULTS.get(str(wire.get("kind")), {}).items():
        parent = wire.get("spec")
        for key in path[:-1]:
            parent = parent.get(key) if isinstance(parent, dict) else None
        if isinstance(parent, dict):
            parent.setdefault(path[-1], value)
    return objects.decode(resources.TYPES[wire["kind"]], wire)


def merged(live: Obj, wanted: Any, *, moved_weights: bool = False) -> Obj:
    """The live object as it is to be written: what the file says, and what is the platform's.

    ``wanted`` is a decoded object; ``moved_weights``: a CanaryConfig moves the trigger's weights.
    """
    before: Any = objects.decode(resources.TYPES[live["kind"]], codec.deep_copy(live))
    after: Any = objects.decode(resources.TYPES[live["kind"]], codec.deep_copy(live))
    after.spec = objects.decode(type(wanted.spec), objects.encode_part(wanted.spec))
    _keep_platforms(before, after, moved_weights)
    after.metadata.labels = _merged_keys(before.metadata.labels, wanted.metadata.labels)
    after.metadata.annotations = _merged_keys(
        before.metadata.annotations, wanted.metadata.annotations
    )
    return objects.overlay(live, before, after)


def differences(live: Obj, target: Obj) -> list[Change]:
    """Fields of a live object that would change if ``target`` (of ``merged``) were written."""
    before, after = _shown(live), _shown(target)
    return list(_walk("", before, after))


def _keep_platforms(before: Any, after: Any, moved_weights: bool) -> None:
    """Carry over what others than the file decide on."""
    if isinstance(after, package_types.Package):
        is_built = not after.spec.source.is_empty() and after.spec.deployment.is_empty()
        if is_built:
            after.spec.deployment = before.spec.deployment
    elif isinstance(after, function_types.Function):
        old, new = before.spec.package.package_ref, after.spec.package.package_ref
        same = (old.namespace, old.name) == (new.namespace, new.name)
        new.resource_version = old.resource_version if same else ""
    elif isinstance(after, httptrigger_types.HTTPTrigger) and moved_weights:
        old_weights = before.spec.function_ref.function_weights
        new_weights = after.spec.function_ref.function_weights
        if old_weights and new_weights and old_weights.keys() == new_weights.keys():
            after.spec.function_ref.function_weights = old_weights


def _merged_keys(live: Mapping[str, str], wanted: Mapping[str, str]) -> dict[str, str]:
    """The file's, and those of the live object that tools and the platform wrote."""
    kept = {key: value for key, value in live.items() if "/" in key}
    return {**kept, **wanted}


def _shown(obj: Obj) -> Obj:
    """What of an object is compared: in one form, without defaults."""
    decoded: Any = objects.decode(resources.TYPES[obj["kind"]], objects.without_nulls(obj))
    metadata: Obj = {}
    for name in ("labels", "annotations"):
        found = getattr(decoded.metadata, name)
        if found:
            metadata[name] = dict(found)
    spec: schema.Model = decoded.spec
    return {"metadata": metadata, "spec": objects.encode_part(spec)}


def _walk(path: str, before: Any, after: Any) -> Iterator[Change]:
    if before == after:
        return
    if isinstance(before, dict) and isinstance(after, dict):
        for key in sorted({*before, *after}):
            inner = f"{path}.{key}" if path else key
            yield from _walk(inner, before.get(key), after.get(key))
    elif isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        for index, (old, new) in enumerate(zip(before, after, strict=True)):
            yield from _walk(f"{path}[{index}]", old, new)
    else:
        yield Change(path, before, after)


def format_value(path: str, value: Any) -> str:
    """A field's value for a person; an archive inside the object by size and hash."""
    if value is None:
        return "<none>"
    if path.endswith(".literal"):
        content = base64.b64decode(value)
        return f"{len(content)} bytes (sha256 {hashlib.sha256(content).hexdigest()[:12]})"
    if isinstance(value, dict) and "literal" in value:
        value = {**value, "literal": format_value(".literal", value["literal"])}
    if isinstance(value, str):
        text = value if value and value == value.strip() and "\n" not in value else repr(value)
    else:
        import json

        text = json.dumps(value, ensure_ascii=False, sort_keys=True)
    return text if len(text) <= _SHORT_LITERAL else f"{text[:_SHORT_LITERAL]}…"
