"""What of our kinds is on the platform: one list per kind and not one request per object."""

import asyncio
from collections.abc import Iterable, Sequence
from typing import Any, Final, Protocol

from fission.api import resources
from fission.cli.spec import planning
from fission.meta import gvk, status

Obj = dict[str, Any]

_NAMESPACES: Final = 4
"""More namespaces than this are looked at all at once."""


class Lister(Protocol):
    """What of a backend is needed here."""

    async def list(self, resource: gvk.Resource, namespace: str | None) -> list[Obj]: ...


async def look(
    backend: Lister,
    wanted: Iterable[planning.Key],
    *,
    everything: bool = False,
    with_packages: bool = False,
) -> dict[planning.Key, Obj]:
    """Objects that are there, at least those among ``wanted``.

    ``everything``: of every kind in every namespace, or where that is forbidden in those of
    ``wanted``. ``with_packages``: packages in any case, for their archives.
    """
    keys = set(wanted)
    namespaces = sorted({key.namespace for key in keys})
    kinds = {key.kind for key in keys}
    if with_packages:
        kinds.add("Package")
    if "Function" in kinds:
        kinds.add("Package")
    if "HTTPTrigger" in kinds:
        kinds.add("CanaryConfig")
    if everything:
        kinds = set(planning.KINDS)
    anywhere = everything or len(namespaces) > _NAMESPACES
    found = await asyncio.gather(
        *(_list(backend, kind, namespaces, anywhere) for kind in sorted(kinds))
    )
    return {planning.key_of(obj): obj for objs in found for obj in objs}


async def _list(backend: Lister, kind: str, namespaces: Sequence[str], anywhere: bool) -> list[Obj]:
    resource = resources.BY_KIND[kind]
    everywhere: list[Obj] = []
    if anywhere:
        try:
            everywhere = await backend.list(resource, None)
        except status.Forbidden:
            if not namespaces:
                raise
        else:
            namespaces = ()
    found = await asyncio.gather(*(backend.list(resource, each) for each in namespaces))
    return _named(resource, [obj for objs in (everywhere, *found) for obj in objs])


def _named(resource: gvk.Resource, objs: list[Obj]) -> list[Obj]:
    """With their kind, which lists leave out."""
    return [
        obj
        if obj.get("kind")
        else {"apiVersion": resource.api_version, "kind": resource.kind, **obj}
        for obj in objs
    ]
