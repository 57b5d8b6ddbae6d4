"""What is refused in a TimeTrigger.

The API server stores any ``cron``, as Fission's does: a Kubernetes client learns from the trigger's
condition that it cannot be read. The command line and the controller ask here first.
"""

from fission.api import common_validation as common
from fission.api import durations, fielderrors, httptrigger_types, labels, timetrigger_types
from fission.api.fielderrors import FieldError
from fission.base import cron


def validate(trigger: timetrigger_types.TimeTrigger) -> list[FieldError]:
    """All faults of a time trigger."""
    spec = trigger.spec
    errors = [
        *common.validate_metadata(trigger.metadata),
        *common.validate_function_reference(spec.function_ref, "spec.functionref"),
    ]
    if not spec.cron.strip():
        errors.append(fielderrors.required("spec.cron"))
    else:
        try:
            cron.parse(spec.cron)
        except cron.CronError as error:
            errors.append(fielderrors.invalid("spec.cron", spec.cron, error.message))
    grace = (trigger.metadata.annotations or {}).get(labels.TIMER_MISSED_GRACE)
    if grace is not None:
        errors += _validate_grace(grace)
    if spec.method and spec.method.upper() not in httptrigger_types.METHODS:
        allowed = httptrigger_types.METHODS
        errors.append(fielderrors.unsupported("spec.method", spec.method, allowed))
    return errors


def missed_grace_seconds(trigger: timetrigger_types.TimeTrigger) -> float | None:
    """How late a tick of this trigger may be, where it says so itself.

    Raises ``DurationError`` for what is no duration.
    """
    text = (trigger.metadata.annotations or {}).get(labels.TIMER_MISSED_GRACE)
    if text is None:
        return None
    seconds = durations.parse_seconds(text)
    if seconds < 0:
        raise durations.DurationError(f'invalid duration "{text}": want 0s or more')
    return seconds


def _validate_grace(text: str) -> list[FieldError]:
    field = f"metadata.annotations[{labels.TIMER_MISSED_GRACE}]"
    try:
        seconds = durations.parse_seconds(text)
    except durations.DurationError as error:
        return [fielderrors.invalid(field, text, error.message)]
    return [] if seconds >= 0 else [fielderrors.invalid(field, text, "want 0s or more")]
