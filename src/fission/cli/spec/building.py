"""Builds of an application's packages, waited for and shown."""

import asyncio
from collections.abc import Sequence

from fission.api import package_types, resources
from fission.cli import context, errors
from fission.cli.package import buildstate, follow
from fission.cli.spec import planning
from fission.meta import status


async def wait(session: context.Session, packages: Sequence[planning.Key]) -> None:
    """Show builds to their end, those under way before those in line; raises BuildFailed.

    What has been built before is not spoken of.
    """
    found = await asyncio.gather(*(_state(session, key) for key in packages))
    for key, is_over in zip(packages, found, strict=True):
        if is_over:
            continue
        await follow.until_built(session, key.name, "fission spec apply --wait", key.namespace)


async def _state(session: context.Session, key: planning.Key) -> bool:
    """Whether it is built; a package that is gone or failed is left to ``follow`` to tell."""
    try:
        package = await session.backend.get(resources.PACKAGES, key.name, key.namespace)
    except status.NotFound as error:
        raise errors.CliError(f"{key} is gone: somebody deleted it") from error
    return buildstate.is_over(package) and buildstate.build_status(package) != package_types.FAILED
