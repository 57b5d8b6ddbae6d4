"""From documents to objects as they are to be on the platform: namespaces, owner, commit. Pure."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from fission.api import labels, objects
from fission.cli.spec import comparing, ownership, planning
from fission.meta import codec

Obj = dict[str, Any]

_METADATA: Final = ("name", "namespace", "labels", "annotations", "finalizers")
_REFERENCES: Final[Mapping[str, tuple[tuple[str, ...], ...]]] = {
    "Package": (("environment",),),
    "Function": (("environment",), ("package", "packageref"), ("secrets",), ("configmaps",)),
    "KubernetesWatchTrigger": ((),),
}
"""Parts of a spec that have a namespace, which is always the object's own."""


def fill_namespaces(obj: Obj, namespace: str, *, force: bool = False) -> Obj:
    """A copy whose empty namespaces are filled: the object's, and those of its references.

    ``force``: also those that are not empty.
    """
    filled: Obj = codec.deep_copy(obj)
    own = filled["metadata"].get("namespace")
    own = namespace if force or not own else str(own)
    filled["metadata"]["namespace"] = own
    for each in references(filled):
        if force or not each.get("namespace"):
            each["namespace"] = own
    return filled


def references(obj: Obj) -> Iterator[Obj]:
    """The parts of an object that have a namespace of their own."""
    for path in _REFERENCES.get(str(obj.get("kind")), ()):
        part: Any = obj.get("spec")
        for key in path:
            part = part.get(key) if isinstance(part, dict) else None
        for each in part if isinstance(part, list) else [part]:
            if isinstance(each, dict):
                yield each


def make(obj: Obj, deployment_name: str, deployment_uid: str, commit: str = "") -> planning.Wanted:
    """An object with filled namespaces as it is wanted."""
    wire = objects.without_nulls(obj)
    wire.pop("status", None)
    metadata = wire["metadata"]
    wire["metadata"] = {key: metadata[key] for key in _METADATA if key in metadata}
    if commit:
        wire["metadata"]["labels"] = {**(metadata.get("labels") or {}), labels.COMMIT: commit}
    ownership.mark(wire, deployment_name, deployment_uid)
    if wire["kind"] == "Function":
        reference = (wire.get("spec") or {}).get("package", {}).get("packageref", {})
        reference.pop("resourceversion", None)
    return planning.Wanted(planning.key_of(wire), wire, comparing.decode(wire))


def namespaces_of(wanted: Iterable[planning.Wanted]) -> set[str]:
    """Where they are."""
    return {each.key.namespace for each in wanted}
