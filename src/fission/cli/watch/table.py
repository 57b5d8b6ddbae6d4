"""Watch triggers as a table."""

from typing import Any

from fission.api import kuberneteswatchtrigger_defaults, kuberneteswatchtrigger_types, objects
from fission.cli import context, deliveries, lookups, views

HEADER = ("NAME", "NAMESPACE", "OBJTYPE", "LABELS", "FUNCTION_NAME", "READY")


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


def _row(raw: dict[str, Any]) -> tuple[str, ...]:
    spec = objects.decode(kuberneteswatchtrigger_types.KubernetesWatchTrigger, raw).spec
    return (
        lookups.name_of(raw),
        kuberneteswatchtrigger_defaults.namespace(spec, lookups.namespace_of(raw)),
        spec.type,
        ",".join(f"{key}={value}" for key, value in sorted(spec.label_selector.items())),
        spec.function_ref.name,
        views.ready(raw),
    )
