"""Sets of fields: from objects, between objects, to and from ``fieldsV1``; merging by them. Pure.

A path is a tuple of elements as fieldsV1 writes them: ``f:<field>``, ``k:<keys as JSON>``,
``v:<value as JSON>``. A set of paths holds leaves and, as ``.`` says there, inner places.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any

from fission.cluster.apiserver.ownership import listtypes

Path = tuple[str, ...]
Paths = frozenset[Path]
Object = dict[str, Any]

NOTHING: Paths = frozenset()

_SERVERS_OWN = frozenset(
    (
        "name",
        "generateName",
        "namespace",
        "uid",
        "resourceVersion",
        "generation",
        "creationTimestamp",
        "deletionTimestamp",
        "deletionGracePeriodSeconds",
        "selfLink",
        "managedFields",
    )
)


def owned_part(obj: Object, *, with_status: bool, only_status: bool = False) -> Object:
    """What of an object can be owned by a write to the main URL or to ``/status``."""
    if only_status:
        return {"status": obj["status"]} if "status" in obj else {}
    kept = {k: v for k, v in obj.items() if k not in ("kind", "apiVersion", "metadata")}
    if not with_status:
        kept.pop("status", None)
    metadata = {k: v for k, v in (obj.get("metadata") or {}).items() if k not in _SERVERS_OWN}
    return {"metadata": metadata, **kept} if metadata else kept


# --- Elements -----------------------------------------------------------------------------------


def key_element(item: Object, keys: tuple[str, ...]) -> str:
    found = {key: item.get(key, listtypes.KEY_DEFAULTS.get(key)) for key in sorted(keys)}
    return "k:" + json.dumps(found, separators=(",", ":"))


def value_element(item: Any) -> str:
    return "v:" + json.dumps(item, separators=(",", ":"))


def _items(value: list[Any], shape: listtypes.Shape) -> Iterator[tuple[str, Any]]:
    for item in value:
        if shape.is_set:
            yield value_element(item), item
        elif isinstance(item, dict):
            yield key_element(item, shape.keys), item


def _is_map(value: Any, shape: listtypes.Shape) -> bool:
    return isinstance(value, dict) and not shape.atomic


def _is_keyed(value: Any, shape: listtypes.Shape) -> bool:
    return isinstance(value, list) and bool(shape.keys or shape.is_set)


# --- Sets of objects ------------------------------------------------------------------------------


def paths_of(
    value: Any,
    shape_of: listtypes.ShapeOf,
    *,
    inner: bool = False,
    fields: listtypes.FieldPath = (),
    path: Path = (),
) -> Iterator[Path]:
    """The paths of a value. ``inner``: also maps and lists themselves (what an update owns)."""
    shape = shape_of(fields, value)
    if _is_map(value, shape):
        if path and (inner or not value):
            yield path
        for key, item in value.items():
            yield from paths_of(
                item, shape_of, inner=inner, fields=(*fields, key), path=(*path, f"f:{key}")
            )
    elif _is_keyed(value, shape):
        if inner or not value:
            yield path
        for element, item in _items(value, shape):
            yield (*path, element)
            if isinstance(item, dict):
                for key, part in item.items():
                    yield from paths_of(
                        part,
                        shape_of,
                        inner=inner,
                        fields=(*fields, key),
                        path=(*path, element, f"f:{key}"),
                    )
    elif path:
        yield path


def changes(
    old: Any,
    new: Any,
    shape_of: listtypes.ShapeOf,
    fields: listtypes.FieldPath = (),
    path: Path = (),
) -> tuple[set[Path], set[Path]]:
    """(added or modified, removed) paths between two values."""
    written: set[Path] = set()
    removed: set[Path] = set()
    old_shape, new_shape = shape_of(fields, old), shape_of(fields, new)
    if _is_map(old, old_shape) and _is_map(new, new_shape):
        _compare_maps(old, new, shape_of, fields, path, written, removed)
    elif _is_keyed(old, old_shape) and _is_keyed(new, new_shape):
        before, after = dict(_items(old, old_shape)), dict(_items(new, new_shape))
        for element in before.keys() | after.keys():
            here = (*path, element)
            if element not in after:
                removed |= set(_item_paths(before[element], shape_of, fields, here))
            elif element not in before:
                written |= set(_item_paths(after[element], shape_of, fields, here))
            elif isinstance(after[element], dict):
                _compare_maps(
                    before[element], after[element], shape_of, fields, here, written, removed
                )
    elif old != new:
        written.add(path)
    return written, removed


def _compare_maps(
    old: Object,
    new: Object,
    shape_of: listtypes.ShapeOf,
    fields: listtypes.FieldPath,
    path: Path,
    written: set[Path],
    removed: set[Path],
) -> None:
    for key in old.keys() | new.keys():
        here, below = (*path, f"f:{key}"), (*fields, key)
        if key not in new:
            removed.update(paths_of(old[key], shape_of, inner=True, fields=below, path=here))
        elif key not in old:
            written.update(paths_of(new[key], shape_of, inner=True, fields=below, path=here))
        else:
            more, less = changes(old[key], new[key], shape_of, below, here)
            written |= more
            removed |= less


def _item_paths(
    item: Any, shape_of: listtypes.ShapeOf, fields: listtypes.FieldPath, path: Path
) -> Iterator[Path]:
    yield path
    if isinstance(item, dict):
        for key, part in item.items():
            yield from paths_of(
                part, shape_of, inner=True, fields=(*fields, key), path=(*path, f"f:{key}")
            )


# --- Merging and pruning ------------------------------------------------------------------------


def merge(
    live: Any,
    intent: Any,
    shape_of: listtypes.ShapeOf,
    fields: listtypes.FieldPath = (),
) -> Any:
    """``intent`` laid over ``live``: maps by field, keyed lists by item, the rest replaced."""
    shape = shape_of(fields, intent)
    if _is_map(intent, shape) and isinstance(live, dict):
        merged = dict(live)
        for key, value in intent.items():
            known = key in live
            merged[key] = merge(live[key], value, shape_of, (*fields, key)) if known else value
        return merged
    if _is_keyed(intent, shape) and isinstance(live, list):
        wanted = dict(_items(intent, shape))
        result = []
        for element, item in _items(live, shape):
            if element not in wanted:
                result.append(item)
                continue
            part = wanted.pop(element)
            result.append(merge(item, part, shape_of, fields) if isinstance(item, dict) else part)
        return [*result, *wanted.values()]
    return intent


def prune(
    value: Any,
    doomed: Paths,
    kept: Paths,
    shape_of: listtypes.ShapeOf,
    fields: listtypes.FieldPath = (),
    path: Path = (),
) -> Any:
    """The value without the doomed paths; a map that this empties goes, unless it is kept."""
    shape = shape_of(fields, value)
    if _is_map(value, shape):
        found: Object = {}
        for key, item in value.items():
            here = (*path, f"f:{key}")
            if here in doomed and not _reaches(kept, here):
                continue
            part = prune(item, doomed, kept, shape_of, (*fields, key), here)
            emptied = part in ({}, []) and item not in ({}, []) and here not in kept
            if not emptied:
                found[key] = part
        return found
    if _is_keyed(value, shape):
        items = []
        for element, item in _items(value, shape):
            here = (*path, element)
            if here in doomed and not _reaches(kept, here):
                continue
            is_map = isinstance(item, dict)
            items.append(prune(item, doomed, kept, shape_of, fields, here) if is_map else item)
        return items
    return value


def _reaches(kept: Paths, path: Path) -> bool:
    return any(other[: len(path)] == path for other in kept)


# --- fieldsV1 -----------------------------------------------------------------------------------


def to_fields_v1(paths: Iterable[Path]) -> Object:
    root: Object = {}
    ordered = sorted(paths)
    for path in ordered:
        node = root
        for element in path:
            node = node.setdefault(element, {})
        node["."] = {}
    return _without_leaf_dots(root)


def _without_leaf_dots(node: Object) -> Object:
    found: Object = {}
    for element, below in sorted(node.items()):
        if element == ".":
            found["."] = {}
        else:
            inner = _without_leaf_dots(below)
            found[element] = {} if list(inner) == ["."] else inner
    return found


def from_fields_v1(node: Object, path: Path = ()) -> Iterator[Path]:
    for element, below in node.items():
        if element == ".":
            yield path
        elif not below:
            yield (*path, element)
        else:
            yield from from_fields_v1(below, (*path, element))


def format_path(path: Path) -> str:
    """``.spec.containers[name="c1"].image``: how conflicts are shown."""
    text = ""
    for element in path:
        kind, rest = element[:2], element[2:]
        if kind == "f:":
            text += f".{rest}"
        elif kind == "k:":
            pairs = json.loads(rest).items()
            text += "[" + ",".join(f"{k}={json.dumps(v)}" for k, v in pairs) + "]"
        else:
            text += f"[={rest}]"
    return text
