"""Header lists as people use them: ordered pairs, looked up without regard to case."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from fission_http import head as heads


class Headers:
    """An ordered multi-map of header names and values; never changed after it is made."""

    __slots__ = ("_by_name", "_head", "_known")

    def __init__(self, pairs: Iterable[tuple[str, str]] = ()) -> None:
        self._head: heads.Head | None = None
        self._known: list[tuple[str, str]] | None = list(pairs)
        self._by_name: dict[str, list[str]] | None = None

    @classmethod
    def of(cls, head: heads.Head) -> Headers:
        """The headers of a scanned head, read as Latin-1."""
        made = cls()
        made._head, made._known = head, None
        return made

    def get(self, name: str, default: str | None = None) -> str | None:
        """The first value of a header."""
        if self._head is not None and self._by_name is None:
            # Whoever asks for one or two has no use for an index of all.
            value = self._head.get(name.lower().encode("latin-1", "replace"))
            return default if value is None else value.decode("latin-1")
        values = self._index().get(name.lower())
        return values[0] if values else default

    def get_all(self, name: str) -> list[str]:
        """Every value of a header, in order."""
        return list(self._index().get(name.lower(), ()))

    def items(self) -> list[tuple[str, str]]:
        """The pairs as received."""
        return list(self._pairs)

    @property
    def _pairs(self) -> list[tuple[str, str]]:
        if self._known is None:
            assert self._head is not None
            self._known = [
                (name.decode("latin-1"), value.decode("latin-1"))
                for name, value in self._head.headers
            ]
        return self._known

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
