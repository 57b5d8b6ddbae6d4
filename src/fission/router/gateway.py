"""Requests → where they go: a function and the path that it sees, or an answer of the router's own.

One `Gateway` per listener: the public one goes by the route table and has paths of its own, the
internal one goes by names of functions and checks signatures. Nothing here waits.
"""

from __future__ import annotations

import dataclasses
import random
import urllib.parse
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, Protocol

from fission.contracts import invocation
from fission.router import answers, cors, headedit, internalpaths, routetable

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from fission.router import catalog, routes, targets
    from fission_http import head as heads
    from fission_http import headers as header_lists

    Verify = Callable[[str, str, bytes, header_lists.Headers], None]


@dataclasses.dataclass(slots=True)
class Plan:
    """Where a request goes. Never changed; not frozen, as that would make it dearer to make."""

    target: targets.Target
    path: bytes
    """Request target that the function sees."""
    label: str
    """The route's pattern, or the function's internal path: the label of metrics."""
    variables: bytes
    """Header lines of template variables."""
    cors_lines: bytes | None
    """Header lines for other origins in place of the function's; None: the function's stand."""
    route: routes.Route | None = None
    """The trigger's route; None where the function was called by its name."""


@dataclasses.dataclass(frozen=True)
class Own:
    """An answer of the router's own."""

    status: int
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""


SLASH: Final = 0x2F
NOT_FOUND: Final = Own(404, (answers.TEXT,), answers.NOT_FOUND)
ROUTE_MISS: Final = Own(404, (answers.TEXT, (invocation.ROUTE_MISS, "1")), answers.NOT_FOUND)
OWN_METHODS: Final = frozenset(("GET", "HEAD", "OPTIONS"))
CORS_REFUSED: Final = Own(403, (answers.TEXT,), cors.NOT_PERMITTED.encode() + b"\n")
NOT_IMPLEMENTED: Final = Own(
    501, (answers.TEXT,), b"asynchronous invocation is not served by this router\n"
)


class Gateway(Protocol):
    """What a listener asks."""

    verify: Verify | None
    max_body_bytes: int

    def plan(self, head: heads.RequestHead) -> Plan | Own:
        """What becomes of a request."""
        ...


class PublicGateway:
    """Triggers, and the few paths of the router itself."""

    verify: Verify | None = None

    def __init__(
        self,
        routes: catalog.Catalog,
        own: dict[str, Callable[[], Own]],
        *,
        max_body_bytes: int,
        use_encoded_path: bool = False,
        draw: Callable[[int], int] = random.randrange,
    ) -> None:
        """`own` are the router's paths; `draw(n)` is a random number below n."""
        self.max_body_bytes = max_body_bytes
        self._catalog = routes
        self._own = own
        self._use_encoded_path = use_encoded_path
        self._draw = draw

    def plan(self, head: heads.RequestHead) -> Plan | Own:
        """A trigger's function, or an answer."""
        target = head.target if head.target[0] == SLASH else head.origin_form()
        raw = path = target.partition(b"?")[0].decode("ascii")
        if "%" in raw and not self._use_encoded_path:
            path = urllib.parse.unquote(raw)
        method = head.method.decode("ascii")
        table = self._catalog.table
        host = _host(head.host) if table.has_hosts else ""
        if method == "OPTIONS":
            answer = _preflight(table, head, host, path)
            if answer is not None:
                return answer
        found = table.find(host, path, method)
        if isinstance(found, routetable.Match):
            return self._planned(head, target, path, found)
        own = self._own.get(raw)
        if own is not None:
            return _own_answer(own, head, method)
        return NOT_FOUND if found is None else _not_allowed(found.methods)

    def _planned(
        self,
        head: heads.RequestHead,
        target: bytes,
        path: str,
        match: routetable.Match,
    ) -> Plan | Own:
        route = match.route
        lines = None
        if route.cors is not None:
            lines = _cors_lines(route.cors, (head.get(b"origin") or b"").decode("latin-1"))
        if route.trigger.spec.invocation_mode or b"\r\nx-fission-invoke-mode:" in head.lower:
            return NOT_IMPLEMENTED
        functions = route.functions
        if len(functions.things) == 1:
            function = functions.things[0]
        else:
            function = functions.pick(self._draw(functions.total))
        variables = headedit.format_variables(match.variables) if match.variables else b""
        seen = self._path(route, target, path, match)
        return Plan(function, seen, route.path, variables, lines, route)

    def _path(
        self, route: routes.Route, target: bytes, path: str, match: routetable.Match
    ) -> bytes:
        if not route.is_prefix:
            _, mark, query = target.partition(b"?")
            return b"/" + mark + query
        if route.keep_prefix:
            return target
        return headedit.strip_prefix(
            target, path, match.prefix_length, encoded=self._use_encoded_path
        )


class InternalGateway:
    """Functions by name, for whoever may sign."""

    def __init__(
        self,
        lookup: internalpaths.Lookup,
        *,
        verify: Verify | None,
        max_body_bytes: int = invocation.MAX_INTERNAL_BODY_BYTES,
        own: Mapping[str, Callable[[], Own]] = MappingProxyType({}),
    ) -> None:
        """`own` are paths that the router answers itself."""
        self.verify = verify
        self.max_body_bytes = max_body_bytes
        self._lookup = lookup
        self._own = own

    def plan(self, head: heads.RequestHead) -> Plan | Own:
        """A function, or a miss that says so."""
        raw, mark, query = head.origin_form().partition(b"?")
        path = raw.decode("ascii")
        found = internalpaths.find(path, self._lookup)
        if found is None:
            own = self._own.get(path)
            return (
                ROUTE_MISS if own is None else _own_answer(own, head, head.method.decode("ascii"))
            )
        if b"\r\nx-fission-invoke-mode:" in head.lower:
            return NOT_IMPLEMENTED
        function, rest = found
        label = invocation.function_path(function.name, function.namespace)
        return Plan(function, rest.encode("ascii") + mark + query, label, b"", None)


def _host(host: bytes) -> str:
    text = host.decode("ascii").lower()
    if text.startswith("["):
        return text
    return text.partition(":")[0]


def _own_answer(own: Callable[[], Own], head: heads.RequestHead, method: str) -> Own:
    if method in ("GET", "HEAD"):
        return own()
    if method == "OPTIONS":
        if b"\r\norigin:" in head.lower and b"\r\naccess-control-request-method:" in head.lower:
            return CORS_REFUSED
        return Own(200)
    return _not_allowed(OWN_METHODS)


def _not_allowed(methods: frozenset[str]) -> Own:
    allow = ("Allow", ", ".join(sorted(methods)))
    return Own(405, (answers.TEXT, allow), answers.METHOD_NOT_ALLOWED)


def _preflight(
    table: routetable.Table, head: heads.RequestHead, host: str, path: str
) -> Own | None:
    """The answer to a browser that asks beforehand; None when it is for the function to answer.

    The route of the method asked for decides: several triggers may share a path.
    """
    if b"\r\norigin:" not in head.lower:
        return None
    asked = (head.get(b"access-control-request-method") or b"").decode("latin-1")
    origin = (head.get(b"origin") or b"").decode("latin-1")
    if not asked or not origin:
        return None
    found = table.find(host, path, asked)
    if not isinstance(found, routetable.Match) or found.route.cors is None:
        found = table.find(host, path, "OPTIONS")
    if not isinstance(found, routetable.Match) or found.route.cors is None:
        return None
    policy = found.route.cors
    wanted = (head.get(b"access-control-request-headers") or b"").decode("latin-1")
    headers = policy.preflight(origin, asked, wanted)
    if headers is None:
        return CORS_REFUSED
    return Own(204, (*headers, ("Vary", "Origin")))


def _cors_lines(policy: cors.Policy, origin: str) -> bytes:
    if not origin:
        return b""
    pairs = policy.answer(origin)
    return "".join(f"\r\n{name}: {value}" for name, value in pairs).encode("latin-1")
