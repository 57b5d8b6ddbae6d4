"""Builds of an application's packages, waited for and shown."""

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from typing import Final

from fission.api import package_types, resources
from fission.base import errors as base_errors
from fission.cli import context, errors
from fission.cli.package import buildstate, follow
from fission.cli.spec import planning
from fission.meta import status

_NEXT: Final = "fission spec apply --wait"


async def wait(
    session: context.Session,
    packages: Sequence[planning.Key],
    on_over: Callable[[planning.Key], None] = lambda key: None,
) -> None:
    """Show builds to their end, each when it is over; raises for all that failed, at the end.

    What has been built before is not spoken of. A single build is followed as it goes on; of
    several, whose logs would run into each other, each is shown as a whole.
    """
    found = await asyncio.gather(*(_is_built(session, key) for key in packages))
    left = []
    for key, is_built in zip(packages, found, strict=True):
        if is_built:
            on_over(key)
        else:
            left.append(key)
    screen = asyncio.Lock()
    failures: list[base_errors.Error] = []

    async def one(key: planning.Key) -> None:
        if len(left) > 1:
            await _until_over(session, key)
        async with screen:
            try:
                await follow.until_built(session, key.name, _NEXT, key.namespace)
            except base_errors.Error as error:
                failures.append(error)
            on_over(key)

    async with asyncio.TaskGroup() as group:
        for key in left:
            group.create_task(one(key))
    if len(failures) == 1:
        raise failures[0]
    if failures:
        raise errors.BuildFailed("\n".join(map(str, failures)))


async def _until_over(session: context.Session, key: planning.Key) -> None:
    """Wait in silence; what is unusual is left to ``follow`` to tell, as are long waits."""
    changes = session.backend.changes(resources.PACKAGES, key.name, key.namespace)
    told = ""
    with contextlib.suppress(base_errors.Error):
        async with contextlib.aclosing(
            follow.or_silence(changes, follow.SILENCE_SECONDS)
        ) as states:
            package = None
            async for state in states:
                if state is not None and buildstate.is_over(state):
                    return
                package = state or package
                remark = follow.describe(package) if package else ""
                if state is None and remark != told:
                    session.out.note(f"still waiting: {remark}")
                    told = remark


async def _is_built(session: context.Session, key: planning.Key) -> bool:
    """Whether there is nothing to tell; what failed or is gone, ``follow`` tells."""
    try:
        package = await session.backend.get(resources.PACKAGES, key.name, key.namespace)
    except status.NotFound:
        return False
    return buildstate.is_over(package) and buildstate.build_status(package) != package_types.FAILED
