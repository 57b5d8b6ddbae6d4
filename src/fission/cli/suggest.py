"""The nearest of what there is, for a word that there is not."""

from collections.abc import Iterable

from fission.cli import errors


def nearest(word: str, known: Iterable[str], cutoff: float = 0.6) -> str:
    """The most similar known word; empty when none is as similar as ``cutoff``."""
    import difflib

    exact = {each.lower(): each for each in known}
    close = difflib.get_close_matches(word.lower(), exact, 1, cutoff)
    return exact[close[0]] if close else ""


def question(word: str, known: Iterable[str]) -> str:
    """``did you mean "hello"?``; empty when nothing is similar."""
    found = nearest(word, known)
    return f'did you mean "{found}"?' if found else ""


def check_choice(what: str, value: str, allowed: Iterable[str]) -> None:
    """Refuse a value that is not one of those allowed."""
    values = list(allowed)
    if value not in values:
        raise errors.UsageError(
            f'invalid {what} "{value}": valid values are {", ".join(values)}',
            remedy=question(value, values),
        )
