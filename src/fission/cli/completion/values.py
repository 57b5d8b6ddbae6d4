"""What the value of a flag may be: words of ours, or names of live objects."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any, Final

from fission.cli import output

if TYPE_CHECKING:
    import click

    from fission.cli import context, options
    from fission.meta import gvk

ANSWER_SECONDS: Final = 1.5
"""How long somebody who types waits for names."""

_NOUNS: Final = {
    "environment": "ENVIRONMENTS",
    "package": "PACKAGES",
    "function": "FUNCTIONS",
    "httptrigger": "HTTPTRIGGERS",
    "mqtrigger": "MESSAGEQUEUETRIGGERS",
    "timetrigger": "TIMETRIGGERS",
    "watch": "KUBERNETESWATCHTRIGGERS",
    "canary": "CANARYCONFIGS",
}
_NAMES: Final = {
    "function": "FUNCTIONS",
    "newfunction": "FUNCTIONS",
    "oldfunction": "FUNCTIONS",
    "env": "ENVIRONMENTS",
    "pkgname": "PACKAGES",
    "httptrigger": "HTTPTRIGGERS",
    "secret": "SECRETS",
    "imagepullsecret": "SECRETS",
    "configmap": "CONFIGMAPS",
    "namespace": "NAMESPACES",
}
"""Flags whose value is the name of an object, by parameter."""
_METHODS: Final = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "CONNECT", "TRACE")
_WORDS: Final[dict[str, tuple[str, ...]]] = {
    "method": _METHODS,
    "executortype": ("poolmgr", "newdeploy", "container"),
    "mqtype": ("kafka", "statestore", "nats-jetstream", "rabbitmq", "redis"),
    "mqtkind": ("fission", "keda"),
    "wanted": ("condition=Ready",),
    "for": ("condition=Ready",),
    "status": ("pending", "running", "succeeded", "failed", "none"),
    "verbosity": ("0", "1", "2"),
}
_MAKERS: Final = ("create", "run-container", "run-local")
"""Commands whose ``--name`` is of something new."""
_WITHOUT_FILES: Final = ("int", "ints", "duration")


Question = Callable[[], Coroutine[Any, Any, list[str]]]
"""Asks a platform for names."""


def of_flag(
    session: context.Session, command: click.Command, noun: str, flag: options.Flag
) -> list[str] | Question | None:
    """All values that are known, or the question for them; None where files are wanted."""
    name = str(flag.name)
    if name == "output" and "Output format" in str(flag.help):
        return list(output.FORMATS)
    if name in _WORDS:
        return list(_WORDS[name])
    if name == "kube_context":
        return _contexts(session)
    if name == "id" and noun == "archive":
        return lambda: session.backend.list_archives(session.namespace)
    kind = _NAMES.get(name, "")
    if name == "name":
        kind = "" if command.name in _MAKERS else _NOUNS.get(noun, "")
        if not kind and noun != "archive":
            return []
    if kind:
        return lambda: _names(session, kind)
    return [] if flag.word in _WITHOUT_FILES else None


async def ask(question: Question) -> list[str]:
    """The answer to a question, if it comes at once."""
    import asyncio

    try:
        return sorted(await asyncio.wait_for(question(), ANSWER_SECONDS))
    except Exception:  # whatever it is, a person who types is not helped by it
        return []


async def _names(session: context.Session, kind: str) -> list[str]:
    from fission.cli import lookups

    resource = _resource(kind)
    namespace = session.namespace if resource.namespaced else None
    return lookups.names_of(await session.backend.list(resource, namespace))


def _resource(kind: str) -> gvk.Resource:
    from fission.api import resources
    from fission.meta import gvk

    found: gvk.Resource = getattr(resources, kind, None) or getattr(gvk, kind)
    return found


def _contexts(session: context.Session) -> list[str]:
    from fission.kube import config, kubeconfig

    named = session.env.get("KUBECONFIG") or str(config.usual_kubeconfig(session.env))
    merged = kubeconfig.merge(kubeconfig.files_of(named, session.env))
    return sorted(merged.contexts)
