"""``fission spec save``."""

from typing import Any, Final

from fission.cli import command as commands
from fission.cli import context, errors, options, specfiles

_KEPT: Final = ("name", "labels", "annotations")
_OTHERS: Final = ("kubectl.kubernetes.io/", "fission.io/")
"""Annotations that tools and the platform write for themselves."""


@commands.command(
    "Write objects of the namespace that are on the platform into the specs, to go on with them\n"
    "as files: all that belong to no other application and that the specs do not have.\n\n"
    "  fission spec save\n"
    "  fission spec apply --allowconflicts"
)
@options.strings("--function", help="Only these functions, and their packages; repeatable")
async def command(session: context.Session, function: tuple[str, ...]) -> None:
    """Save them."""
    import asyncio

    from fission.api import resources
    from fission.cli.spec import ownership, planning, reading

    application = reading.read(session.path(specfiles.DIRECTORY), cwd=session.cwd)
    has = {(each.kind, each.name) for each in application.documents}
    lists = await asyncio.gather(
        *(
            session.backend.list(resources.BY_KIND[kind], session.namespace)
            for kind in planning.KINDS
        )
    )
    wanted = _wanted(dict(zip(planning.KINDS, lists, strict=True)), function)
    saved = 0
    for kind, obj in wanted:
        owner = ownership.uid_of(obj)
        if owner in ("", application.deployment.uid) and (kind, _name(obj)) not in has:
            document = make_document(kind, obj, session.given_namespace)
            specfiles.write(session, specfiles.Mode(spec=True), [document], quiet=True)
            saved += 1
    if not saved:
        session.out.line("Nothing to save: the specs have everything.")
        return
    session.out.line("They become the application's with `fission spec apply --allowconflicts`.")


def make_document(kind: str, obj: dict[str, Any], namespace: str) -> dict[str, Any]:
    """An object as somebody would have written it down; its namespace only where one was given."""
    from fission.api import labels, resources
    from fission.cli.spec import wanting
    from fission.meta import codec

    metadata = {key: obj["metadata"][key] for key in _KEPT if obj["metadata"].get(key)}
    own = (labels.DEPLOYMENT_NAME, labels.DEPLOYMENT_UID)
    annotations = {
        key: value
        for key, value in (metadata.pop("annotations", None) or {}).items()
        if key not in own and not key.startswith(_OTHERS)
    }
    if annotations:
        metadata["annotations"] = annotations
    if namespace:
        metadata["namespace"] = namespace
    spec = codec.deep_copy(obj["spec"])
    document = {
        "apiVersion": resources.BY_KIND[kind].api_version,
        "kind": kind,
        "metadata": metadata,
        "spec": spec,
    }
    if kind == "KubernetesWatchTrigger":
        metadata["namespace"] = obj["metadata"]["namespace"]
        return document
    for reference in wanting.references(document):
        reference.pop("resourceversion", None)
        reference["namespace"] = namespace
    return document


def _wanted(
    live: dict[str, list[dict[str, Any]]], functions: tuple[str, ...]
) -> list[tuple[str, dict[str, Any]]]:
    """Kind and object, environments first."""
    from fission.cli import suggest

    if not functions:
        return [(kind, obj) for kind, objs in live.items() for obj in objs]
    named = {_name(obj): obj for obj in live["Function"]}
    missing = [name for name in functions if name not in named]
    if missing:
        close = suggest.nearest(missing[0], named)
        raise errors.CliError(
            f"there is no function {', '.join(missing)}",
            f"did you mean {close}?" if close else "",
            "see those there are: fission fn list",
        )
    chosen = [named[name] for name in dict.fromkeys(functions)]
    packages = {
        ((obj["spec"].get("package") or {}).get("packageref") or {}).get("name") for obj in chosen
    }
    found = [("Package", obj) for obj in live["Package"] if _name(obj) in packages]
    return found + [("Function", obj) for obj in chosen]


def _name(obj: dict[str, Any]) -> str:
    return str(obj["metadata"]["name"])
