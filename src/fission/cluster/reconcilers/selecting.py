"""Who selects whom, without going through all of either: a change of one pod concerns few.

``candidates`` finds the objects that a plain selector may match, ``Selectors`` the owners whose
plain selectors match an object. Both look up instead of comparing, so what a pod costs does not
grow with the pods and Services that are there already.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from fission.cluster.reconcilers import informers
from fission.kube import lister

Obj = dict[str, Any]
_Names = tuple[str, ...]
_Values = tuple[str, ...]


def candidates(found: lister.Lister[Obj], namespace: str, wanted: Mapping[str, str]) -> list[Obj]:
    """All objects that have the wanted labels, and some that do not: those with the rarest one.

    Needs the index ``informers.BY_LABEL``, and at least one wanted label.
    """
    values = [informers.label_of(namespace, name, value) for name, value in wanted.items()]
    rarest = min(values, key=lambda value: len(found.keys_by_index(informers.BY_LABEL, value)))
    return found.by_index(informers.BY_LABEL, rarest)


class Selectors:
    """Owners by what they select: sets of label names, and under each the values wanted.

    Owners are many, the sets of names that their selectors speak of are few.
    """

    def __init__(self) -> None:
        self._wanted: dict[lister.Key, tuple[_Names, _Values]] = {}
        self._owners: dict[str, dict[_Names, dict[_Values, set[lister.Key]]]] = {}
        """By namespace."""

    def put(self, key: lister.Key, wanted: Mapping[str, str]) -> None:
        """An owner selects objects of its namespace with these labels; none: it selects nothing."""
        self.drop(key)
        if not wanted:
            return
        names = tuple(sorted(wanted))
        values = tuple(wanted[name] for name in names)
        self._wanted[key] = names, values
        by_names = self._owners.setdefault(key[0], {})
        by_names.setdefault(names, {}).setdefault(values, set()).add(key)

    def drop(self, key: lister.Key) -> None:
        """An owner is gone, if it was there."""
        known = self._wanted.pop(key, None)
        if known is None:
            return
        names, values = known
        by_names = self._owners[key[0]]
        by_values = by_names[names]
        by_values[values].discard(key)
        if not by_values[values]:
            del by_values[values]
        if not by_values:
            del by_names[names]

    def matching(self, namespace: str, found: Mapping[str, str]) -> Iterator[lister.Key]:
        """The owners that select an object with these labels."""
        for names, by_values in self._owners.get(namespace, {}).items():
            if all(name in found for name in names):
                yield from by_values.get(tuple(found[name] for name in names), ())
