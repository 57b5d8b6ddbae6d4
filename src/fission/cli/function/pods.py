"""``fission function pods``."""

from fission.api import labels, resources
from fission.cli import command as commands
from fission.cli import context, lookups, options, output, views

_HEADER = (*views.POD_HEADER, "SERVED", "VERSION")


@commands.command("List the pods that run a function.")
@options.name("Name of the function")
async def command(session: context.Session, name: str) -> None:
    """List them."""
    function = await lookups.get(session, resources.FUNCTIONS, name)
    pods = await session.backend.function_pods(function)
    rows = []
    for pod in pods:
        if views.is_terminating(pod):
            continue
        marks = pod["metadata"].get("labels") or {}
        served = marks.get(labels.SERVED, output.NONE)
        version = marks.get(labels.FUNCTION_VERSION, output.NONE)
        rows.append((*views.pod_row(pod), served, version))
    session.out.table(_HEADER, sorted(rows))
