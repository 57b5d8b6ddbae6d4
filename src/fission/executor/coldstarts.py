"""How often functions were started for a request that waited, for the metrics page."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fission.api import function_types


class ColdStarts:
    """Counts of this process by function, until it is deleted."""

    def __init__(self) -> None:
        self._counts: dict[tuple[str, str], int] = {}

    def count(self, function: function_types.Function) -> None:
        """A function was started."""
        key = (function.metadata.namespace, function.metadata.name)
        self._counts[key] = self._counts.get(key, 0) + 1

    def changed(
        self, before: function_types.Function | None, after: function_types.Function | None
    ) -> None:
        """A function was deleted: its series ends, so that they stay bounded."""
        if after is None and before is not None:
            self._counts.pop((before.metadata.namespace, before.metadata.name), None)

    def items(self) -> Iterator[tuple[tuple[str, str], int]]:
        """Namespace and name, and how often."""
        yield from list(self._counts.items())
