"""From what a trigger names to a resource that the cluster serves. Pure.

A trigger names a resource alone (``pod``) or with its group (``deployments.apps``); plural,
singular, kind and short names do, in any case. Of a name that several groups have, alone, the core
group's is meant, then ours; otherwise the group has to be named.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import Final

from fission.api import resources
from fission.base import errors
from fission.kube import discovery
from fission.meta import gvk

_PREFERRED_GROUPS: Final = ("", resources.FUNCTIONS.group)
_NEEDED: Final = frozenset({"list", "watch"})
_NAMES_SHOWN: Final = 5


class Refused(errors.Error):
    """What a trigger names cannot be watched; its condition says so for this cause."""

    reason = "Refused"

    def __init__(self, cause: str, message: str) -> None:
        super().__init__(message)
        self.cause = cause


UNKNOWN_KIND: Final = "UnknownKind"
AMBIGUOUS_KIND: Final = "AmbiguousKind"
NOT_WATCHABLE: Final = "NotWatchable"
CLUSTER_SCOPED: Final = "ClusterScoped"


def choose(served: Iterable[discovery.Served], text: str) -> gvk.Resource:
    """The resource that is meant; raises Refused."""
    known = list(served)
    wanted, _, group = text.strip().lower().partition(".")
    named = [one for one in known if wanted in _names(one.resource)]
    named = [one for one in named if one.resource.group == group] if group else _preferred(named)
    if not named:
        raise Refused(UNKNOWN_KIND, _unknown(known, text))
    if len(named) > 1:
        shown = ", ".join(sorted(one.resource.group_resource for one in named))
        raise Refused(AMBIGUOUS_KIND, f"spec.type: {text!r} may be any of {shown}: name the group")
    return _watchable(named[0], text)


def _watchable(found: discovery.Served, text: str) -> gvk.Resource:
    resource = found.resource
    if not resource.namespaced:
        raise Refused(
            CLUSTER_SCOPED,
            f"spec.type: {text!r} ({resource.kind}) belongs to no namespace, and a trigger sees"
            " only its own",
        )
    missing = sorted(_NEEDED - found.verbs)
    if missing:
        raise Refused(
            NOT_WATCHABLE,
            f"spec.type: the cluster offers no {' and '.join(missing)} of {text!r}"
            f" ({resource.kind})",
        )
    return resource


def _preferred(named: list[discovery.Served]) -> list[discovery.Served]:
    for group in _PREFERRED_GROUPS:
        chosen = [one for one in named if one.resource.group == group]
        if chosen:
            return chosen
    return named


def _names(resource: gvk.Resource) -> set[str]:
    return {
        resource.plural.lower(),
        resource.singular.lower(),
        resource.kind.lower(),
        *(name.lower() for name in resource.short_names),
    } - {""}


def _unknown(known: list[discovery.Served], text: str) -> str:
    candidates: dict[str, str] = {}
    for one in known:
        resource = one.resource
        if not resource.namespaced or not one.verbs >= _NEEDED:
            continue
        for name in _names(resource):
            candidates.setdefault(name, resource.group_resource)
            if resource.group:
                candidates.setdefault(f"{name}.{resource.group}", resource.group_resource)
    wanted = text.strip().lower()
    close = [
        *difflib.get_close_matches(wanted, candidates, n=_NAMES_SHOWN, cutoff=0.6),
        *difflib.get_close_matches(wanted.partition(".")[0], candidates, n=_NAMES_SHOWN),
    ]
    shown = list(dict.fromkeys(candidates[name] for name in close))[:_NAMES_SHOWN]
    hint = f"nearest are {', '.join(shown)}" if shown else "`kubectl api-resources` lists them"
    return f"spec.type: the cluster serves no {text!r}; {hint}"


def missing_rights(resource: gvk.Resource, namespace: str, account: str) -> str:
    """What to say when the account may not read a resource: the rule to add, and to whom."""
    return (
        f"{account} may not watch {resource.group_resource}: bind it a role with"
        f' {{apiGroups: ["{resource.group}"], resources: ["{resource.plural}"],'
        f' verbs: [get, list, watch]}} in namespace "{namespace}"'
    )
