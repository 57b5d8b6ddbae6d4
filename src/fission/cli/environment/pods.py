"""``fission environment pods``."""

from fission.api import executors, resources
from fission.cli import command as commands
from fission.cli import context, lookups, options, output, suggest, views


@commands.command(
    "List the pods of an environment, generic and specialized.\n\n  fission env pods --name python"
)
@options.name("Name of the environment")
@options.string("--executortype", help="Only of this executor: poolmgr, newdeploy or container")
@options.output
async def command(
    session: context.Session, name: str, executortype: str | None, **flags: str | None
) -> None:
    """List them."""
    chosen = flags["output"] or ""
    output.check_format(chosen)
    if executortype:
        suggest.check_choice("executor type", executortype, executors.TYPES)
    environment = await lookups.get(session, resources.ENVIRONMENTS, name)
    found = await session.backend.environment_pods(environment, executortype or "")
    found = sorted((each for each in found if not views.is_terminating(each)), key=views.pod_row)
    if views.show_document(session, found, chosen):
        return
    wide = chosen == "wide"
    session.out.table(
        (*views.POD_HEADER, "AGE") if wide else views.POD_HEADER,
        [
            (*views.pod_row(each), views.age(session, each)) if wide else views.pod_row(each)
            for each in found
        ],
    )
