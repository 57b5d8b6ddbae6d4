"""What is refused in a KubernetesWatchTrigger."""

import re
from typing import Final

from fission.api import common_validation as common
from fission.api import (
    fielderrors,
    kuberneteswatchtrigger_defaults,
    kuberneteswatchtrigger_types,
)
from fission.api.fielderrors import FieldError

_RESOURCE_AND_GROUP: Final = re.compile(r"[A-Za-z0-9]+(\.[A-Za-z0-9]([-A-Za-z0-9]*[A-Za-z0-9])?)*")


def validate(
    trigger: kuberneteswatchtrigger_types.KubernetesWatchTrigger,
) -> list[FieldError]:
    """All faults of a watch trigger."""
    spec = trigger.spec
    errors = [
        *common.validate_metadata(trigger.metadata),
        *common.validate_same_namespace(
            "spec.namespace", spec.namespace, trigger.metadata.namespace
        ),
        *common.validate_function_reference(spec.function_ref, "spec.functionref"),
    ]
    if not spec.namespace:
        errors.append(fielderrors.required("spec.namespace"))
    if not kuberneteswatchtrigger_defaults.is_fixed_type(
        spec
    ) and not _RESOURCE_AND_GROUP.fullmatch(spec.type):
        allowed = [name.lower() for name in kuberneteswatchtrigger_types.FIXED_TYPES]
        allowed += ["<resource>", "<resource>.<group>"]
        errors.append(fielderrors.unsupported("spec.type", spec.type, allowed))
    return errors
