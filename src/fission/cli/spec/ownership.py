"""Which application an object belongs to: two annotations. Pure."""

from typing import Any

from fission.api import labels

Obj = dict[str, Any]


def uid_of(obj: Obj) -> str:
    """Uid of the application that an object belongs to; empty: of none."""
    annotations = obj["metadata"].get("annotations") or {}
    return str(annotations.get(labels.DEPLOYMENT_UID) or "")


def name_of(obj: Obj) -> str:
    """Name of that application."""
    annotations = obj["metadata"].get("annotations") or {}
    return str(annotations.get(labels.DEPLOYMENT_NAME) or "")


def mark(obj: Obj, name: str, uid: str) -> None:
    """Make an object one of the application's."""
    annotations = obj["metadata"].get("annotations") or {}
    obj["metadata"]["annotations"] = {
        **annotations,
        labels.DEPLOYMENT_NAME: name,
        labels.DEPLOYMENT_UID: uid,
    }
