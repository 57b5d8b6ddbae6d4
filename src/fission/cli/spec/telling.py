"""What ``spec apply`` says: a line per kind and verb, and for a dry run every field."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from fission.cli.spec import comparing, planning

_WORDS: Final = {
    "Environment": ("environment", "environments"),
    "Package": ("package", "packages"),
    "Function": ("function", "functions"),
}
_SIGNS: Final = {
    planning.Verb.CREATE: ("+", "\x1b[32m"),
    planning.Verb.UPDATE: ("~", "\x1b[33m"),
    planning.Verb.DELETE: ("-", "\x1b[31m"),
}
_RED, _GREEN, _RESET = "\x1b[31m", "\x1b[32m", "\x1b[0m"

UP_TO_DATE: Final = "Everything up to date."


def summary(steps: Sequence[planning.Step], *, dry: bool = False) -> list[str]:
    """``2 functions created: a, b`` for each kind and verb; that nothing had to be done."""
    would = "would be " if dry else ""
    lines = []
    for kind in planning.KINDS:
        for verb in planning.Verb:
            names = sorted(
                step.key.name for step in steps if step.key.kind == kind and step.verb is verb
            )
            if names:
                word = _WORDS.get(kind, (kind, f"{kind}s"))[len(names) > 1]
                lines.append(f"{len(names)} {word} {would}{verb.value}: {', '.join(names)}")
    return lines or [UP_TO_DATE]


def diff(steps: Iterable[planning.Step], *, coloured: bool) -> Iterator[str]:
    """Each object that a run would touch, and each field with its two values."""
    for step in steps:
        sign, colour = _SIGNS[step.verb]
        head = f"{sign} {step.key} would be {step.verb.value}"
        yield f"{colour}{head}{_RESET}" if coloured else head
        for change in step.changes:
            yield from _fields(change, coloured)


def _fields(change: comparing.Change, coloured: bool) -> Iterator[str]:
    red, green, reset = (_RED, _GREEN, _RESET) if coloured else ("", "", "")
    before = comparing.format_value(change.path, change.before)
    after = comparing.format_value(change.path, change.after)
    if change.before is None:
        yield f"    {green}+ {change.path}: {after}{reset}"
    elif change.after is None:
        yield f"    {red}- {change.path}: {before}{reset}"
    else:
        yield f"    {change.path}: {red}{before}{reset} → {green}{after}{reset}"
