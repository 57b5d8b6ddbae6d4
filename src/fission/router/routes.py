"""One HTTP trigger as a route: what it matches and what becomes of the request. Pure."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from fission.api import httptrigger_templates as templates
from fission.router import cors

if TYPE_CHECKING:
    from fission.api import httptrigger_types
    from fission.router import targets, weights

Variables = tuple[tuple[str, str], ...]
Seniority = tuple[str, str, str]
"""Time of creation, namespace, name: the smaller wins ties."""


@dataclasses.dataclass(eq=False, slots=True)
class Route:
    """A trigger that can be served. Only its functions change."""

    trigger: httptrigger_types.HTTPTrigger
    seniority: Seniority
    host: str
    path: str
    """The pattern as written; also the label of metrics."""
    is_prefix: bool
    claims: frozenset[str]
    """Methods that the trigger names: no other trigger has them at the same path."""
    methods: frozenset[str]
    """Methods accepted: with CORS, OPTIONS too."""
    functions: weights.Weighted[targets.Target]
    template: templates.Template | None
    cors: cors.Policy | None
    below: str
    """How the paths below a prefix begin, as written."""

    @property
    def keep_prefix(self) -> bool:
        """Whether the function sees the whole path."""
        return self.trigger.spec.keep_prefix

    @property
    def matches_itself(self) -> bool:
        """Whether the path as written is one of its paths: not for a prefix that ends in /."""
        return not self.is_prefix or not self.path.endswith("/")

    @property
    def length(self) -> int:
        """Characters that a literal prefix takes off."""
        return len(self.below) - 1

    @property
    def shape(self) -> tuple[str, bool, str]:
        """What two triggers must not share if their methods overlap."""
        return (self.host, self.is_prefix, templates.shape(self.path))

    def match(self, path: str) -> Variables | None:
        """A template's variables in a path that it matches."""
        assert self.template is not None, "literal paths are looked up"
        values = self.template.match(path)
        return self._named(values) if values is not None else None

    def match_below(self, path: str) -> tuple[Variables, int] | None:
        """A template's variables in a path below it, and the length of the prefix."""
        assert self.template is not None, "literal paths are looked up"
        found = self.template.match_below(path)
        return (self._named(found[0]), found[1]) if found is not None else None

    def _named(self, values: tuple[str, ...]) -> Variables:
        assert self.template is not None, "literal paths have no variables"
        return tuple(zip(self.template.variables, values, strict=True))


def seniority(trigger: httptrigger_types.HTTPTrigger) -> Seniority:
    """Its place among all triggers, the oldest first."""
    metadata = trigger.metadata
    return (metadata.creation_timestamp or "9999", metadata.namespace, metadata.name)


def make_route(
    trigger: httptrigger_types.HTTPTrigger, functions: weights.Weighted[targets.Target]
) -> Route:
    """A route; raises TemplateError, or cors.CorsError."""
    spec = trigger.spec
    is_prefix = bool(spec.prefix)
    path = spec.prefix or spec.relative_url
    claims = frozenset((*spec.methods, *([spec.method] if spec.method else [])))
    policy = None
    methods = claims
    if spec.cors_config is not None:
        policy = cors.make_policy(spec.cors_config, claims)
        methods = claims | {"OPTIONS"}
    template = None
    if templates.is_template(path):
        ends_open = is_prefix and path.endswith("/")
        template = templates.Template(path[:-1] if ends_open else path)
    return Route(
        trigger=trigger,
        seniority=seniority(trigger),
        host=spec.host,
        path=path,
        is_prefix=is_prefix,
        claims=claims,
        methods=methods,
        functions=functions,
        template=template,
        cors=policy,
        below=_below(path) if is_prefix else "",
    )


def _below(prefix: str) -> str:
    return prefix if prefix.endswith("/") else prefix + "/"
