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
    shown, host, path, tls, noted = _exposure(spec)
    annotations = ", ".join(f"{k}: {v}" for k, v in sorted((noted or {}).items()))
    return (
        lookups.name_of(raw),
        str(list(httptrigger_defaults.methods(spec))).replace("'", "").replace(",", ""),
        httptrigger_defaults.path(spec),
        functions_of(spec.function_ref),
        shown,
        host,
        path,
        tls,
        annotations,
        views.ready(raw),
        lookups.namespace_of(raw),
    )


def _exposure(
    spec: httptrigger_types.HTTPTriggerSpec,
) -> tuple[str, str, str, str, dict[str, str] | None]:
    """Whether and how a route is shown outside: that, host, path, TLS secret, annotations."""
    config, ingress = spec.route_config, spec.ingress_config
    if config is not None:
        hosts = ",".join(config.hostnames) or spec.host
        return config.provider, hosts, config.path, config.tls, config.annotations
    if spec.create_ingress:
        return "true", ingress.host, ingress.path, ingress.tls, ingress.annotations
    return "false", spec.host, "", ingress.tls, ingress.annotations
