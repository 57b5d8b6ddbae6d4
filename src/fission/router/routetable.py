"""The route table: which trigger a request belongs to. Without I/O; changed trigger by trigger.

Order of precedence: routes that name the host before those that do not; exact paths (literal or
template) before prefixes; longer prefixes before shorter; ties go to the oldest trigger. Methods
only filter: a path that matches with no method that does is 405, no path at all 404.

Of triggers that claim the same paths for the same methods the oldest is served. The others are kept
and take over when it goes. A change costs the same however many routes there are: it touches the
trigger, those that claim the same, and nothing else.
"""

from __future__ import annotations

import bisect
import dataclasses
from typing import TYPE_CHECKING, Final

from fission.api import httptrigger_lifecycle, httptrigger_validation
from fission.api import httptrigger_templates as templates
from fission.base import errors
from fission.router import cors, exposure, pathindex, resolver, routes

if TYPE_CHECKING:
    from collections.abc import Iterable

    from fission.api import httptrigger_types

Key = tuple[str, str]
Match = pathindex.Match

_REASONS: Final[dict[type[errors.Error], str]] = {
    resolver.FunctionNotFound: httptrigger_lifecycle.FUNCTION_NOT_FOUND,
    templates.TemplateError: httptrigger_lifecycle.INVALID_ROUTE_TEMPLATE,
    cors.CorsError: httptrigger_lifecycle.INVALID_CORS_CONFIG,
    exposure.ExposureError: httptrigger_lifecycle.INVALID_INGRESS_CONFIG,
}


@dataclasses.dataclass(frozen=True, slots=True)
class Refusal:
    """Why a trigger is not served."""

    reason: str
    message: str


@dataclasses.dataclass(frozen=True, slots=True)
class NotAllowed:
    """The path is one of ours, the method is not."""

    methods: frozenset[str]
    """Those that are."""


class Table:
    """Finds the route of a request."""

    def __init__(self, lookup: resolver.Lookup) -> None:
        self._lookup = lookup
        self.exposed = exposure.STANDARD
        """By what it is judged how a trigger wants to be shown."""
        self.routes: dict[Key, routes.Route] = {}
        """Triggers that are served."""
        self.refused: dict[Key, Refusal] = {}
        """Triggers that are not, and why."""
        self._candidates: dict[Key, routes.Route] = {}
        """Triggers that could be served if no older one claimed the same."""
        self._rivals: dict[tuple[str, bool, str], list[routes.Route]] = {}
        self._callers: dict[Key, set[Key]] = {}
        """Triggers by the functions that they name, found or not."""
        self._named: dict[Key, list[Key]] = {}
        self._hosts: dict[str, pathindex.PathIndex] = {}
        self._any = pathindex.PathIndex()
        self._simple = True
        """No host matters and no template: a literal path decides alone."""

    @property
    def has_hosts(self) -> bool:
        """Whether the host of a request matters at all."""
        return bool(self._hosts)

    def find(self, host: str, path: str, method: str) -> Match | NotAllowed | None:
        """The match; NotAllowed when only the path matches; None when nothing does."""
        if self._simple:
            for match in self._any.exact.get(path, ()):
                if method in match.route.methods:
                    return match
        refusing: list[routes.Route] = []
        named = self._hosts.get(host) if self._hosts else None
        for index in (self._any,) if named is None else (named, self._any):
            for match in index.candidates(path):
                if method in match.route.methods:
                    return match
                refusing.append(match.route)
        if not refusing:
            return None
        return NotAllowed(frozenset().union(*(route.methods for route in refusing)))

    def put(self, trigger: httptrigger_types.HTTPTrigger) -> set[Key]:
        """Decide about a trigger, new or changed; every trigger of which something changed."""
        key = (trigger.metadata.namespace, trigger.metadata.name)
        if self._retarget(key, trigger):
            return set()
        changed = self.drop(key)
        self._name(key, trigger)
        try:
            candidate = _admit(trigger, self._lookup, self.exposed)
        except errors.Error as error:
            reason = _REASONS.get(type(error), httptrigger_lifecycle.MUX_BUILD_FAILED)
            self.refused[key] = Refusal(reason, str(error))
        else:
            self._candidates[key] = candidate
            rivals = self._rivals.setdefault(candidate.shape, [])
            bisect.insort(rivals, candidate, key=lambda route: route.seniority)
            changed |= self._settle(rivals)
        changed.add(key)
        return changed

    def renew(self, trigger: httptrigger_types.HTTPTrigger) -> None:
        """Only the status of a trigger changed: hold the new one, let the old one go."""
        candidate = self._candidates.get((trigger.metadata.namespace, trigger.metadata.name))
        if candidate is not None and _is_same(candidate.trigger, trigger):
            candidate.trigger = trigger

    def drop(self, key: Key) -> set[Key]:
        """Forget a trigger; every other one of which something changed."""
        self._unname(key)
        self.refused.pop(key, None)
        candidate = self._candidates.pop(key, None)
        if candidate is None:
            return set()
        self._withdraw(key)
        rivals = self._rivals[candidate.shape]
        rivals.remove(candidate)
        if rivals:
            return self._settle(rivals)
        del self._rivals[candidate.shape]
        return set()

    def callers(self, function: Key) -> Iterable[Key]:
        """Triggers that name a function."""
        return self._callers.get(function, ())

    def is_current(self, trigger: httptrigger_types.HTTPTrigger) -> bool:
        """Whether what was decided about a trigger is of this version of it and its functions."""
        key = (trigger.metadata.namespace, trigger.metadata.name)
        functions = [self._lookup(*each) for each in self._named.get(key, ())]
        candidate = self._candidates.get(key)
        if candidate is None:
            refusal = self.refused.get(key)
            missing = httptrigger_lifecycle.FUNCTION_NOT_FOUND
            return refusal is not None and (refusal.reason != missing or None in functions)
        if not _is_same(candidate.trigger, trigger):
            return False
        return all(each in functions for each in candidate.functions.things)

    def _retarget(self, key: Key, trigger: httptrigger_types.HTTPTrigger) -> bool:
        """Only its functions changed: put in those of now, if they are there."""
        candidate = self._candidates.get(key)
        if candidate is None or not _is_same(candidate.trigger, trigger):
            return False
        try:
            candidate.functions = resolver.resolve(trigger.spec.function_ref, key[0], self._lookup)
        except resolver.FunctionNotFound:
            return False
        return True

    def _settle(self, rivals: list[routes.Route]) -> set[Key]:
        """Serve the oldest of those that claim the same, for each method; who is affected."""
        holders: dict[str, routes.Route] = {}
        changed: set[Key] = set()
        admitted: list[tuple[Key, routes.Route]] = []
        for route in rivals:
            metadata = route.trigger.metadata
            key = (metadata.namespace, metadata.name)
            shared = sorted(route.claims & holders.keys())
            if not shared:
                holders.update(dict.fromkeys(route.claims, route))
                if self.routes.get(key) is not route:
                    admitted.append((key, route))
                continue
            refusal = Refusal(
                httptrigger_lifecycle.ROUTE_CONFLICT, _conflict(route, holders[shared[0]], shared)
            )
            if self.refused.get(key) != refusal:
                self._withdraw(key)
                self.refused[key] = refusal
                changed.add(key)
        for key, route in admitted:
            self.refused.pop(key, None)
            self._serve(key, route)
            changed.add(key)
        return changed

    def _serve(self, key: Key, route: routes.Route) -> None:
        self.routes[key] = route
        index = self._any
        if route.host:
            index = self._hosts.setdefault(route.host, pathindex.PathIndex())
        index.add(route)
        self._simple = not self._hosts and not self._any.has_exact_templates

    def _withdraw(self, key: Key) -> None:
        route = self.routes.pop(key, None)
        if route is None:
            return
        index = self._hosts[route.host] if route.host else self._any
        index.remove(route)
        if route.host and not index.count:
            del self._hosts[route.host]
        self._simple = not self._hosts and not self._any.has_exact_templates

    def _name(self, key: Key, trigger: httptrigger_types.HTTPTrigger) -> None:
        names = resolver.names(trigger.spec.function_ref)
        self._named[key] = [(key[0], name) for name in names]
        for function in self._named[key]:
            self._callers.setdefault(function, set()).add(key)

    def _unname(self, key: Key) -> None:
        for function in self._named.pop(key, ()):
            callers = self._callers[function]
            callers.discard(key)
            if not callers:
                del self._callers[function]


def _is_same(one: httptrigger_types.HTTPTrigger, other: httptrigger_types.HTTPTrigger) -> bool:
    """Whether nothing differs that a route is made of: its status does not count."""
    return one is other or (one.metadata.uid == other.metadata.uid and one.spec == other.spec)


def _admit(
    trigger: httptrigger_types.HTTPTrigger, lookup: resolver.Lookup, exposed: exposure.Exposure
) -> routes.Route:
    spec = trigger.spec
    for field, path in (("spec.relativeurl", spec.relative_url), ("spec.prefix", spec.prefix)):
        faults = httptrigger_validation.validate_path(field, path) if path else []
        if faults:
            raise errors.InvalidInput("; ".join(str(fault) for fault in faults))
    if not (spec.prefix or spec.relative_url):
        raise errors.InvalidInput("relativeurl or prefix must be set")
    exposed.check(spec)
    functions = resolver.resolve(spec.function_ref, trigger.metadata.namespace, lookup)
    return routes.make_route(trigger, functions)


def _conflict(route: routes.Route, rival: routes.Route, shared: list[str]) -> str:
    other = rival.trigger.metadata
    place = f"{route.host or '*'}{route.path}"
    return (
        f"{place} is served by the older trigger {other.namespace}/{other.name}"
        f" for {', '.join(shared)}"
    )
