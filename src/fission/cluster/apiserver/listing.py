"""Lists: the right revision, selection, pages."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from fission.cluster.apiserver import kinds, options
from fission.cluster.storage import errors, records, store
from fission.meta import status

Matches = Callable[[dict[str, Any]], bool]


@dataclass(frozen=True, slots=True)
class Page:
    records: Sequence[records.Record]
    revision: int
    metadata: dict[str, Any]
    """``continue`` and ``remainingItemCount``, when there is more."""


def matcher(kind: kinds.Kind, asked: options.ListOptions) -> Matches | None:
    """A predicate on stored objects, None for everything; raises BadRequest for unknown fields."""
    wanted_labels, wanted_fields = asked.labels, asked.fields
    if not wanted_labels and not wanted_fields:
        return None
    known = kind.strategy.selectable_names() | {"metadata.name", "metadata.namespace"}
    for field in wanted_fields.fields:
        if field not in known or (field == "metadata.namespace" and not kind.resource.namespaced):
            if kind.strategy.terse_field_errors:
                raise status.BadRequest(f"field label not supported: {field}")
            listed = ", ".join(f'"{name}"' for name in sorted(known))
            raise status.BadRequest(f'"{field}" is not a known field selector: only {listed}')

    def matches(value: dict[str, Any]) -> bool:
        meta = value["metadata"]
        if not wanted_labels.matches(meta.get("labels") or {}):
            return False
        if not wanted_fields:
            return True
        found = {
            **kind.strategy.selectable_fields(value),
            "metadata.name": meta["name"],
            "metadata.namespace": meta.get("namespace") or "",
        }
        return wanted_fields.matches(found)

    return matches


async def read(
    source: store.Store, kind: kinds.Kind, namespace: str | None, asked: options.ListOptions
) -> Page:
    """One page of a list; raises Expired, Timeout and BadRequest."""
    matches = matcher(kind, asked)
    revision, found = await _snapshot(source, kind, namespace, asked)
    if matches is not None:
        found = [record for record in found if matches(record.value)]
    if asked.page is not None:
        found = [record for record in found if _position(record.key) >= asked.page.start]
    limit = asked.limit if asked.resource_version != "0" else 0
    if not limit or len(found) <= limit:
        return Page(found, revision, {})
    page = options.Continue(revision, _position(found[limit].key))
    metadata: dict[str, Any] = {"continue": options.encode_continue(page)}
    if matches is None:
        metadata["remainingItemCount"] = len(found) - limit
    return Page(found[:limit], revision, metadata)


def _position(key: records.Key) -> str:
    return f"{key.namespace}/{key.name}" if key.namespace else key.name


async def _snapshot(
    source: store.Store, kind: kinds.Kind, namespace: str | None, asked: options.ListOptions
) -> tuple[int, list[records.Record]]:
    resource = kind.storage_key
    try:
        if asked.page is not None:
            revision = asked.page.revision
            return revision, await source.list_at(resource, namespace, revision)
        if asked.resource_version and asked.match == "Exact":
            revision = int(asked.resource_version)
            return revision, await source.list_at(resource, namespace, revision)
    except errors.Compacted as error:
        raise _expired(source, asked) from error
    except errors.FutureRevision as error:
        raise too_large(error) from error
    wanted = int(asked.resource_version or 0)
    if wanted > source.revision:
        raise too_large(errors.FutureRevision(wanted, source.revision))
    return source.revision, source.select(resource, namespace)


def too_large(error: errors.FutureRevision) -> status.Timeout:
    cause = status.Cause("ResourceVersionTooLarge", "Too large resource version", "")
    return status.Timeout(
        f"Timeout: {error}", {"causes": [cause.to_dict()], "retryAfterSeconds": 1}
    )


def _expired(source: store.Store, asked: options.ListOptions) -> status.Expired:
    if asked.page is None:
        return status.Expired("The resourceVersion for the provided list is too old.")
    rest = options.Continue(source.revision, asked.page.start)
    return status.Expired(
        "The provided continue parameter is too old to display a consistent list result. You can "
        "start a new list without the continue parameter, or use the continue token in this "
        "response to retrieve the remainder of the results. Continuing with the provided token "
        "results in an inconsistent list - objects that were created, modified, or deleted "
        "between the time the first chunk was returned and now may show up in the list.",
        metadata={"continue": options.encode_continue(rest)},
    )
