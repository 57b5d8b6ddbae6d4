"""Two routes that would claim the same requests."""

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
            name, namespace = lookups.name_of(raw), lookups.namespace_of(raw)
            raise errors.CliError(
                f"HTTPTrigger with same Host, URL & method already exists ({name})",
                why=f"a request goes to one route, and this one is in namespace '{namespace}'",
                remedy="choose another path or method, or change that one with"
                f" `fission -n {namespace} route update --name {name}`",
            )


async def _all_routes(session: context.Session, namespace: str) -> list[lookups.Obj]:
    """Routes of all namespaces; of one for who may not look further."""
    try:
        return await session.backend.list(resources.HTTPTRIGGERS, None)
    except status.Forbidden:
        return await session.backend.list(resources.HTTPTRIGGERS, namespace)


def _claims(spec: httptrigger_types.HTTPTriggerSpec) -> tuple[Any, ...]:
    return (
        spec.host,
        httptrigger_defaults.path(spec),
        bool(spec.prefix),
        frozenset(httptrigger_defaults.methods(spec)),
    )
