"""Path templates as people know them from gorilla/mux: `{name}` and `{name:regex}`."""

from __future__ import annotations

import re
from typing import Final

from fission.base import errors

_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*")
_LONGEST: Final = 2048


class TemplateError(errors.Error):
    """A template that cannot be used; the message says why."""

    reason = "InvalidRouteTemplate"


def is_template(path: str) -> bool:
    """Whether a path has variables at all."""
    return "{" in path or "}" in path


def shape(path: str) -> str:
    """The template without the names of its variables: equal shapes match the same paths."""
    return "".join(
        part if literal else "{" + (part.partition(":")[2] or "[^/]+") + "}"
        for literal, part in _parts(path)
    )


def parse_template(path: str, *, prefix: bool) -> tuple[re.Pattern[str], tuple[str, ...]]:
    """A pattern for `match`, of whole paths or of beginnings, and the names of its groups."""
    if len(path) > _LONGEST:
        raise TemplateError(f"a path template may have {_LONGEST} characters, not {len(path)}")
    text = ""
    names: list[str] = []
    for literal, part in _parts(path):
        if literal:
            text += re.escape(part)
            continue
        name, colon, expression = part.partition(":")
        if not _NAME.fullmatch(name):
            raise TemplateError(f"{part!r} in {path!r}: a variable needs a name")
        if name in names:
            raise TemplateError(f"{path!r} has the variable {name!r} twice")
        if colon and not expression:
            raise TemplateError(f"{part!r} in {path!r}: the expression is empty")
        names.append(name)
        text += f"({_checked(expression, path) if colon else '[^/]+'})"
    return re.compile(text if prefix else text + r"\Z"), tuple(names)


def _checked(expression: str, path: str) -> str:
    try:
        compiled = re.compile(expression)
    except re.error as error:
        raise TemplateError(f"{expression!r} in {path!r} is no expression: {error}") from error
    if compiled.groups:
        raise TemplateError(f"{expression!r} in {path!r} may not have capturing groups")
    return f"(?:{expression})"


def _parts(path: str) -> list[tuple[bool, str]]:
    """Literal stretches and the insides of braces, in order."""
    parts: list[tuple[bool, str]] = []
    depth = start = 0
    for index, character in enumerate(path):
        if character == "{":
            if depth == 0:
                parts.append((True, path[start:index]))
                start = index + 1
            depth += 1
        elif character == "}":
            depth -= 1
            if depth < 0:
                break
            if depth == 0:
                parts.append((False, path[start:index]))
                start = index + 1
    if depth != 0:
        raise TemplateError(f"{path!r} has unbalanced braces")
    parts.append((True, path[start:]))
    return [(literal, part) for literal, part in parts if part or not literal]
