"""Functions that a trigger names and that are not there: a warning, as they may come later."""

from collections.abc import Iterable

from fission.api import resources
from fission.cli import context, lookups, suggest


async def warn(session: context.Session, names: Iterable[str], namespace: str) -> None:
    """Warn of each that is not there, with the one that may be meant."""
    for name in names:
        if not name or await lookups.find(session, resources.FUNCTIONS, name, namespace):
            continue
        found = await session.backend.list(resources.FUNCTIONS, namespace)
        meant = suggest.question(name, lookups.names_of(found))
        hint = f"; {meant}" if meant else ""
        session.out.warning(f"function '{name}' does not exist in namespace '{namespace}'{hint}")
