"""What an informer knows: objects by namespace and name, and by indexes. Read-only for others.

The store is written by one informer; everybody else gets its ``Lister``. An index maps an object
to the values it is found under, and is kept up to date with every change.

A packed store holds each object as the text that it came as and decodes it at each look: an object
costs a fraction of its decoded form, and a look some 20 µs. For collections that may be large, of
which few objects are looked at.
"""

from __future__ import annotations

import builtins
import sys
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Generic, TypeVar

T = TypeVar("T")

Key = tuple[str, str]
"""Namespace ("" for cluster-wide objects) and name."""
IndexFunction = Callable[[T], Iterable[str]]


def key_of(obj: dict[str, Any]) -> Key:
    """The key of a wire object."""
    metadata = obj["metadata"]
    return sys.intern(metadata.get("namespace") or ""), metadata["name"]


class Lister(Generic[T]):
    """Lookups in what has been seen; values belong to the informer: copy before changing."""

    def __init__(self, unpack: Callable[[Any], T] | None = None) -> None:
        self._objects: dict[Key, Any] = {}
        self._unpack = unpack
        self._indexes: dict[str, _Index[T]] = {}

    def __len__(self) -> int:
        return len(self._objects)

    def get(self, namespace: str | None, name: str) -> T | None:
        return self._open(self._objects.get((namespace or "", name)))

    def list(self, namespace: str | None = None) -> builtins.list[T]:
        """All objects, or those of one namespace, in no particular order."""
        kept = self._objects.items()
        values = [value for key, value in kept if namespace is None or key[0] == namespace]
        return values if self._unpack is None else [self._unpack(value) for value in values]

    def by_index(self, name: str, value: str) -> builtins.list[T]:
        """The objects that an index finds under a value."""
        values = [self._objects[key] for key in self._indexes[name].keys(value)]
        return values if self._unpack is None else [self._unpack(value) for value in values]

    def keys_by_index(self, name: str, value: str) -> builtins.list[Key]:
        """Namespaces and names of those objects: of many packed ones the cheaper question."""
        return list(self._indexes[name].keys(value))

    def index_values(self, name: str) -> Iterator[str]:
        """The values that an index knows at the moment."""
        return iter(list(self._indexes[name].entries))

    def _open(self, value: Any) -> T | None:
        found: T | None = value
        return found if value is None or self._unpack is None else self._unpack(value)


class Store(Lister[T]):
    """A lister's writing side, for its informer alone."""

    def add_index(self, name: str, function: IndexFunction[T]) -> None:
        """Add an index, filled from what is there."""
        if name in self._indexes:
            raise ValueError(f"index {name!r} exists already")
        index = self._indexes[name] = _Index(function)
        for key in self._objects:
            value = self.get(*key)
            assert value is not None
            index.put(key, value)

    def put(self, key: Key, value: T, packed: Any = None) -> T | None:
        """Store a value, or what it is unpacked from, and return the one that it replaces."""
        old = self.get(*key)
        for index in self._indexes.values():
            if old is not None:
                index.drop(key, old)
            index.put(key, value)
        self._objects[key] = value if self._unpack is None else packed
        return old

    def drop(self, key: Key) -> T | None:
        """Remove a value and return it; None when there was none."""
        old = self._open(self._objects.pop(key, None))
        if old is not None:
            for index in self._indexes.values():
                index.drop(key, old)
        return old

    def keys(self) -> builtins.list[Key]:
        return list(self._objects)


class _Index(Generic[T]):
    """Keys by the values that a function gives; a single key stands there without a container."""

    def __init__(self, function: IndexFunction[T]) -> None:
        self._function = function
        self.entries: dict[str, Key | dict[Key, None]] = {}

    def keys(self, name: str) -> Iterable[Key]:
        found = self.entries.get(name)
        if found is None:
            return ()
        return found if isinstance(found, dict) else (found,)

    def put(self, key: Key, value: T) -> None:
        for name in set(self._function(value)):
            found = self.entries.get(name)
            if found is None or found == key:
                self.entries[name] = key
            elif isinstance(found, dict):
                found[key] = None
            else:
                self.entries[name] = {found: None, key: None}

    def drop(self, key: Key, value: T) -> None:
        for name in set(self._function(value)):
            found = self.entries.get(name)
            if isinstance(found, dict):
                found.pop(key, None)
                if not found:
                    del self.entries[name]
            elif found == key:
                del self.entries[name]
