"""Regular expressions of path templates: the part of the syntax that Go and Python share.

What is read here means the same in both, so a trigger written for one is served alike by the other.
Everything else is refused by name: back references and look-around, which Go does not have either;
anchors, as a variable always stands for the whole of its stretch; flags; capturing groups; and what
can take nothing in several ways, such as `(?:a*)*` or `a*|b*`, all of which Python may try.
"""

from __future__ import annotations

import dataclasses
import string
from typing import Final

from fission.base import errors

LONGEST: Final = 512
LAST: Final = 0x10FFFF

Range = tuple[int, int]


class ExpressionError(errors.Error):
    """An expression that is not taken; the message says what and what to write instead."""

    reason = "InvalidExpression"


@dataclasses.dataclass(frozen=True, slots=True)
class Chars:
    """One character out of these ranges, which are sorted and apart."""

    ranges: tuple[Range, ...]

    def takes(self, character: str) -> bool:
        """Whether it may be this one."""
        return any(low <= ord(character) <= high for low, high in self.ranges)


@dataclasses.dataclass(frozen=True, slots=True)
class Sequence:
    """One after the other."""

    items: tuple[Node, ...]


@dataclasses.dataclass(frozen=True, slots=True)
class Choice:
    """One of them."""

    items: tuple[Node, ...]


@dataclasses.dataclass(frozen=True, slots=True)
class Repeat:
    """As often as this; `most` None is any number."""

    item: Node
    least: int
    most: int | None


Node = Chars | Sequence | Choice | Repeat

_DIGITS: Final = ((48, 57),)
_WORD: Final = ((48, 57), (65, 90), (95, 95), (97, 122))
_SPACE: Final = ((9, 13), (32, 32))
_CLASSES: Final[dict[str, tuple[Range, ...]]] = {"d": _DIGITS, "w": _WORD, "s": _SPACE}
_CONTROLS: Final = {"t": 9, "n": 10, "v": 11, "f": 12, "r": 13}
_HEXADECIMAL: Final = frozenset(string.hexdigits)
_DOUBLES: Final = ("--", "&&", "~~", "||")


def parse(text: str) -> Node:
    """The expression read; raises ExpressionError."""
    if len(text) > LONGEST:
        raise ExpressionError(f"it has {len(text)} characters; at most {LONGEST} are allowed")
    reader = _Reader(text)
    node = reader.choice()
    if reader.more():
        raise ExpressionError("it has a ')' too many")
    return node


def may_be_empty(node: Node) -> bool:
    """Whether it can take no character at all."""
    match node:
        case Chars():
            return False
        case Sequence(items):
            return all(may_be_empty(item) for item in items)
        case Choice(items):
            return any(may_be_empty(item) for item in items)
        case Repeat(item, least, _):
            return least == 0 or may_be_empty(item)


def letters(node: Node) -> list[Chars]:
    """Every place in it that takes a character."""
    if isinstance(node, Chars):
        return [node]
    items = (node.item,) if isinstance(node, Repeat) else node.items
    return [each for item in items for each in letters(item)]


def complement(ranges: tuple[Range, ...]) -> tuple[Range, ...]:
    """Every other character."""
    found: list[Range] = []
    start = 0
    for low, high in ranges:
        if low > start:
            found.append((start, low - 1))
        start = high + 1
    if start <= LAST:
        found.append((start, LAST))
    return tuple(found)


def merge(ranges: list[Range]) -> tuple[Range, ...]:
    """Sorted, and without overlaps."""
    found: list[Range] = []
    for low, high in sorted(ranges):
        if found and low <= found[-1][1] + 1:
            found[-1] = (found[-1][0], max(high, found[-1][1]))
        else:
            found.append((low, high))
    return tuple(found)


ANY: Final = Chars(complement(((10, 10),)))
NOT_SLASH: Final = Chars(complement(((47, 47),)))


class _Reader:
    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0

    def more(self) -> bool:
        return self._at < len(self._text)

    def _peek(self, length: int = 1) -> str:
        return self._text[self._at : self._at + length]

    def _next(self) -> str:
        if not self.more():
            raise ExpressionError("it ends too early")
        self._at += 1
        return self._text[self._at - 1]

    def choice(self) -> Node:
        items = [self._sequence()]
        while self._peek() == "|":
            self._at += 1
            items.append(self._sequence())
        if sum(may_be_empty(item) for item in items) > 1:
            raise ExpressionError("several of its alternatives may be empty; let only one be so")
        return items[0] if len(items) == 1 else Choice(tuple(items))

    def _sequence(self) -> Node:
        items: list[Node] = []
        while self.more() and self._peek() not in ("|", ")"):
            items.append(self._repeated(self._atom()))
        return items[0] if len(items) == 1 else Sequence(tuple(items))

    def _repeated(self, item: Node) -> Node:
        count = self._count()
        if count is None:
            return item
        if self._peek() == "?":
            self._at += 1
        if self._peek() in ("*", "+", "?") or self._count() is not None:
            raise ExpressionError(f"it repeats a repetition at {self._text[self._at - 1 :]!r}")
        if may_be_empty(item):
            raise ExpressionError(
                f"it repeats what may be empty, before {self._text[self._at - 1 :]!r}; let what is"
                " repeated take a character, such as (?:a+b?)* or (?:a|b)* for (?:a*b?)*"
            )
        return Repeat(item, *count)

    def _count(self) -> tuple[int, int | None] | None:
        simple: dict[str, tuple[int, int | None]] = {"*": (0, None), "+": (1, None), "?": (0, 1)}
        found = simple.get(self._peek())
        if found is not None:
            self._at += 1
            return found
        if self._peek() != "{":
            return None
        inside, closed, _ = self._text[self._at + 1 :].partition("}")
        first, comma, last = inside.partition(",")
        numbers = [each for each in (first, last) if each]
        if not closed or not first or not all(e.isascii() and e.isdigit() for e in numbers):
            raise ExpressionError(f"{'{' + inside!r} is no count such as {{2}} or {{2,5}}")
        self._at += len(inside) + 2
        least = int(first)
        most = least if not comma else int(last) if last else None
        if least > 1000 or (most is not None and not least <= most <= 1000):
            raise ExpressionError(f"the count {{{inside}}} is not in order or above 1000")
        return least, most

    def _atom(self) -> Node:
        character = self._next()
        if character == "(":
            return self._group()
        if character == "[":
            return self._class()
        if character == ".":
            return ANY
        if character == "\\":
            return Chars(self._escape())
        if character in "^$":
            raise ExpressionError(
                f"it has the anchor {character!r}; leave it out: the whole is matched anyway"
            )
        if character in "*+?{":
            raise ExpressionError(f"nothing precedes {character!r} that could be repeated")
        return Chars(((ord(character), ord(character)),))

    def _group(self) -> Node:
        if self._peek() != "?":
            raise ExpressionError("it has a capturing group; write (?:…) instead of (…)")
        if self._peek(2) != "?:":
            raise ExpressionError(
                f"'({self._peek(2)}' is not taken: of groups only (?:…) may be used"
            )
        self._at += 2
        node = self.choice()
        if self._peek() != ")":
            raise ExpressionError("a group is not closed with ')'")
        self._at += 1
        return node

    def _escape(self) -> tuple[Range, ...]:
        character = self._next()
        lower = character.lower()
        if lower in _CLASSES:
            ranges = _CLASSES[lower]
            return ranges if character == lower else complement(ranges)
        if character in _CONTROLS:
            return ((_CONTROLS[character],) * 2,)
        if character == "x":
            digits = self._next() + self._next()
            if not _HEXADECIMAL.issuperset(digits):
                raise ExpressionError(f"\\x{digits} is no character")
            return ((int(digits, 16),) * 2,)
        if character.isalnum():
            raise ExpressionError(f"\\{character} is not taken")
        return ((ord(character), ord(character)),)

    def _class(self) -> Node:
        negated = self._peek() == "^"
        self._at += negated
        ranges: list[Range] = []
        first = True
        while first or self._peek() != "]":
            first = False
            self._refuse_set_operations()
            low = self._member()
            self._refuse_set_operations()
            if self._peek() == "-" and self._peek(2) != "-]":
                self._at += 1
                high = self._member()
                if len(low) > 1 or len(high) > 1 or high[0][1] < low[0][0]:
                    raise ExpressionError("a range in […] is not in order")
                ranges.append((low[0][0], high[0][1]))
            else:
                ranges.extend(low)
        self._at += 1
        merged = merge(ranges)
        return Chars(complement(merged) if negated else merged)

    def _refuse_set_operations(self) -> None:
        """What Python may read in another way some day, and Go already does."""
        if self._peek(2) in _DOUBLES or self._peek() == "[":
            raise ExpressionError(
                f"{self._peek(2)!r} inside of […] is not taken; put \\ before such a character"
            )

    def _member(self) -> tuple[Range, ...]:
        character = self._next()
        if character == "\\":
            return self._escape()
        return ((ord(character), ord(character)),)
