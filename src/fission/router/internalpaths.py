"""Paths of the internal listener → the function meant, and the path that it sees. Pure."""

from __future__ import annotations

import urllib.parse
from typing import TYPE_CHECKING

from fission.contracts import invocation

if TYPE_CHECKING:
    from collections.abc import Callable

    from fission.router import targets

    Lookup = Callable[[str, str], targets.Target | None]


def find(path: str, lookup: Lookup) -> tuple[targets.Target, str] | None:
    """The function and the rest of the path; None when the path names none.

    `/fission-function/a/b` is function `b` of namespace `a` if there is one, else function `a` of
    the default namespace called with `/b`. The default namespace has no long form.
    """
    if not path.startswith(invocation.PREFIX):
        return None
    parts = path[len(invocation.PREFIX) :].split("/", 2)
    first = urllib.parse.unquote(parts[0])
    if len(parts) > 1 and first != invocation.DEFAULT_NAMESPACE:
        found = lookup(first, urllib.parse.unquote(parts[1]))
        if found is not None:
            return found, "/" + (parts[2] if len(parts) > 2 else "")
    found = lookup(invocation.DEFAULT_NAMESPACE, first)
    if found is None:
        return None
    return found, "/" + "/".join(parts[1:])
