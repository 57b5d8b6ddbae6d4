"""New code is tried before anybody's call meets it, for ``spec apply --watch``.

A package whose code is loaded as it is gets replaced only when each of its functions has loaded the
new one (``function.trial``). Else the package and its functions stay as they are: both or neither.
"""

import asyncio
import copy
import dataclasses
import textwrap
from collections.abc import Mapping
from typing import Final

from fission.cli import context
from fission.cli.function import trial
from fission.cli.spec import planning

_AT_ONCE: Final = 4
_SECONDS: Final = 20.0
"""Code that takes longer to load goes live untried."""
_DETAIL_LINES: Final = 20


async def working(session: context.Session, plan: planning.Plan) -> planning.Plan:
    """The plan without what would not work; says what that is."""
    changed = {
        step.key: step
        for step in plan.steps
        if step.key.kind == "Package" and planning.is_loaded_at_once(step) and step.live
    }
    tried = [step for step in plan.steps if step.package in changed and step.live is not None]
    slots = asyncio.Semaphore(_AT_ONCE)
    outcomes = await asyncio.gather(*(_try(session, step, changed, slots) for step in tried))
    held = set()
    for step, outcome in zip(tried, outcomes, strict=True):
        if outcome.failure:
            assert step.package is not None
            held.add(step.package)
            _tell(session, step, outcome)
        elif outcome.untried:
            session.out.debug(f"{step.key} was not tried: {outcome.untried}")
    if not held:
        return plan
    ranks = [
        [step for step in rank if step.key not in held and step.package not in held]
        for rank in plan.ranks
    ]
    return dataclasses.replace(plan, ranks=[rank for rank in ranks if rank], is_partial=True)


async def _try(
    session: context.Session,
    step: planning.Step,
    changed: Mapping[planning.Key, planning.Step],
    slots: asyncio.Semaphore,
) -> trial.Outcome:
    assert step.wanted is not None
    assert step.package is not None
    package = changed[step.package].wanted
    assert package is not None
    assert step.live is not None
    function = copy.deepcopy(step.wanted.decoded)
    function.metadata.uid = str(step.live["metadata"].get("uid", ""))
    try:
        async with slots, asyncio.timeout(_SECONDS):
            return await trial.load(session, function, package.decoded.spec)
    except TimeoutError:
        return trial.Outcome(untried=f"it takes longer than {_SECONDS:.0f} s")


def _tell(session: context.Session, step: planning.Step, outcome: trial.Outcome) -> None:
    lines = outcome.detail.strip().splitlines()[-_DETAIL_LINES:]
    session.out.error(
        f"{step.key} is not live: {outcome.failure}",
        why=textwrap.dedent("\n".join(lines)),
        remedy="The version before goes on serving; save better code.",
    )
