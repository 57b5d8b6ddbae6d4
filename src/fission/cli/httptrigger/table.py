"""Routes as a table."""

from typing import Any

from fission.api import httptrigger_defaults, httptrigger_types, objects, reference_types
from fission.cli import context, deliveries, lookups, views

HEADER = (
    "NAME",
    "METHOD",
    "URL",
    "FUNCTION(s)",
    "INGRESS",
    "HOST",
    "PATH",
    "TLS",
    "ANNOTATIONS",
    "READY",
    "NAMESPACE",
)


def show(session: context.Session, found: list[dict[str, Any]], *, wide: bool) -> None:
    """Print them."""
    if not wide:
        session.out.table(HEADER, [_row(each) for each in found])
        return
    session.out.table(
        (*HEADER, "AGE", *deliveries.HEADER),
        [
            (*_row(each), views.age(session, each), *deliveries.columns(session, each))
            for each in found
        ],
    )


def functions_of(reference: reference_types.FunctionReference) -> str:
    """What is called, with weights where there are any."""
    if reference.type == reference_types.BY_WEIGHT:
        weights = httptrigger_defaults.weights(reference)
        return " ".join(f"{name}:{weight}" for name, weight in weights.items())
    suffix = reference.alias or reference.version
    return f"{reference.name}:{suffix}" if suffix else reference.name


def _row(raw: dict[str, Any]) -> tuple[str, ...]:
    spec = objects.decode(httptrigger_types.HTTPTrigger, raw).spec
    ingress = spec.ingress_config
    annotations = ", ".join(f"{k}: {v}" for k, v in sorted((ingress.annotations or {}).items()))
    return (
        lookups.name_of(raw),
        str(list(httptrigger_defaults.methods(spec))).replace("'", "").replace(",", ""),
        httptrigger_defaults.path(spec),
        functions_of(spec.function_ref),
        str(spec.create_ingress).lower(),
        ingress.host if spec.create_ingress else spec.host,
        ingress.path if spec.create_ingress else "",
        ingress.tls,
        annotations,
        views.ready(raw),
        lookups.namespace_of(raw),
    )
