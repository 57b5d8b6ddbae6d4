"""What an HTTPTrigger's fields amount to: its methods, its path, its functions' weights."""

from fission.api import httptrigger_types, reference_types


def methods(spec: httptrigger_types.HTTPTriggerSpec) -> tuple[str, ...]:
    """Methods accepted, in order of mention; OPTIONS is among them when there is CORS."""
    named = [*spec.methods, spec.method]
    if spec.cors_config is not None:
        named.append("OPTIONS")
    return tuple(dict.fromkeys(method.upper() for method in named if method))


def path(spec: httptrigger_types.HTTPTriggerSpec) -> str:
    """The prefix if there is one, else the exact path."""
    return spec.prefix or spec.relative_url


def weights(reference: reference_types.FunctionReference) -> dict[str, int]:
    """Relative weight of each function that is called."""
    if reference.type == reference_types.BY_WEIGHT:
        return dict(reference.function_weights or {})
    return {reference.name: 100}
