"""The route table: which trigger a request belongs to. Pure and immutable; rebuilt on change.

Order of precedence: routes that name the host before those that do not; exact paths (literal or
template) before prefixes; longer prefixes before shorter; ties go to the oldest trigger. Methods
only filter: a path that matches with no method that does is 405, no path at all 404.

Literal paths are found by dictionary, so the cost does not grow with the number of triggers;
templates are tried one by one.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Final

from fission.api import httptrigger_lifecycle, httptrigger_validation
from fission.base import errors
from fission.router import cors, resolver, routes, templates

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from fission.api import httptrigger_types

Key = tuple[str, str]

_REASONS: Final[dict[type[errors.Error], str]] = {
    resolver.FunctionNotFound: httptrigger_lifecycle.FUNCTION_NOT_FOUND,
    templates.TemplateError: httptrigger_lifecycle.INVALID_ROUTE_TEMPLATE,
    cors.CorsError: httptrigger_lifecycle.INVALID_CORS_CONFIG,
}


@dataclasses.dataclass(frozen=True)
class Match:
    """The route of a request, and what its template's variables stand for."""

    route: routes.Route
    variables: tuple[tuple[str, str], ...] = ()
    prefix_length: int = 0
    """Characters of the matched path that are the prefix."""


@dataclasses.dataclass(frozen=True)
class Refusal:
    """Why a trigger is not served."""

    reason: str
    message: str


METHOD_NOT_ALLOWED: Final = "method not allowed"


class _Bucket:
    """The routes of one host, or of every host."""

    def __init__(self) -> None:
        self.exact: dict[str, list[routes.Route]] = {}
        self.exact_templates: list[routes.Route] = []
        self.prefixes: dict[str, list[routes.Route]] = {}
        self.lengths: list[int] = []
        self.prefix_templates: list[routes.Route] = []

    def add(self, route: routes.Route) -> None:
        if route.exact is not None:
            self.exact_templates.append(route)
        if route.below is not None:
            self.prefix_templates.append(route)
        if route.exact is None and route.below is None:
            if not (route.is_prefix and route.path.endswith("/")):
                self.exact.setdefault(route.path, []).append(route)
            if route.is_prefix:
                below = route.path if route.path.endswith("/") else route.path + "/"
                self.prefixes.setdefault(below, []).append(route)

    def finish(self) -> None:
        self.lengths = sorted({len(prefix) for prefix in self.prefixes}, reverse=True)
        self.prefix_templates.sort(key=lambda route: (-len(route.path), route.order))

    def candidates(self, path: str) -> Iterator[Match]:
        yield from self._exact(path)
        yield from self._below(path)

    def _exact(self, path: str) -> Iterator[Match]:
        literal = self.exact.get(path, ())
        if not self.exact_templates:
            for route in literal:
                yield Match(route, (), len(path))
            return
        found = [Match(route, (), len(path)) for route in literal]
        for route in self.exact_templates:
            matched = route.exact.match(path) if route.exact is not None else None
            if matched is not None:
                found.append(Match(route, _variables(route, matched.groups()), len(path)))
        yield from sorted(found, key=lambda match: match.route.order)

    def _below(self, path: str) -> Iterator[Match]:
        found: list[tuple[int, int, Match]] = []
        for length in self.lengths:
            if length > len(path):
                continue
            for route in self.prefixes.get(path[:length], ()):
                match = Match(route, (), len(route.path.rstrip("/")))
                if not self.prefix_templates:
                    yield match
                found.append((-len(route.path), route.order, match))
        if not self.prefix_templates:
            return
        for route in self.prefix_templates:
            matched = route.below.match(path) if route.below is not None else None
            if matched is not None:
                variables = _variables(route, matched.groups())
                match = Match(route, variables, matched.end() - 1)
                found.append((-len(route.path), route.order, match))
        for _, _, match in sorted(found, key=lambda item: item[:2]):
            yield match


def _variables(route: routes.Route, values: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    return tuple(zip(route.variables, values, strict=True))


class Table:
    """Finds the route of a request."""

    def __init__(
        self, served: Iterable[routes.Route] = (), refused: dict[Key, Refusal] | None = None
    ) -> None:
        self.routes = list(served)
        self.refused = refused or {}
        """Triggers that are not served, and why."""
        self._hosts: dict[str, _Bucket] = {}
        self._any = _Bucket()
        for route in self.routes:
            bucket = self._hosts.setdefault(route.host, _Bucket()) if route.host else self._any
            bucket.add(route)
        for bucket in (*self._hosts.values(), self._any):
            bucket.finish()
        self._plain: dict[str, Match] = {}
        """Literal paths of a single route that nothing comes before: most requests end here."""
        if not self._hosts and not self._any.exact_templates:
            self._plain = {
                path: Match(same[0], (), len(path))
                for path, same in self._any.exact.items()
                if len(same) == 1
            }

    @property
    def has_hosts(self) -> bool:
        """Whether the host of a request matters at all."""
        return bool(self._hosts)

    def find(self, host: str, path: str, method: str) -> Match | str | None:
        """The match; METHOD_NOT_ALLOWED when only the path matches; None when nothing does."""
        plain = self._plain.get(path)
        if plain is not None and method in plain.route.methods:
            return plain
        path_matched = False
        if self._hosts:
            bucket = self._hosts.get(host)
            if bucket is not None:
                for match in bucket.candidates(path):
                    if method in match.route.methods:
                        return match
                    path_matched = True
        for match in self._any.candidates(path):
            if method in match.route.methods:
                return match
            path_matched = True
        return METHOD_NOT_ALLOWED if path_matched else None


def build(triggers: Iterable[httptrigger_types.HTTPTrigger], lookup: resolver.Lookup) -> Table:
    """A table of every trigger that can be served; the others are in `refused`."""
    served: list[routes.Route] = []
    refused: dict[Key, Refusal] = {}
    taken: dict[tuple[str, bool, str], list[routes.Route]] = {}
    for order, trigger in enumerate(sorted(triggers, key=_seniority)):
        key = (trigger.metadata.namespace, trigger.metadata.name)
        try:
            route = _admit(trigger, order, lookup)
        except errors.Error as error:
            reason = _REASONS.get(type(error), httptrigger_lifecycle.MUX_BUILD_FAILED)
            refused[key] = Refusal(reason, str(error))
            continue
        rivals = taken.setdefault(route.shape, [])
        rival = next((other for other in rivals if other.methods & route.methods), None)
        if rival is not None:
            refused[key] = Refusal(httptrigger_lifecycle.ROUTE_CONFLICT, _conflict(route, rival))
            continue
        rivals.append(route)
        served.append(route)
    return Table(served, refused)


def _admit(
    trigger: httptrigger_types.HTTPTrigger, order: int, lookup: resolver.Lookup
) -> routes.Route:
    spec = trigger.spec
    for field, path in (("spec.relativeurl", spec.relative_url), ("spec.prefix", spec.prefix)):
        faults = httptrigger_validation.validate_path(field, path) if path else []
        if faults:
            raise errors.InvalidInput("; ".join(str(fault) for fault in faults))
    if not (spec.prefix or spec.relative_url):
        raise errors.InvalidInput("relativeurl or prefix must be set")
    functions = resolver.resolve(spec.function_ref, trigger.metadata.namespace, lookup)
    return routes.make_route(trigger, order, functions)


def _seniority(trigger: httptrigger_types.HTTPTrigger) -> tuple[str, str, str]:
    metadata = trigger.metadata
    return (metadata.creation_timestamp or "9999", metadata.namespace, metadata.name)


def _conflict(route: routes.Route, rival: routes.Route) -> str:
    shared = ", ".join(sorted(route.methods & rival.methods))
    other = rival.trigger.metadata
    place = f"{route.host or '*'}{route.path}"
    return f"{place} is served by the older trigger {other.namespace}/{other.name} for {shared}"
