"""``fission function pods``."""

from typing import Any

from fission.api import labels, resources
from fission.cli import command as commands
from fission.cli import context, lookups, options, output, views

_HEADER = (*views.POD_HEADER, "SERVED", "VERSION")


@commands.command("List the pods that run a function.\n\n  fission fn pods --name hello")
@options.name("Name of the function")
@options.output
async def command(session: context.Session, name: str, **flags: Any) -> None:
    """List them."""
    chosen = flags["output"] or ""
    output.check_format(chosen)
    function = await lookups.get(session, resources.FUNCTIONS, name)
    found = await session.backend.function_pods(function)
    pods = sorted((pod for pod in found if not views.is_terminating(pod)), key=lookups.name_of)
    typed = [{"apiVersion": "v1", "kind": "Pod", **pod} for pod in pods]
    if views.show_document(session, typed, chosen):
        return
    wide = chosen == "wide"
    session.out.table(
        (*_HEADER, "NODE", "RESTARTS", "AGE") if wide else _HEADER,
        [(*_row(pod), *_wide(session, pod)) if wide else _row(pod) for pod in pods],
    )


def _row(pod: dict[str, Any]) -> tuple[Any, ...]:
    marks = pod["metadata"].get("labels") or {}
    served = marks.get(labels.SERVED, output.NONE)
    return (*views.pod_row(pod), served, marks.get(labels.FUNCTION_VERSION, output.NONE))


def _wide(session: context.Session, pod: dict[str, Any]) -> tuple[Any, ...]:
    containers = (pod.get("status") or {}).get("containerStatuses") or ()
    restarts = sum(int(each.get("restartCount") or 0) for each in containers)
    return pod["spec"].get("nodeName") or output.NONE, restarts, views.age(session, pod)
