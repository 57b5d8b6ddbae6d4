"""One HTTP trigger as a route: what it matches and what becomes of the request. Pure."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from fission.router import cors, templates

if TYPE_CHECKING:
    import re

    from fission.api import httptrigger_types
    from fission.router import targets, weights


@dataclasses.dataclass(frozen=True, eq=False)
class Route:
    """A trigger that is served."""

    trigger: httptrigger_types.HTTPTrigger
    order: int
    """Place among all triggers, oldest first: settles ties."""
    host: str
    path: str
    """The pattern as written; also the label of metrics."""
    is_prefix: bool
    methods: frozenset[str]
    functions: weights.Weighted[targets.Target]
    exact: re.Pattern[str] | None
    """For a template: matches the path itself."""
    below: re.Pattern[str] | None
    """For a template prefix: matches the beginning of a path below it."""
    variables: tuple[str, ...]
    cors: cors.Policy | None

    @property
    def keep_prefix(self) -> bool:
        """Whether the function sees the whole path."""
        return self.trigger.spec.keep_prefix

    @property
    def shape(self) -> tuple[str, bool, str]:
        """What two triggers must not share if their methods overlap."""
        return (self.host, self.is_prefix, templates.shape(self.path))


def make_route(
    trigger: httptrigger_types.HTTPTrigger,
    order: int,
    functions: weights.Weighted[targets.Target],
) -> Route:
    """A route; raises TemplateError, or cors.CorsError."""
    spec = trigger.spec
    is_prefix = bool(spec.prefix)
    path = spec.prefix or spec.relative_url
    methods = {*spec.methods, *([spec.method] if spec.method else [])}
    policy = None
    if spec.cors_config is not None:
        policy = cors.make_policy(spec.cors_config, methods)
        methods = methods | {"OPTIONS"}
    exact = below = None
    variables: tuple[str, ...] = ()
    if templates.is_template(path):
        if not (is_prefix and path.endswith("/")):
            exact, variables = templates.parse_template(path, prefix=False)
        if is_prefix:
            below, variables = templates.parse_template(path.rstrip("/") + "/", prefix=True)
    return Route(
        trigger=trigger,
        order=order,
        host=spec.host,
        path=path,
        is_prefix=is_prefix,
        methods=frozenset(methods),
        functions=functions,
        exact=exact,
        below=below,
        variables=variables,
        cors=policy,
    )
