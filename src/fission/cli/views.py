"""What several commands show: readiness, conditions, pods, objects in a chosen format."""

from typing import Any

from fission.api import executors, labels
from fission.cli import context, output
from fission.meta import conditions

Obj = dict[str, Any]

MESSAGE_WIDTH = 160
"""Longer messages are cut in tables."""
WHOLE_WIDTH = 2000
"""Of a message below its table."""
POD_HEADER = ("NAME", "NAMESPACE", "READY", "STATUS", "IP", "EXECUTORTYPE", "MANAGED")


def ready(obj: Obj) -> str:
    """Status of the Ready condition."""
    found = conditions.get((obj.get("status") or {}).get("conditions"), "Ready")
    return str(found["status"]) if found else output.NONE


def show_conditions(session: context.Session, obj: Obj, *, is_whole: bool = True) -> None:
    """The conditions of one object, if it has any.

    ``is_whole``: messages that the table cuts stand below it.
    """
    found = (obj.get("status") or {}).get("conditions") or []
    if not found:
        return
    now = session.clock.now()
    session.out.line("\nCONDITIONS:")
    session.out.table(
        ("TYPE", "STATUS", "REASON", "MESSAGE", "LASTTRANSITION"),
        [
            (
                each.get("type", ""),
                each.get("status", ""),
                each.get("reason", ""),
                output.one_line(str(each.get("message", "")), MESSAGE_WIDTH),
                output.format_age(each.get("lastTransitionTime"), now),
            )
            for each in found
        ],
    )
    if not is_whole:
        return
    texts = [output.one_line(str(each.get("message", "")), WHOLE_WIDTH) for each in found]
    for text in dict.fromkeys(text for text in texts if len(text) > MESSAGE_WIDTH):
        session.out.line(f"\n{text}")


def show_document(session: context.Session, value: Any, chosen: str | None) -> bool:
    """Print as JSON, YAML or names if that was asked for; whether it was."""
    if chosen not in ("json", "yaml", "name"):
        return False
    session.out.document(without_managed_fields(value), chosen)
    return True


def without_managed_fields(value: Any) -> Any:
    """Objects as people want to see them."""
    if isinstance(value, list):
        return [without_managed_fields(item) for item in value]
    metadata = value.get("metadata")
    if not isinstance(metadata, dict) or "managedFields" not in metadata:
        return value
    kept = {key: item for key, item in metadata.items() if key != "managedFields"}
    return {**value, "metadata": kept}


def age(session: context.Session, obj: Obj) -> str:
    """Time since an object was created."""
    return output.format_age(obj["metadata"].get("creationTimestamp"), session.clock.now())


def pod_row(pod: Obj) -> tuple[str, ...]:
    """One pod in a table."""
    metadata, state = pod["metadata"], pod.get("status") or {}
    marks = metadata.get("labels") or {}
    containers = (pod.get("spec") or {}).get("containers") or []
    running = [each for each in state.get("containerStatuses") or () if each.get("ready")]
    return (
        metadata["name"],
        metadata["namespace"],
        f"{len(running)}/{len(containers)}",
        _pod_status(state),
        state.get("podIP") or output.NONE,
        marks.get(labels.EXECUTOR_TYPE, output.NONE),
        marks.get(labels.MANAGED, output.NONE),
    )


def _pod_status(state: Obj) -> str:
    """The phase, or why a container waits, as ``kubectl get pods`` has it."""
    for container in reversed(state.get("containerStatuses") or ()):
        waiting = (container.get("state") or {}).get("waiting") or {}
        if waiting.get("reason"):
            return str(waiting["reason"])
    return str(state.get("phase") or output.NONE)


def is_terminating(pod: Obj) -> bool:
    """Whether a pod is on its way out."""
    return bool(pod["metadata"].get("deletionTimestamp"))


def is_ready(pod: Obj) -> bool:
    """Whether a pod could take requests."""
    return conditions.is_true((pod.get("status") or {}).get("conditions"), "Ready")


def is_generic(pod: Obj) -> bool:
    """Whether a pod of a pool has no function yet."""
    return labels.FUNCTION_UID not in (pod["metadata"].get("labels") or {})


def is_serving(pod: Obj) -> bool:
    """Whether a pod takes requests of a function: ready, and not being drained."""
    marks = pod["metadata"].get("labels") or {}
    is_drained = (
        marks.get(labels.EXECUTOR_TYPE) == executors.POOLMGR and marks.get(labels.SERVED) != "true"
    )
    return is_ready(pod) and not is_drained
