"""What the files alone cannot say: archives' files, names that others have, Secrets, ConfigMaps."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from fission.base import errors as base_errors
from fission.cli import collect, context, errors
from fission.cli.spec import document, ownership, parcels, planning, presence, validation
from fission.cli.spec.document import Document, Problem
from fission.meta import gvk

_ASKED_AT_ONCE: Final = 16
_MOUNTED: Final = (("secrets", gvk.SECRETS), ("configmaps", gvk.CONFIGMAPS))
_VARIABLES: Final = (("secretKeyRef", gvk.SECRETS), ("configMapKeyRef", gvk.CONFIGMAPS))
_ALL_VARIABLES: Final = (("secretRef", gvk.SECRETS), ("configMapRef", gvk.CONFIGMAPS))


def check_archives(application: document.Application) -> validation.Findings:
    """Archives whose patterns match no file."""
    findings = validation.Findings()
    for archive in application.archives:
        try:
            found = collect.expand(archive.root, parcels.sources_of(archive))
        except base_errors.Error as error:
            findings.errors.append(Problem(str(error), archive.place))
            continue
        if not found:
            text = f"archive {archive.name}: every file is excluded"
            findings.errors.append(Problem(text, archive.place))
    return findings


async def check_platform(
    session: context.Session,
    application: document.Application,
    namespace: str,
    *,
    allow_conflicts: bool = False,
) -> validation.Findings:
    """Objects of the same names that are not the application's, and what functions will miss."""
    documents = application.documents
    keys = {
        planning.Key(each.kind, each.namespace or namespace, each.name): each for each in documents
    }
    live, missing = await asyncio.gather(
        presence.look(session.backend, keys), check_mounts(session, documents, namespace)
    )
    findings = validation.Findings(warnings=missing)
    conflicts = _conflicts(keys, live, application.deployment.uid)
    (findings.warnings if allow_conflicts else findings.errors).extend(conflicts)
    return findings


def refuse(findings: validation.Findings) -> None:
    """Raise when there are errors, with all of them."""
    count = len(findings.errors)
    if count:
        raise errors.CliError(
            f"the specs have {count} {'error' if count == 1 else 'errors'}",
            "\n".join(map(str, findings.errors)),
        )


def refuse_unreadable(session: context.Session, application: document.Application) -> None:
    """Say what was left out of the application, and raise for what could not be read."""
    for warning in application.warnings:
        session.out.warning(str(warning))
    refuse(validation.Findings(list(application.errors)))


def _conflicts(
    keys: Mapping[planning.Key, Document], live: Mapping[planning.Key, Any], uid: str
) -> list[Problem]:
    found = []
    for key, each in keys.items():
        obj = live.get(key)
        if obj is None or ownership.uid_of(obj) == uid:
            continue
        owner = ownership.name_of(obj) or ownership.uid_of(obj)
        whose = f"of application {owner}" if owner else "that no application owns"
        text = f"{key} exists already, {whose}; rename yours, or use --allowconflicts"
        found.append(Problem(text, each.place))
    return found


async def check_mounts(
    session: context.Session, documents: Sequence[Document], namespace: str
) -> list[Problem]:
    """Secrets and ConfigMaps that functions read and that are not there; each is asked for once."""
    wanted: dict[tuple[gvk.Resource, str, str], list[tuple[Document, str]]] = {}
    for each in documents:
        if each.kind == "Function":
            for resource, name, field in _mounts(each.obj.get("spec")):
                key = (resource, each.namespace or namespace, name)
                wanted.setdefault(key, []).append((each, field))
    slots = asyncio.Semaphore(_ASKED_AT_ONCE)

    async def ask(resource: gvk.Resource, space: str, name: str) -> bool:
        async with slots:
            return await session.backend.exists(resource, name, space)

    answers = await asyncio.gather(*(ask(*key) for key in wanted))
    return [
        Problem(
            f"{each}: {field}: {resource.kind} {name} does not exist in namespace {space}",
            each.place_of(field),
        )
        for ((resource, space, name), users), exists in zip(wanted.items(), answers, strict=True)
        if not exists
        for each, field in users
    ]


def _mounts(spec: Any) -> Iterable[tuple[gvk.Resource, str, str]]:
    """Secrets and ConfigMaps that a function reads, and the field that names each."""
    for part, resource in _MOUNTED:
        for field, each in _entries(spec, part):
            yield from _named(resource, each, field)
    for field, each in _entries(spec, "env"):
        source = each.get("valueFrom")
        for key, resource in _VARIABLES:
            if isinstance(source, dict):
                yield from _named(resource, source.get(key), f"{field}.valueFrom.{key}")
    for field, each in _entries(spec, "envFrom"):
        for key, resource in _ALL_VARIABLES:
            yield from _named(resource, each.get(key), f"{field}.{key}")


def _entries(spec: Any, part: str) -> Iterable[tuple[str, Mapping[str, Any]]]:
    listed = spec.get(part) if isinstance(spec, dict) else None
    for index, each in enumerate(listed if isinstance(listed, list) else ()):
        if isinstance(each, dict):
            yield f"spec.{part}[{index}]", each


def _named(
    resource: gvk.Resource, reference: Any, field: str
) -> Iterable[tuple[gvk.Resource, str, str]]:
    if not isinstance(reference, dict) or reference.get("optional"):
        return
    name = reference.get("name")
    if isinstance(name, str) and name:
        yield resource, name, f"{field}.name"
