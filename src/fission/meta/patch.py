"""The three patch types of Kubernetes, as pure functions: document in, new document out.

JSON patch (RFC 6902) and merge patch (RFC 7386) know nothing of types. The strategic merge patch
knows which lists are maps in disguise (``merge_key``) and obeys the directives ``$patch``,
``$retainKeys``, ``$setElementOrder/<field>`` and ``$deleteFromPrimitiveList/<field>``; its order
of list items follows apimachinery's ``strategicpatch``: items of the patch keep the patch's
order, items only the server knows keep theirs, and the two are merged by the server's order.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fission.base import errors
from fission.meta import codec

Document = dict[str, Any]

MAX_JSON_PATCH_OPERATIONS = 10_000
"""The limit of upstream's API server."""


class PatchError(errors.InvalidInput):
    """A patch document is malformed."""

    reason = "InvalidPatch"


class PatchRejected(errors.InvalidInput):
    """A well-formed JSON patch does not apply: a test failed or a path is absent."""

    reason = "PatchRejected"


class MissingMergeKey(errors.InvalidInput):
    """A strategic patch has a list item without the key by which items are told apart."""

    reason = "MissingMergeKey"


def apply_json(document: Document, operations: Any) -> Document:
    """RFC 6902; raises PatchError (malformed) or PatchRejected (does not apply)."""
    import jsonpatch
    import jsonpointer

    if not isinstance(operations, list):
        found = "object" if isinstance(operations, dict) else type(operations).__name__
        raise PatchError(
            f"json: cannot unmarshal {found} into Go value of type []handlers.jsonPatchOp"
        )
    if len(operations) > MAX_JSON_PATCH_OPERATIONS:
        raise PatchError(
            f"the allowed maximum operations in a JSON patch is {MAX_JSON_PATCH_OPERATIONS}, "
            f"got {len(operations)}"
        )
    try:
        patched = jsonpatch.apply_patch(codec.deep_copy(document), operations, in_place=True)
    except jsonpatch.InvalidJsonPatch as error:
        raise PatchError(str(error)) from error
    except (
        jsonpatch.JsonPatchConflict,
        jsonpatch.JsonPatchTestFailed,
        jsonpointer.JsonPointerException,
        TypeError,
        KeyError,
    ) as error:
        raise PatchRejected(str(error)) from error
    if not isinstance(patched, dict):
        raise PatchError("the patched document is not an object")
    return patched


def apply_merge(document: Any, patch: Any) -> Any:
    """RFC 7386: null deletes, objects merge, everything else replaces."""
    if not isinstance(patch, dict):
        return patch
    merged: Document = dict(document) if isinstance(document, dict) else {}
    for key, value in patch.items():
        if value is None:
            merged.pop(key, None)
        else:
            merged[key] = apply_merge(merged.get(key), value)
    return merged


# --- Strategic merge ---------------------------------------------------------------------------

Path = tuple[str, ...]
MergeKey = Callable[[Path], str | None]
"""Field path (list indices left out) → merge key; "" for a set of scalars; None: replace."""

_KEYS_BY_FIELD: dict[str, str] = {
    "containers": "name",
    "initContainers": "name",
    "ephemeralContainers": "name",
    "env": "name",
    "volumes": "name",
    "volumeMounts": "mountPath",
    "volumeDevices": "devicePath",
    "imagePullSecrets": "name",
    "hostAliases": "ip",
    "topologySpreadConstraints": "topologyKey",
    "resourceClaims": "name",
    "schedulingGates": "name",
    "conditions": "type",
    "addresses": "type",
    "podIPs": "ip",
    "hostIPs": "ip",
    "taints": "key",
    "ownerReferences": "uid",
    "finalizers": "",
    "secrets": "name",
    "podCIDRs": "",
}
"""``patchMergeKey`` of the upstream types whose field has one meaning wherever it stands."""

_ANYTHING = frozenset(("labels", "annotations", "data", "stringData", "binaryData", "matchLabels"))


def core_merge_key(path: Path) -> str | None:
    """The merge keys of the built-in kinds."""
    if not path or (len(path) > 1 and path[-2] in _ANYTHING):
        return None
    field = path[-1]
    if field == "ports":
        parent = path[-2] if len(path) > 1 else ""
        if parent in ("containers", "initContainers", "ephemeralContainers"):
            return "containerPort"
        return "port" if path == ("spec", "ports") else None
    if field == "secrets" and len(path) > 1:
        return None
    if field == "addresses" and path[:1] != ("status",):
        return None
    return _KEYS_BY_FIELD.get(field)


_ORDER = "$setElementOrder/"
_DELETE = "$deleteFromPrimitiveList/"


def apply_strategic(
    document: Document, patch: Any, merge_key: MergeKey = core_merge_key
) -> Document:
    """Kubernetes' strategic merge patch; raises PatchError or MissingMergeKey."""
    if not isinstance(patch, dict):
        raise PatchError("the patch must be an object")
    return _merge_map(document, patch, (), merge_key)


def _merge_map(original: Document, patch: Document, path: Path, merge_key: MergeKey) -> Document:
    directive = patch.get("$patch")
    if directive == "replace":
        replaced: Document = _drop_directives({k: v for k, v in patch.items() if k != "$patch"})
        return replaced
    if directive == "delete":
        return {}
    if directive not in (None, "merge"):
        raise PatchError(f"unrecognized value of $patch: {directive!r}")
    merged = dict(original)
    retained = patch.get("$retainKeys")
    if retained is not None:
        merged = {key: value for key, value in merged.items() if key in retained}
    for key, values in patch.items():
        if key.startswith(_DELETE):
            field = key[len(_DELETE) :]
            if isinstance(merged.get(field), list):
                merged[field] = [item for item in merged[field] if item not in values]
    orders = {key[len(_ORDER) :]: v for key, v in patch.items() if key.startswith(_ORDER)}
    for key, value in patch.items():
        if key.startswith("$"):
            continue
        if value is None:
            merged.pop(key, None)
        elif key not in merged:
            merged[key] = _drop_directives(value)
        elif isinstance(value, dict) and isinstance(merged[key], dict):
            merged[key] = _merge_map(merged[key], value, (*path, key), merge_key)
        elif isinstance(value, list) and isinstance(merged[key], list):
            merged[key] = _merge_list(merged[key], value, (*path, key), merge_key)
        else:
            merged[key] = _drop_directives(value)
    for field, order in orders.items():
        if isinstance(merged.get(field), list):
            key_name = merge_key((*path, field)) or ""
            before = original.get(field) or []
            merged[field] = _reorder(merged[field], order, before, key_name)
    return merged


def _merge_list(
    original: list[Any], patch: list[Any], path: Path, merge_key: MergeKey
) -> list[Any]:
    key = merge_key(path)
    if any(isinstance(item, dict) and item.get("$patch") == "replace" for item in patch):
        kept = [i for i in patch if not (isinstance(i, dict) and i.get("$patch") == "replace")]
        return [_drop_directives(item) for item in kept]
    if key is None:
        return [_drop_directives(item) for item in patch]
    if key == "":
        merged: list[Any] = []
        for item in [*original, *patch]:
            if item not in merged:
                merged.append(item)
        return _reorder(merged, patch, original, "")
    deleted: list[Document] = []
    changes: list[Document] = []
    for item in patch:
        if not isinstance(item, dict) or key not in item:
            raise MissingMergeKey(
                f"map: {_go_map(item)} does not contain declared merge key: {key}"
            )
        (deleted if item.get("$patch") == "delete" else changes).append(item)
    gone = [item[key] for item in deleted]
    merged = [item for item in original if not (isinstance(item, dict) and item.get(key) in gone)]
    for change in changes:
        for position, item in enumerate(merged):
            if isinstance(item, dict) and item.get(key) == change[key]:
                merged[position] = _merge_map(item, change, path, merge_key)
                break
        else:
            merged.append(_drop_directives(change))
    return _reorder(merged, changes, original, key)


def _identity(item: Any, key: str) -> Any:
    return item.get(key) if key and isinstance(item, dict) else item


def _reorder(items: list[Any], order: list[Any], server: list[Any], key: str) -> list[Any]:
    """Items named in ``order`` in that order, merged with the rest by the server's order."""
    wanted = [_identity(item, key) for item in order]
    known = [_identity(item, key) for item in server]
    named = [item for item in items if _identity(item, key) in wanted]
    named.sort(key=lambda item: wanted.index(_identity(item, key)))
    others = [item for item in items if _identity(item, key) not in wanted]
    result: list[Any] = []
    while named and others:
        left, right = _identity(others[0], key), _identity(named[0], key)
        both = left in known and right in known
        source = others if both and known.index(left) < known.index(right) else named
        result.append(source.pop(0))
    return [*result, *named, *others]


def _drop_directives(value: Any) -> Any:
    if isinstance(value, dict):
        return {
            key: _drop_directives(item)
            for key, item in value.items()
            if not key.startswith("$") and item is not None
        }
    if isinstance(value, list):
        return [
            _drop_directives(item)
            for item in value
            if not (isinstance(item, dict) and item.get("$patch") in ("delete", "replace"))
        ]
    return value


def _go_map(value: Any) -> str:
    if isinstance(value, dict):
        return "map[" + " ".join(f"{k}:{_go_map(v)}" for k, v in sorted(value.items())) + "]"
    return str(value)
