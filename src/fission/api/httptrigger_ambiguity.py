"""How long a backtracking engine may search on an expression: is it safe to let strangers choose
the text? Pure.

The expression becomes its position automaton: one state for each place that takes a character.
Backtracking walks every path through it that reads the text, so its time is their number:

- *exponential* when some state can be left and reached again over two different paths that read
  the same text, as in `(?:a+)+` or `(?:a|a)*`;
- a polynomial otherwise: one degree for the text, and one more for each repetition that can hand
  its text over to a later one letter by letter, as in `[^/]+-[^/]+`.

Both are decided exactly on products of the automaton with itself (Weber and Seidl, 1991), but for
`?` and `{m,n}`, which count as any number. Choices outside of repetitions multiply the paths too,
though not with the text: `SPOTS` of them are allowed. What would take too many steps to decide
counts as bad. Steps that take no character are not seen here: `expressions` reads nothing in which
there are several ways to take none.
"""

from __future__ import annotations

import dataclasses
import itertools
from typing import TYPE_CHECKING, Final

from fission.api import httptrigger_expressions as expressions

if TYPE_CHECKING:
    from collections.abc import Set

POSITIONS: Final = 400
"""Places of an expression, with the copies that `{n}` makes."""
STEPS: Final = 40_000
"""States of a product that are looked at."""
SPOTS: Final = 6
"""Further ways to go on at the places where one text may be read in several that end alike."""


class TooComplex(expressions.ExpressionError):
    """The expression is too large to be judged."""


@dataclasses.dataclass(frozen=True, slots=True)
class _Part:
    nullable: bool
    first: tuple[int, ...]
    last: tuple[int, ...]


_EMPTY: Final = _Part(True, (), ())


class _Automaton:
    """Positions, what each takes, and which follow which."""

    def __init__(self, node: expressions.Node) -> None:
        self.takes: list[int] = []
        self.follow: list[set[int]] = []
        self.twice: set[tuple[int, int]] = set()
        """Steps that can be taken for two reasons."""
        bounds = {0}
        for letter in expressions.letters(node):
            for low, high in letter.ranges:
                bounds |= {low, high + 1}
        self._bounds = sorted(bounds)
        self._masks: dict[expressions.Chars, int] = {}
        self.first = frozenset(self._part(node).first)

    def _mask(self, letter: expressions.Chars) -> int:
        """One bit for each stretch of characters between two bounds."""
        found = self._masks.get(letter)
        if found is None:
            found = 0
            for bit, start in enumerate(self._bounds):
                if any(low <= start <= high for low, high in letter.ranges):
                    found |= 1 << bit
            self._masks[letter] = found
        return found

    def _part(self, node: expressions.Node) -> _Part:
        match node:
            case expressions.Chars():
                if len(self.takes) >= POSITIONS:
                    raise TooComplex(f"it has more than {POSITIONS} places; shorten it")
                self.takes.append(self._mask(node))
                self.follow.append(set())
                here = (len(self.takes) - 1,)
                return _Part(False, here, here)
            case expressions.Sequence(items):
                part = _EMPTY
                for item in items:
                    part = self._join(part, self._part(item))
                return part
            case expressions.Choice(items):
                parts = [self._part(item) for item in items]
                return _Part(
                    any(part.nullable for part in parts),
                    tuple(p for part in parts for p in part.first),
                    tuple(p for part in parts for p in part.last),
                )
            case expressions.Repeat(item, least, most):
                return self._repeat(item, least, most)

    def _repeat(self, item: expressions.Node, least: int, most: int | None) -> _Part:
        if most == 1 == least or most == 0:
            return self._part(item) if most else _EMPTY
        if most is not None and most == least:
            part = _EMPTY
            for _ in range(most):
                part = self._join(part, self._part(item))
            return part
        part = self._part(item)
        self._connect(part.last, part.first)
        return _Part(part.nullable or least == 0, part.first, part.last)

    def _join(self, before: _Part, after: _Part) -> _Part:
        self._connect(before.last, after.first)
        return _Part(
            before.nullable and after.nullable,
            before.first + after.first if before.nullable else before.first,
            before.last + after.last if after.nullable else after.last,
        )

    def _connect(self, last: tuple[int, ...], first: tuple[int, ...]) -> None:
        for one in last:
            for other in first:
                if other in self.follow[one]:
                    self.twice.add((one, other))
                self.follow[one].add(other)


def degree(node: expressions.Node) -> int | None:
    """The power of the text's length that a search may take; None: exponential.

    Raises TooComplex.
    """
    automaton = _Automaton(node)
    loops = _loops(automaton)
    of = {state: number for number, loop in enumerate(loops) for state in loop}
    if any(of.get(a, -1) == of.get(b, -2) for a, b in automaton.twice):
        return None
    if any(_meet(automaton, automaton.follow[state], loop) for loop in loops for state in loop):
        return None
    if _spots(automaton) > SPOTS:
        raise TooComplex("its parts can share out one text in too many ways")
    reach = [_reach(automaton, loop) for loop in loops]
    order = sorted(range(len(loops)), key=lambda number: len(reach[number]))
    longest: dict[int, int] = {}
    for number in order:  # those that reach least come last in the text
        longest[number] = max(
            (
                longest[later] + _hands_over(automaton, loops[number], loops[later])
                for later in longest
                if loops[later] <= reach[number]
            ),
            default=0,
        )
    return 1 + max(longest.values(), default=0)


def _spots(automaton: _Automaton) -> int:
    """How many ways more than one there are to go on, over all places; counted up to a little
    above `SPOTS`."""
    everything = frozenset(range(len(automaton.takes)))
    found = len(automaton.twice)
    for source in (automaton.first, *automaton.follow):
        if not _meet(automaton, source, everything):
            continue
        ways: set[int] = set()
        for pair in itertools.combinations(sorted(source), 2):
            if not ways.issuperset(pair) and _meet(automaton, set(pair), everything):
                ways.update(pair)
            if found + len(ways) - 1 > SPOTS:
                return found + len(ways) - 1
        found += max(len(ways) - 1, 1)
    return found


def _reach(automaton: _Automaton, states: frozenset[int]) -> frozenset[int]:
    found = set(states)
    todo = list(states)
    while todo:
        for after in automaton.follow[todo.pop()] - found:
            found.add(after)
            todo.append(after)
    return frozenset(found)


def _loops(automaton: _Automaton) -> list[frozenset[int]]:
    """The strongly connected components that have a step inside."""
    reach = [_reach(automaton, frozenset(after)) for after in automaton.follow]
    found = {
        frozenset(b for b in reach[a] if a in reach[b]) for a in range(len(reach)) if a in reach[a]
    }
    return list(found)


def _meet(automaton: _Automaton, source: Set[int], within: frozenset[int]) -> bool:
    """Whether two different paths from there read the same and meet again."""
    takes, follow = automaton.takes, automaton.follow
    here = source & within
    if len(here) < 2:
        return False
    todo = [(a, b) for a in here for b in here if a < b and takes[a] & takes[b]]
    seen = set(todo)
    while todo:
        one, other = todo.pop()
        for a in follow[one] & within:
            for b in follow[other] & within:
                if not takes[a] & takes[b]:
                    continue
                if a == b:
                    return True
                pair = (min(a, b), max(a, b))
                if pair not in seen:
                    seen.add(pair)
                    todo.append(pair)
        if len(seen) > STEPS:
            return True
    return False


def _hands_over(automaton: _Automaton, early: frozenset[int], late: frozenset[int]) -> bool:
    """Whether one text can stay in `early`, lead from it to `late`, and stay in `late`."""
    takes, follow = automaton.takes, automaton.follow
    steps = 0
    for p in early:
        for q in late:
            start, goal = (p, p, q), (p, q, q)
            todo, seen = [start], {start}
            while todo:
                x, y, z = todo.pop()
                for a in follow[x] & early:
                    for c in follow[z] & late:
                        common = takes[a] & takes[c]
                        if not common:
                            continue
                        for b in follow[y]:
                            steps += 1
                            triple = (a, b, c)
                            if not takes[b] & common or triple in seen:
                                continue
                            if triple == goal:
                                return True
                            seen.add(triple)
                            todo.append(triple)
                if steps > STEPS:
                    return True
    return False
