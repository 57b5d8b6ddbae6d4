"""One door to the checks of every kind, for who holds an object without knowing its kind."""

from collections.abc import Callable
from typing import Any, Final

from fission.api import (
    canaryconfig_validation,
    environment_validation,
    fielderrors,
    function_validation,
    httptrigger_validation,
    kuberneteswatchtrigger_validation,
    messagequeuetrigger_validation,
    package_validation,
    schema,
    timetrigger_validation,
)
from fission.api.fielderrors import FieldError

_CHECKS: Final[dict[str, Callable[[Any], list[FieldError]]]] = {
    "Function": function_validation.validate,
    "Environment": environment_validation.validate,
    "Package": package_validation.validate,
    "HTTPTrigger": httptrigger_validation.validate,
    "TimeTrigger": timetrigger_validation.validate,
    "MessageQueueTrigger": messagequeuetrigger_validation.validate,
    "KubernetesWatchTrigger": kuberneteswatchtrigger_validation.validate,
    "CanaryConfig": canaryconfig_validation.validate,
}


def validate(obj: schema.Model) -> list[FieldError]:
    """All faults of an object of any of our kinds."""
    return _CHECKS[type(obj).__name__](obj)


def check(obj: schema.Model) -> None:
    """Raise ``meta.status.Invalid`` with every fault of the object."""
    metadata = getattr(obj, "metadata", None)
    name = getattr(metadata, "name", "")
    fielderrors.raise_invalid(type(obj).__name__, name, validate(obj))
