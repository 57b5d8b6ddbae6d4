"""References in triggers → functions. Pure over what the listers know."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fission.api import reference_types
from fission.base import errors
from fission.router import weights

if TYPE_CHECKING:
    from collections.abc import Callable

    from fission.router import targets

    Lookup = Callable[[str, str], targets.Target | None]


class FunctionNotFound(errors.Error):
    """A trigger names a function that is not there; the message names it."""

    reason = "FunctionNotFound"


def resolve(
    reference: reference_types.FunctionReference, namespace: str, lookup: Lookup
) -> weights.Weighted[targets.Target]:
    """The functions that a reference stands for; raises FunctionNotFound."""
    if reference.alias or reference.version:
        what = f"alias {reference.alias!r}" if reference.alias else f"version {reference.version!r}"
        raise FunctionNotFound(
            f"{what} of function {reference.name!r}: aliases and versions are not served"
        )
    if reference.type == reference_types.BY_WEIGHT:
        return _weighted(reference.function_weights or {}, namespace, lookup)
    if reference.type != reference_types.BY_NAME:
        raise FunctionNotFound(f"function reference of unknown type {reference.type!r}")
    return weights.Weighted([(_find(reference.name, namespace, lookup), 1)])


def names(reference: reference_types.FunctionReference) -> list[str]:
    """The functions that a reference names, whether they are there or not."""
    if reference.type == reference_types.BY_WEIGHT:
        return sorted(reference.function_weights or {})
    return [reference.name]


def _weighted(
    shares: dict[str, int], namespace: str, lookup: Lookup
) -> weights.Weighted[targets.Target]:
    pairs = [(_find(name, namespace, lookup), weight) for name, weight in sorted(shares.items())]
    chosen = weights.Weighted(pairs)
    if not chosen.total:
        raise FunctionNotFound("no function has a weight above 0")
    return chosen


def _find(name: str, namespace: str, lookup: Lookup) -> targets.Target:
    found = lookup(namespace, name)
    if found is None:
        raise FunctionNotFound(f"function {name!r} is not in namespace {namespace!r}")
    return found
