"""Variables of a container as Kubernetes declares them: `env` and `envFrom`. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from fission.meta import gvk

Obj = Mapping[str, Any]

NAME: Final = re.compile(r"[-._a-zA-Z][-._a-zA-Z0-9]*")
"""What a key of `envFrom` must look like; others are left out, as the kubelet does."""
_REFERENCE: Final = re.compile(r"\$(\$)?\(([^()\s]+)\)|\$\$")
_FROM: Final = (("configMapRef", gvk.CONFIGMAPS.kind), ("secretRef", gvk.SECRETS.kind))
_KEYS: Final = (("configMapKeyRef", gvk.CONFIGMAPS.kind), ("secretKeyRef", gvk.SECRETS.kind))


@dataclass(frozen=True, slots=True)
class Reference:
    """A Secret or ConfigMap of the same namespace that gives one variable, or many."""

    kind: str
    name: str
    key: str = ""
    """Of one variable; empty for all of them."""
    is_optional: bool = False


def of_entry(entry: Obj) -> Reference | None:
    """What an entry of `env` refers to; None when it says its value itself."""
    source = entry.get("valueFrom") or {}
    return _reference(source, _KEYS)


def of_source(source: Obj) -> Reference | None:
    """What an entry of `envFrom` refers to."""
    return _reference(source, _FROM)


def references(env: Sequence[Obj], env_from: Sequence[Obj]) -> list[Reference]:
    """Everything that both refer to, in order."""
    found: Iterable[Reference | None] = (*map(of_source, env_from), *map(of_entry, env))
    return [each for each in found if each is not None]


def expand(text: str, env: Mapping[str, str]) -> str:
    """Replace `$(NAME)`; `$$(NAME)` stays as text, an unknown name as it is written."""

    def replace(match: re.Match[str]) -> str:
        if match.group(2) is None:
            return "$"
        if match.group(1):
            return f"$({match.group(2)})"
        return env.get(match.group(2), match.group(0))

    return _REFERENCE.sub(replace, text)


def _reference(source: Obj, kinds: Iterable[tuple[str, str]]) -> Reference | None:
    for field, kind in kinds:
        found = source.get(field)
        if found is not None:
            name, key = str(found.get("name") or ""), str(found.get("key") or "")
            return Reference(kind, name, key, bool(found.get("optional")))
    return None
