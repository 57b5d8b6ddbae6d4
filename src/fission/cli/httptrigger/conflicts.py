"""Two routes that would claim the same requests, and functions that a route cannot find."""

from typing import Any

from fission.api import httptrigger_defaults, httptrigger_types, objects, resources
from fission.cli import context, errors, lookups
from fission.meta import status


async def refuse(session: context.Session, trigger: httptrigger_types.HTTPTrigger) -> None:
    """Refuse a route whose host, path and methods another one has, in any namespace."""
    metadata = trigger.metadata
    for raw in await _all_routes(session, metadata.namespace):
        if (lookups.namespace_of(raw), lookups.name_of(raw)) == (metadata.namespace, metadata.name):
            continue
        other = objects.decode(httptrigger_types.HTTPTrigger, raw)
        if _claims(other.spec) == _claims(trigger.spec):
            raise errors.CliError(
                f"HTTPTrigger with same Host, URL & method already exists ({lookups.name_of(raw)})"
            )


async def _all_routes(session: context.Session, namespace: str) -> list[lookups.Obj]:
    """Routes of all namespaces; of one for who may not look further."""
    try:
        return await session.backend.list(resources.HTTPTRIGGERS, None)
    except status.Forbidden:
        return await session.backend.list(resources.HTTPTRIGGERS, namespace)


async def warn_missing(session: context.Session, trigger: httptrigger_types.HTTPTrigger) -> None:
    """Warn of functions that are not there: the route answers 404 until they are."""
    wanted = [name for name in httptrigger_defaults.weights(trigger.spec.function_ref) if name]
    functions = await session.backend.list(resources.FUNCTIONS, trigger.metadata.namespace)
    names = lookups.names_of(functions)
    missing = [name for name in wanted if name not in names]
    for name in missing:
        shown = f"; existing are {', '.join(sorted(names))}" if names else ""
        session.out.warning(
            f"function '{name}' does not exist in namespace '{trigger.metadata.namespace}'{shown}"
        )


def _claims(spec: httptrigger_types.HTTPTriggerSpec) -> tuple[Any, ...]:
    return (
        spec.host,
        httptrigger_defaults.path(spec),
        bool(spec.prefix),
        frozenset(httptrigger_defaults.methods(spec)),
    )
