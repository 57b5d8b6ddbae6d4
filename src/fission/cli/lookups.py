"""Reading and changing objects for a command, with messages that help when one is not there."""

from collections.abc import Callable
from typing import Any

from fission.api import resources
from fission.base import errors as base_errors
from fission.cli import context, errors, suggest
from fission.meta import gvk, status

Obj = dict[str, Any]

_WORDS = {
    "Function": "function",
    "Environment": "environment",
    "Package": "package",
    "HTTPTrigger": "HTTP trigger",
    "TimeTrigger": "timer",
    "CanaryConfig": "canary config",
    "KubernetesWatchTrigger": "watch trigger",
    "MessageQueueTrigger": "message queue trigger",
}
_COMMANDS = {
    "Environment": "env",
    "Function": "fn",
    "Package": "pkg",
    "HTTPTrigger": "route",
    "TimeTrigger": "timer",
    "CanaryConfig": "canary",
    "KubernetesWatchTrigger": "watch",
    "MessageQueueTrigger": "mqt",
}
_CONFLICT_ATTEMPTS = 8
_CONFLICT_PAUSE_SECONDS = 0.01
"""Doubles each time: others write a few times within milliseconds of a change, then rest."""
_NAMES_SHOWN = 10


async def get(
    session: context.Session, resource: gvk.Resource, name: str, namespace: str = ""
) -> Obj:
    """An object; when it is not there, the message says which are."""
    namespace = namespace or session.namespace
    try:
        return await session.backend.get(resource, name, namespace)
    except status.NotFound as error:
        raise await missing(session, resource, name, namespace) from error


async def find(
    session: context.Session, resource: gvk.Resource, name: str, namespace: str = ""
) -> Obj | None:
    """An object, or None."""
    try:
        return await session.backend.get(resource, name, namespace or session.namespace)
    except status.NotFound:
        return None


async def missing(
    session: context.Session, resource: gvk.Resource, name: str, namespace: str
) -> errors.CliError:
    """What is said of an object that is not there."""
    word = _WORDS.get(resource.kind, resource.kind)
    what = f'{word} "{name}" does not exist in namespace "{namespace}"'
    names = sorted(names_of(await session.backend.list(resource, namespace)))
    if not names and not await _has_namespace(session, namespace):
        return errors.CliError(
            what, "there is no such namespace", f"{errors.NAMESPACE_HINT} {namespace}"
        )
    if not names:
        verb = _COMMANDS.get(resource.kind)
        remedy = f"create one with `fission {verb} create`" if verb else ""
        return errors.CliError(what, "there is none yet", remedy)
    shown = ", ".join(names[:_NAMES_SHOWN]) + (", …" if len(names) > _NAMES_SHOWN else "")
    remedy = suggest.question(name, names)
    if not remedy and resource.kind in _COMMANDS:
        remedy = f"see them all: fission {_COMMANDS[resource.kind]} list -n {namespace}"
    return errors.CliError(what, f"existing are {shown}", remedy)


async def _has_namespace(session: context.Session, namespace: str) -> bool:
    """Whether a namespace is there; yes when that cannot be known."""
    try:
        await session.backend.get(gvk.NAMESPACES, namespace, "")
    except status.NotFound:
        return False
    except base_errors.Error:
        return True
    return True


async def change(
    session: context.Session,
    resource: gvk.Resource,
    name: str,
    mutate: Callable[[Any], None],
    namespace: str = "",
    known: Obj | None = None,
) -> Obj:
    """Read, change and write an object; again when somebody else was faster.

    ``known`` is the object, where it has just been read.

    ``mutate`` gets the decoded object. Only what it changes is laid over the object as it was
    read, so fields that this release does not know stay.
    """
    import asyncio
    import random

    from fission.api import objects, validation
    from fission.base import backoff
    from fission.meta import codec

    kind = resources.TYPES[resource.kind]
    pauses = backoff.delays(
        _CONFLICT_PAUSE_SECONDS, cap_seconds=1.0, jitter=0.5, draw=random.random
    )
    for attempt in range(_CONFLICT_ATTEMPTS):
        raw = known or await get(session, resource, name, namespace)
        known = None
        before = objects.decode(kind, codec.deep_copy(raw))
        after = objects.decode(kind, codec.deep_copy(raw))
        mutate(after)
        changed = objects.overlay(raw, before, after)
        if changed == raw:
            return raw
        validation.check(after)
        try:
            return await session.backend.replace(resource, changed)
        except status.Conflict:
            if attempt == _CONFLICT_ATTEMPTS - 1:
                raise
            await asyncio.sleep(next(pauses))
    raise AssertionError("unreachable")


def changed(resource: gvk.Resource, raw: Obj, mutate: Callable[[Any], None]) -> Any:
    """What an object would be after a change, decoded; refuses what would not be valid."""
    from fission.api import objects, validation

    after = objects.decode(resources.TYPES[resource.kind], raw)
    mutate(after)
    validation.check(after)
    return after


async def list_all(
    session: context.Session, resource: gvk.Resource, all_namespaces: bool | None
) -> list[Obj]:
    """All objects of a kind where the person looks, by namespace and name."""
    namespace = None if all_namespaces else session.namespace
    found = await session.backend.list(resource, namespace)
    return sorted(found, key=lambda obj: (namespace_of(obj), name_of(obj)))


async def delete(
    session: context.Session,
    resource: gvk.Resource,
    name: str,
    ignore_not_found: bool | None,
) -> bool:
    """Delete an object; whether it was there."""
    try:
        await session.backend.delete(resource, name, session.namespace)
    except status.NotFound as error:
        if ignore_not_found:
            return False
        raise await missing(session, resource, name, session.namespace) from error
    return True


def name_of(obj: Obj) -> str:
    """Its name."""
    return str(obj["metadata"].get("name", ""))


def namespace_of(obj: Obj) -> str:
    """Its namespace."""
    return str(obj["metadata"].get("namespace", ""))


def names_of(found: list[Obj]) -> list[str]:
    """Names of objects."""
    return [name_of(obj) for obj in found]
