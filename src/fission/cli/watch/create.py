"""``fission watch create``."""

from typing import Final

from fission.api import kuberneteswatchtrigger_types, objects, resources, validation
from fission.base import errors as base_errors
from fission.cli import command as commands
from fission.cli import context, errors, flagvalues, missing, options, specfiles
from fission.meta import status

_DEFAULT_NAMESPACE: Final = "default"


@commands.command(
    "Call a function for each change of the objects of a kind, in the trigger's own namespace.\n\n"
    "  fission watch create --name web --type pod --labelselector app=web --function hello"
)
@options.name("Name of the trigger; a UUID if not given", required=False)
@options.string("--function", help="Function to call", required=True)
@options.string(
    "--type",
    help="Kind of the objects: pod, service, replicationcontroller, job, or any other that the"
    " cluster serves, as in deployments.apps",
    default="pod",
)
@options.string("--labelselector", help="Labels that they must have, as key=value,key2=value2")
@options.save
async def command(
    session: context.Session,
    name: str | None,
    function: str,
    type: str | None,
    labelselector: str | None,
    spec: bool | None,
    dry: bool | None,
) -> None:
    """Create one."""
    mode = specfiles.Mode(bool(spec), bool(dry))
    trigger = kuberneteswatchtrigger_types.KubernetesWatchTrigger()
    trigger.metadata.namespace = _namespace(session, mode)
    if not name:
        name = session.new_uid()
        session.out.warning(f"no --name given, so the trigger is named {name}")
    trigger.metadata.name = name
    trigger.spec.namespace = trigger.metadata.namespace
    trigger.spec.type = type or "pod"
    trigger.spec.label_selector = flagvalues.parse_labels(labelselector or "")
    trigger.spec.function_ref.name = function
    validation.check(trigger)
    if mode.is_on:
        specfiles.write(session, mode, [objects.encode(trigger)])
        return
    await missing.warn(session, [function], session.namespace)
    try:
        await session.backend.create(resources.KUBERNETESWATCHTRIGGERS, objects.encode(trigger))
    except status.AlreadyExists as error:
        raise errors.CliError(
            f"trigger '{name}' already exists",
            remedy=f"delete it first with `fission watch delete --name {name}`",
        ) from error
    session.out.info(f"trigger '{name}' created")


def _namespace(session: context.Session, mode: specfiles.Mode) -> str:
    """The trigger's own, which it names: written down in any case, even where nobody answers."""
    if not mode.is_on:
        return session.namespace
    try:
        return session.namespace
    except base_errors.Error:
        return _DEFAULT_NAMESPACE
