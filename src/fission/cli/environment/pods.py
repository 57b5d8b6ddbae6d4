"""``fission environment pods``."""

from fission.api import executors, resources
from fission.cli import command as commands
from fission.cli import context, lookups, options, suggest, views


@commands.command("List the pods of an environment, generic and specialized.")
@options.name("Name of the environment")
@options.string("--executortype", help="Only of this executor: poolmgr, newdeploy or container")
async def command(session: context.Session, name: str, executortype: str | None) -> None:
    """List them."""
    if executortype:
        suggest.check_choice("executor type", executortype, executors.TYPES)
    environment = await lookups.get(session, resources.ENVIRONMENTS, name)
    found = await session.backend.environment_pods(environment, executortype or "")
    rows = sorted(views.pod_row(pod) for pod in found if not views.is_terminating(pod))
    session.out.table(views.POD_HEADER, rows)
