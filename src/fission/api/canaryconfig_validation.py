"""What is refused in a CanaryConfig."""

from fission.api import canaryconfig_defaults, canaryconfig_types, durations, fielderrors
from fission.api import common_validation as common
from fission.api.fielderrors import FieldError


def validate(config: canaryconfig_types.CanaryConfig) -> list[FieldError]:
    """All faults of a canary configuration."""
    spec = config.spec
    errors = common.validate_metadata(config.metadata)
    for name, value in (
        ("trigger", spec.trigger),
        ("newfunction", spec.new_function),
        ("oldfunction", spec.old_function),
    ):
        if not value:
            errors.append(fielderrors.required(f"spec.{name}"))
        else:
            errors += common.validate_label(f"spec.{name}", value)
    if spec.new_function and spec.new_function == spec.old_function:
        errors.append(
            fielderrors.invalid("spec.newfunction", spec.new_function, "must not be oldfunction")
        )
    for name, percent in (
        ("weightincrement", spec.weight_increment),
        ("failurethreshold", spec.failure_threshold),
    ):
        if not 0 <= percent <= 100:
            errors.append(fielderrors.invalid(f"spec.{name}", percent, "must be 0 to 100"))
    faults = common.validate_duration("spec.duration", spec.duration)
    if not faults and spec.duration:
        least = canaryconfig_defaults.MIN_INTERVAL_SECONDS
        if durations.parse_seconds(spec.duration) < least:
            detail = f"must be {durations.format_seconds(least)} or more"
            faults = [fielderrors.invalid("spec.duration", spec.duration, detail)]
    return [*errors, *faults]
