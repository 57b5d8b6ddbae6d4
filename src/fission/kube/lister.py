"""What an informer knows: objects by namespace and name, and by indexes. Read-only for others.

The store is written by one informer; everybody else gets its ``Lister``. An index maps an object
to the values it is found under, and is kept up to date with every change.
"""

from __future__ import annotations

import builtins
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Generic, TypeVar

T = TypeVar("T")

Key = tuple[str, str]
"""Namespace ("" for cluster-wide objects) and name."""
IndexFunction = Callable[[T], Iterable[str]]


def key_of(obj: dict[str, Any]) -> Key:
    """The key of a wire object."""
    metadata = obj["metadata"]
    return metadata.get("namespace") or "", metadata["name"]


class Lister(Generic[T]):
    """Lookups in what has been seen; values belong to the informer: copy before changing."""

    def __init__(self) -> None:
        self._objects: dict[Key, T] = {}
        self._indexes: dict[str, _Index[T]] = {}

    def __len__(self) -> int:
        return len(self._objects)

    def get(self, namespace: str | None, name: str) -> T | None:
        return self._objects.get((namespace or "", name))

    def list(self, namespace: str | None = None) -> builtins.list[T]:
        """All objects, or those of one namespace, in no particular order."""
        if namespace is None:
            return list(self._objects.values())
        return [value for key, value in self._objects.items() if key[0] == namespace]

    def by_index(self, name: str, value: str) -> builtins.list[T]:
        """The objects that an index finds under a value."""
        return list(self._indexes[name].entries.get(value, {}).values())

    def index_values(self, name: str) -> Iterator[str]:
        """The values that an index knows at the moment."""
        return iter(list(self._indexes[name].entries))


class Store(Lister[T]):
    """A lister's writing side, for its informer alone."""

    def add_index(self, name: str, function: IndexFunction[T]) -> None:
        """Add an index, filled from what is there."""
        if name in self._indexes:
            raise ValueError(f"index {name!r} exists already")
        index = self._indexes[name] = _Index(function)
        for key, value in self._objects.items():
            index.put(key, value)

    def put(self, key: Key, value: T) -> T | None:
        """Store a value and return the one that it replaces."""
        old = self._objects.get(key)
        for index in self._indexes.values():
            if old is not None:
                index.drop(key, old)
            index.put(key, value)
        self._objects[key] = value
        return old

    def drop(self, key: Key) -> T | None:
        """Remove a value and return it; None when there was none."""
        old = self._objects.pop(key, None)
        if old is not None:
            for index in self._indexes.values():
                index.drop(key, old)
        return old

    def keys(self) -> builtins.list[Key]:
        return list(self._objects)


class _Index(Generic[T]):
    def __init__(self, function: IndexFunction[T]) -> None:
        self._function = function
        self.entries: dict[str, dict[Key, T]] = {}

    def put(self, key: Key, value: T) -> None:
        for name in set(self._function(value)):
            self.entries.setdefault(name, {})[key] = value

    def drop(self, key: Key, value: T) -> None:
        for name in set(self._function(value)):
            found = self.entries.get(name)
            if found is not None:
                found.pop(key, None)
                if not found:
                    del self.entries[name]
