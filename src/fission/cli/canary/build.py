"""From the flags of ``canary create`` and ``canary update`` to the fields of a CanaryConfig."""

from typing import Any

from fission.api import canaryconfig_types, httptrigger_types, objects, reference_types, resources
from fission.cli import context, errors, lookups, options


def pace(function: Any) -> Any:
    """Flags that say how fast traffic moves and when it moves back."""
    for decorate in reversed(
        (
            options.integer(
                "--increment-step", "--step", help="Percent moved at each step", default=20
            ),
            options.string(
                "--increment-interval", "--internal", help="Time between steps", default="2m"
            ),
            options.integer(
                "--failure-threshold",
                "--threshold",
                help="Percent of calls that may fail; more moves all traffic back",
                default=10,
            ),
        )
    ):
        function = decorate(function)
    return function


def apply_pace(spec: canaryconfig_types.CanaryConfigSpec, given: Any) -> None:
    """Set what was given."""
    if given.increment_step is not None:
        if not 1 <= given.increment_step <= 100:
            raise errors.UsageError(f"--increment-step {given.increment_step}: want 1 to 100")
        spec.weight_increment = given.increment_step
    if given.increment_interval is not None:
        spec.duration = given.increment_interval
    if given.failure_threshold is not None:
        spec.failure_threshold = given.failure_threshold


async def check_trigger(
    session: context.Session, spec: canaryconfig_types.CanaryConfigSpec
) -> None:
    """Refuse a trigger whose traffic cannot be moved between the two functions."""
    raw = await lookups.get(session, resources.HTTPTRIGGERS, spec.trigger)
    reference = objects.decode(httptrigger_types.HTTPTrigger, raw).spec.function_ref
    both = (spec.new_function, spec.old_function)
    if reference.type != reference_types.BY_WEIGHT:
        raise errors.CliError(
            f"HTTP trigger '{spec.trigger}' calls one function, {reference.name}",
            why="a canary moves weight from one function of a route to another",
            remedy=f"give it both: `fission route update --name {spec.trigger}"
            f" --function {both[0]} --function {both[1]} --weight 0 --weight 100`",
        )
    weights = reference.function_weights or {}
    absent = [name for name in both if name not in weights]
    if absent:
        raise errors.CliError(
            f"HTTP trigger '{spec.trigger}' has no weight of {' and '.join(absent)}",
            why=f"it calls {' and '.join(sorted(weights)) or 'nothing'}",
            remedy=f"name those, or change it with `fission route update --name {spec.trigger}`",
        )
    for name in both:
        await lookups.get(session, resources.FUNCTIONS, name)
