"""Header lists as people use them: ordered pairs, looked up without regard to case."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from fission_http import head as heads


class Headers:
    """An ordered multi-map of header names and values; never changed after it is made."""

    __slots__ = ("_by_name", "_pairs")

    def __init__(self, pairs: Iterable[tuple[str, str]] = ()) -> None:
        self._pairs = list(pairs)
        self._by_name: dict[str, list[str]] | None = None

    @classmethod
    def of(cls, head: heads.Head) -> Headers:
        """The headers of a scanned head, read as Latin-1."""
        return cls((n.decode("latin-1"), v.decode("latin-1")) for n, v in head.headers)

    def get(self, name: str, default: str | None = None) -> str | None:
        """The first value of a header."""
        values = self._index().get(name.lower())
        return values[0] if values else default

    def get_all(self, name: str) -> list[str]:
        """Every value of a header, in order."""
        return list(self._index().get(name.lower(), ()))

    def items(self) -> list[tuple[str, str]]:
        """The pairs as received."""
        return list(self._pairs)

    def __getitem__(self, name: str) -> str:
        return self._index()[name.lower()][0]

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and name.lower() in self._index()

    def __iter__(self) -> Iterator[tuple[str, str]]:
        return iter(self._pairs)

    def __len__(self) -> int:
        return len(self._pairs)

    def __repr__(self) -> str:
        return f"Headers({self._pairs!r})"

    def _index(self) -> dict[str, list[str]]:
        if self._by_name is None:
            index: dict[str, list[str]] = {}
            for name, value in self._pairs:
                index.setdefault(name.lower(), []).append(value)
            self._by_name = index
        return self._by_name
