"""What is refused in a TimeTrigger. Whether the cron expression can be read, the timer says."""

from fission.api import common_validation as common
from fission.api import fielderrors, httptrigger_types, timetrigger_types
from fission.api.fielderrors import FieldError


def validate(trigger: timetrigger_types.TimeTrigger) -> list[FieldError]:
    """All faults of a time trigger."""
    spec = trigger.spec
    errors = [
        *common.validate_metadata(trigger.metadata),
        *common.validate_function_reference(spec.function_ref, "spec.functionref"),
    ]
    if not spec.cron.strip():
        errors.append(fielderrors.required("spec.cron"))
    if spec.method and spec.method.upper() not in httptrigger_types.METHODS:
        allowed = httptrigger_types.METHODS
        errors.append(fielderrors.unsupported("spec.method", spec.method, allowed))
    return errors
