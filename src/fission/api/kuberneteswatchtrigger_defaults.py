"""What the fields of a KubernetesWatchTrigger name."""

from fission.api import kuberneteswatchtrigger_types as types


def is_fixed_type(spec: types.KubernetesWatchTriggerSpec) -> bool:
    """Whether the watched kind is one of those that are named alone."""
    return spec.type.upper() in types.FIXED_TYPES


def namespace(spec: types.KubernetesWatchTriggerSpec, own: str) -> str:
    """Namespace that is watched; the trigger's own when none is named."""
    return spec.namespace or own
