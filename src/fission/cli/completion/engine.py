"""What the word that is typed may become. No I/O but the names of live objects.

Where they are asked for, an answer is waited for a moment only; without one, nothing is offered.
"""

from __future__ import annotations

from collections.abc import Coroutine, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import click

from fission.base import errors as base_errors
from fission.cli import command, options, tree
from fission.cli.completion import values

if TYPE_CHECKING:
    from fission.cli import context

COMMAND: Final = "__complete"
"""The word by which a shell asks."""
FILES: Final = ":files"


@dataclass(frozen=True)
class Asked:
    """Where the word stands, and what was said before it."""

    command: click.Command
    noun: str
    """The group of the command, empty at the root."""
    flag: options.Flag | None
    """Whose value the word is."""
    prefix: str
    """What stands before the value in the same word: ``--name=``."""
    word: str
    given: frozenset[str]
    """Flags that were said, by the name of their parameter."""


def run(session: context.Session, arguments: Sequence[str]) -> Coroutine[Any, Any, None] | None:
    """Answer a shell: its name, then the words so far. What is returned asks a platform."""
    shell, *words = arguments or ("",)
    try:
        asked = read(session, shell, words or [""])
        found = lines(session, asked) if asked else [FILES]
    except (base_errors.Error, click.ClickException, OSError):
        return None  # somebody is typing: no message helps there
    if not callable(found):
        _print(session, found)
        return None
    return _answer_live(session, asked, found) if asked else None


async def _answer_live(session: context.Session, asked: Asked, question: values.Question) -> None:
    _print(session, _values(asked, await values.ask(question)))


def _print(session: context.Session, found: Iterable[str]) -> None:
    for line in found:
        session.out.line(line)


def lines(session: context.Session, asked: Asked) -> list[str] | values.Question:
    """The lines of the answer, or the question for them."""
    if asked.flag is not None:
        found = values.of_flag(session, asked.command, asked.noun, asked.flag)
        if found is None:
            return [FILES]
        return found if callable(found) else _values(asked, found)
    if asked.word.startswith("-"):
        return _matching(asked, _flags(asked))
    if isinstance(asked.command, command.Group):
        entries = asked.command.entries
        named = _matching(asked, ((each.name, each.help) for each in entries))
        if not asked.noun:
            named += _matching(asked, _plugins(session, asked.command))
        others = ((alias, each.help) for each in entries for alias in each.aliases)
        return named or _matching(asked, others)
    wanted = [each for each in _flags_of(asked.command) if each.needed]
    missing = [each for each in wanted if not _is_given(each, asked)]
    return _matching(asked, ((_long(each), str(each.help)) for each in missing))


def read(session: context.Session, shell: str, words: Sequence[str]) -> Asked | None:
    """Go through the words; None where a plugin reads the rest."""
    *before, word = _split(words) if shell == "bash" else words
    current: click.Command = command.root()
    noun = ""
    given: set[str] = set()
    flag: options.Flag | None = None
    for each in before:
        if flag is not None:
            _note(session, flag, each)
            flag = None
            continue
        if each.startswith("-"):
            name, equals, value = each.partition("=")
            found = _flag(current, name)
            given.add(str(found.name) if found else "")
            if found and equals:
                _note(session, found, value)
            flag = found if found and not equals and not found.is_flag else None
        elif isinstance(current, command.Group):
            entry = next((e for e in current.entries if each in (e.name, *e.aliases)), None)
            if entry is None:
                return None
            noun = entry.name if isinstance(entry, tree.Branch) else noun
            current = command.load(entry)
    prefix = ""
    if flag is None and word.startswith("--") and "=" in word:
        name, _, word = word.partition("=")
        flag, prefix = _flag(current, name), f"{name}="
        if flag is None:
            return None
    return Asked(current, noun, flag, prefix, word, frozenset(given))


def _split(words: Sequence[str]) -> list[str]:
    """Bash takes ``=`` for a word of its own, and the flag's value for the next one."""
    kept = [word for word in words[:-1] if word != "="]
    return [*kept, "" if words[-1] == "=" else words[-1]]


def _values(asked: Asked, found: Iterable[str]) -> list[str]:
    return [f"{asked.prefix}{each}\t" for each in found if each.startswith(asked.word)]


def _matching(asked: Asked, candidates: Iterable[tuple[str, str]]) -> list[str]:
    return [f"{value}\t{help}" for value, help in candidates if value.startswith(asked.word)]


def _flags(asked: Asked) -> list[tuple[str, str]]:
    return [
        (_long(each), str(each.help))
        for each in _flags_of(asked.command)
        if each.multiple or not _is_given(each, asked)
    ]


def _is_given(flag: options.Flag, asked: Asked) -> bool:
    return str(flag.name) in asked.given


def _flags_of(current: click.Command) -> list[options.Flag]:
    return [each for each in current.params if isinstance(each, options.Flag)]


def _flag(current: click.Command, name: str) -> options.Flag | None:
    return next((each for each in _flags_of(current) if name in each.opts), None)


def _long(flag: options.Flag) -> str:
    return next((name for name in flag.opts if name.startswith("--")), flag.opts[0])


def _note(session: context.Session, flag: options.Flag, value: Any) -> None:
    if flag.is_global and flag.name in ("namespace", "kube_context", "server"):
        session.set_global(str(flag.name), value)


def _plugins(session: context.Session, root: command.Group) -> list[tuple[str, str]]:
    from fission.cli import plugins

    return [
        (name, "a plugin") for name in sorted(plugins.paths(session.env)) if name not in root.words
    ]
