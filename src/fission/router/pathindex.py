"""Routes by path: what a path belongs to, in the order of precedence, at a cost that does not grow
with the number of routes.

Literal paths are a dictionary. Literal prefixes are one too, asked once for each `/` of a path, as
a prefix always ends at one. Templates hang in a tree of segments, in which a variable is a branch
that every segment takes; only what a path leads to is tried. Templates with an expression that may
span segments hang at the place where it begins.
"""

from __future__ import annotations

import bisect
import dataclasses
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fission.router import routes


@dataclasses.dataclass(frozen=True, slots=True)
class Match:
    """The route of a request, and what its template's variables stand for."""

    route: routes.Route
    variables: tuple[tuple[str, str], ...] = ()
    prefix_length: int = 0
    """Characters of the matched path that are the prefix."""


class _Node:
    """A place in the tree of templates."""

    __slots__ = ("any", "children", "ends", "spanning")

    def __init__(self) -> None:
        self.children: dict[str, _Node] = {}
        self.any: _Node | None = None
        self.ends: list[routes.Route] = []
        """Templates that end here."""
        self.spanning: list[routes.Route] = []
        """Templates of which anything may follow."""

    @property
    def is_empty(self) -> bool:
        return not (self.children or self.any or self.ends or self.spanning)


class _Tree:
    """Templates by their segments."""

    def __init__(self, *, below: bool) -> None:
        self._root = _Node()
        self._below = below
        self._deepest = 0
        self.count = 0

    def add(self, route: routes.Route, steps: tuple[str | None, ...], *, spanning: bool) -> None:
        node = self._root
        self._deepest = max(self._deepest, len(steps))
        for step in steps:
            if step is None:
                node.any = following = node.any or _Node()
            else:
                following = node.children.setdefault(step, _Node())
            node = following
        (node.spanning if spanning else node.ends).append(route)
        self.count += 1

    def remove(self, route: routes.Route, steps: tuple[str | None, ...], *, spanning: bool) -> None:
        trail = [self._root]
        for step in steps:
            node = trail[-1].any if step is None else trail[-1].children.get(step)
            assert node is not None, "only what was added is removed"
            trail.append(node)
        (trail[-1].spanning if spanning else trail[-1].ends).remove(route)
        self.count -= 1
        for step, parent, node in zip(
            reversed(steps), reversed(trail[:-1]), reversed(trail[1:]), strict=True
        ):
            if not node.is_empty:
                break
            if step is None:
                parent.any = None
            else:
                del parent.children[step]

    def near(self, path: str) -> list[routes.Route]:
        """Those that may match; those that do are among them."""
        segments = path.split("/", self._deepest + 2)[1:]  # further ones cannot matter
        found: list[routes.Route] = []
        todo: list[tuple[int, _Node]] = [(0, self._root)]
        while todo:
            depth, node = todo.pop()
            found += node.spanning
            if depth == len(segments):
                if not self._below:
                    found += node.ends
                continue
            if self._below:
                found += node.ends
            following = node.children.get(segments[depth])
            if following is not None:
                todo.append((depth + 1, following))
            if node.any is not None:
                todo.append((depth + 1, node.any))
        return found


class PathIndex:
    """The routes of one host, or of every host."""

    def __init__(self) -> None:
        self.exact: dict[str, list[Match]] = {}
        """Routes of a literal path, the oldest first."""
        self._prefixes: dict[str, list[Match]] = {}
        self._depths: dict[int, int] = {}
        """How many literal prefixes have so many slashes."""
        self._deepest = 0
        self._whole = _Tree(below=False)
        self._beneath = _Tree(below=True)
        self.count = 0

    @property
    def has_exact_templates(self) -> bool:
        """Whether a literal path may have an older rival among the templates."""
        return self._whole.count > 0

    def add(self, route: routes.Route) -> None:
        """Serve it from now on."""
        self.count += 1
        template = route.template
        if template is not None:
            if route.matches_itself:
                self._whole.add(route, template.steps, spanning=template.open_ended)
            if route.is_prefix:
                self._beneath.add(route, template.steps, spanning=template.open_ended)
            return
        if route.matches_itself:
            match = Match(route, (), len(route.path))
            _insert(self.exact.setdefault(route.path, []), match)
        if route.is_prefix:
            _insert(self._prefixes.setdefault(route.below, []), Match(route, (), route.length))
            depth = route.below.count("/")
            self._depths[depth] = self._depths.get(depth, 0) + 1
            self._deepest = max(self._deepest, depth)

    def remove(self, route: routes.Route) -> None:
        """Serve it no more."""
        self.count -= 1
        template = route.template
        if template is not None:
            if route.matches_itself:
                self._whole.remove(route, template.steps, spanning=template.open_ended)
            if route.is_prefix:
                self._beneath.remove(route, template.steps, spanning=template.open_ended)
            return
        if route.matches_itself:
            _take_out(self.exact, route.path, route)
        if route.is_prefix:
            _take_out(self._prefixes, route.below, route)
            depth = route.below.count("/")
            self._depths[depth] -= 1
            if not self._depths[depth]:
                del self._depths[depth]
                self._deepest = max(self._depths, default=0)

    def candidates(self, path: str) -> Iterator[Match]:
        """What the path belongs to, first what comes first."""
        yield from self._matching(path)
        yield from self._above(path)

    def _matching(self, path: str) -> list[Match]:
        literal = self.exact.get(path, [])
        if not self._whole.count:
            return literal
        found = list(literal)
        for route in self._whole.near(path):
            values = route.match(path)
            if values is not None:
                found.append(Match(route, values, len(path)))
        found.sort(key=_seniority)
        return found

    def _above(self, path: str) -> list[Match]:
        found: list[Match] = []
        at = -1
        for _ in range(self._deepest):
            at = path.find("/", at + 1)
            if at < 0:
                break
            same = self._prefixes.get(path[: at + 1])
            if same is not None:
                found[:0] = same
        if not self._beneath.count:
            return found
        templates = len(found)
        for route in self._beneath.near(path):
            matched = route.match_below(path)
            if matched is not None:
                found.append(Match(route, *matched))
        if len(found) > templates:
            found.sort(key=_precedence)
        return found


def _seniority(match: Match) -> tuple[str, str, str]:
    return match.route.seniority


def _precedence(match: Match) -> tuple[int, tuple[str, str, str]]:
    return (-len(match.route.below), match.route.seniority)


def _insert(same: list[Match], match: Match) -> None:
    bisect.insort(same, match, key=_seniority)


def _take_out(index: dict[str, list[Match]], path: str, route: routes.Route) -> None:
    left = [match for match in index[path] if match.route is not route]
    if left:
        index[path] = left
    else:
        del index[path]
