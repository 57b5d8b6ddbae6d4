"""How far a package's build is, as its status says, and asking for another one.

Buildermgr finds out by itself what a package needs. The one word that the command writes is
``pending``: build again, where the content alone may not tell. It writes that on the state that it
has seen and no other, so it never starts over what buildermgr has just begun.
"""

import asyncio
from collections.abc import Callable
from typing import Any, Final

from fission.api import conditions as condition_types
from fission.api import (
    labels,
    objects,
    package_builds,
    package_defaults,
    package_types,
    resources,
)
from fission.cli import context, errors, lookups
from fission.meta import conditions, status

Obj = dict[str, Any]

_ENDED: Final = (package_types.SUCCEEDED, package_types.FAILED, package_types.NONE)
_ATTEMPTS: Final = 5
_PAUSE_SECONDS: Final = 0.05


def has_source(package: Obj) -> bool:
    """Whether there is something to build."""
    source = package["spec"].get("source") or {}
    return bool(source.get("literal") or source.get("url"))


def build_status(package: Obj) -> str:
    """How far its build is."""
    return str((package.get("status") or {}).get("buildstatus") or "")


def is_outdated(package: Obj) -> bool:
    """Whether buildermgr says that the environment is another than the build's."""
    found = (package.get("status") or {}).get("conditions")
    current = conditions.get(found, condition_types.ENVIRONMENT_CURRENT)
    return current is not None and current.get("status") == condition_types.FALSE


async def ask_for_build(session: context.Session, package: Obj, *, uncached: bool = False) -> Obj:
    """Have a package built (again); the package as it is then, waiting or being built."""
    name, namespace = lookups.name_of(package), lookups.namespace_of(package)
    if uncached:
        mark = session.new_uid()

        def put(changed: Any) -> None:
            changed.metadata.annotations[labels.NO_BUILD_CACHE] = mark

        package = await lookups.change(session, resources.PACKAGES, name, put, namespace)
    return await _say_pending(session, package, unless=lambda current: False)


async def ask_unless_known(session: context.Session, package: Obj) -> Obj:
    """Have a package built that was changed, unless buildermgr has seen the change already.

    Who may not write the word is no worse off: buildermgr finds out, a little later.
    """
    try:
        return await _say_pending(session, package, unless=lambda seen: is_outcome(seen) is True)
    except status.Forbidden:
        return package


def is_over(package: Obj) -> bool:
    """Whether its build has ended, as far as that can be told."""
    return build_status(package) in _ENDED and is_outcome(package) is not False


def is_outcome(package: Obj) -> bool | None:
    """Whether the state is that of what the package holds, and not of what it held before.

    None where nothing tells.
    """
    decoded = objects.decode(package_types.Package, package)
    of_content = decoded.status.content_hash
    if of_content and of_content != package_defaults.content_hash(decoded.spec):
        return False
    built = package_builds.read(decoded)
    if built is not None and built.inputs == package_builds.inputs_of(decoded):
        return True
    found = conditions.get(decoded.status.conditions, condition_types.BUILD_SUCCEEDED) or {}
    observed = found.get("observedGeneration")
    if observed is not None:
        return int(observed) >= decoded.metadata.generation
    return None if built is None else False


async def _say_pending(
    session: context.Session, package: Obj, unless: Callable[[Obj], bool]
) -> Obj:
    """Write the one word, unless buildermgr has said it or knows better already."""
    name, namespace = lookups.name_of(package), lookups.namespace_of(package)
    for _ in range(_ATTEMPTS):
        is_waiting = build_status(package) in (package_types.PENDING, package_types.RUNNING)
        if is_waiting or unless(package):
            return package
        wanted = {"buildstatus": package_types.PENDING}
        try:
            return await session.backend.set_status(resources.PACKAGES, package, wanted)
        except status.Conflict:
            await asyncio.sleep(_PAUSE_SECONDS)
            package = await lookups.get(session, resources.PACKAGES, name, namespace)
    raise errors.CliError(
        f"package {name} keeps changing; ask for its build again: fission pkg rebuild --name {name}"
    )
