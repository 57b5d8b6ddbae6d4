"""Objects → response bodies in the representation that was asked for. Pure but for the clock."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Sequence
from typing import Any

import orjson

from fission.cluster.apiserver import kinds, negotiation, tables
from fission.cluster.storage import records
from fission.meta import gvk

Object = dict[str, Any]


def encode(obj: Any, accepted: negotiation.Accepted) -> bytes:
    """JSON (indented for people) or YAML."""
    if accepted.media == negotiation.YAML:
        import yaml

        dumper = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
        return bytes(yaml.dump(obj, Dumper=dumper, encoding="utf-8", allow_unicode=True))
    option = orjson.OPT_APPEND_NEWLINE
    if accepted.pretty:
        option |= orjson.OPT_INDENT_2
    return orjson.dumps(obj, option=option)


def partial(value: Object, version: str) -> Object:
    """A PartialObjectMetadata."""
    return {
        "kind": "PartialObjectMetadata",
        "apiVersion": f"meta.k8s.io/{version}",
        "metadata": value["metadata"],
    }


class Renderer:
    """Shapes objects, lists and watch events for one kind."""

    def __init__(
        self,
        kind: kinds.Kind,
        accepted: negotiation.Accepted,
        include: str,
        now: Callable[[], datetime.datetime],
    ) -> None:
        self._kind = kind
        self._accepted = accepted
        self._include = include or "Metadata"
        self._now = now
        self._columns_sent = False

    def object(self, value: Object) -> bytes:
        """One object, as the answer to a read or a write."""
        shown = self._kind.present(value)
        if self._accepted.shape == "Table":
            return encode(
                self._table([shown], shown["metadata"]["resourceVersion"]), self._accepted
            )
        if self._accepted.shape == "PartialObjectMetadata":
            shown = partial(shown, self._accepted.version)
        return encode(shown, self._accepted)

    def _table(self, values: Sequence[Object], revision: str, **meta: Any) -> Object:
        return tables.make_table(
            self._kind,
            values,
            {"resourceVersion": revision, **meta},
            self._include,
            self._now(),
            self._accepted.version or "v1",
        )

    # --- lists ---

    def list(self, found: Sequence[records.Record], revision: int, meta: Object) -> bytes:
        """A list; the plain JSON form is joined from the stored bytes."""
        metadata = {"resourceVersion": str(revision), **meta}
        if self._kind.strategy.type_meta_in_lists and not self._accepted.shape:
            metadata.setdefault("continue", "")
        shape = self._accepted.shape
        compact = self._accepted.media == negotiation.JSON and not self._accepted.pretty
        if compact and self.plain:
            return self._joined(found, metadata)
        values = [self._kind.present(record.value) for record in found]
        if shape == "Table":
            return encode(self._table(values, str(revision), **meta), self._accepted)
        kind, version = self._kind.list_kind, self._kind.resource.api_version
        if shape:
            kind = "PartialObjectMetadataList"
            version = f"meta.k8s.io/{self._accepted.version}"
            values = [{"metadata": value["metadata"]} for value in values]
        elif not self._kind.strategy.type_meta_in_lists:
            values = [_without_type(value) for value in values]
        body = {"kind": kind, "apiVersion": version, "metadata": metadata, "items": values}
        return encode(body, self._accepted)

    def _joined(self, found: Sequence[records.Record], metadata: Object) -> bytes:
        head = {
            "kind": self._kind.list_kind,
            "apiVersion": self._kind.resource.api_version,
            "metadata": metadata,
        }
        if self._kind.strategy.type_meta_in_lists:
            items = [record.data for record in found]
        else:
            cut = type_prefix_length(self._kind.resource)
            items = [b"{" + record.data[cut:] for record in found]
        return orjson.dumps(head)[:-1] + b',"items":[' + b",".join(items) + b"]}\n"

    # --- watches ---

    @property
    def plain(self) -> bool:
        """Watch lines are the stored bytes, shared by all watchers."""
        return not self._accepted.shape and self._kind.from_stored is None

    def line(self, type_: str, value: Object) -> bytes:
        """One watch line of a stored object."""
        shown = self._kind.present(value)
        if self._accepted.shape == "Table":
            table = self._table([shown], shown["metadata"]["resourceVersion"])
            if self._columns_sent:
                table["columnDefinitions"] = None
            self._columns_sent = True
            shown = table
        elif self._accepted.shape:
            shown = partial(shown, self._accepted.version)
        return orjson.dumps({"type": type_, "object": shown}) + b"\n"

    def bookmark(self, revision: int, *, ends_initial_events: bool = False) -> bytes:
        metadata: Object = {"resourceVersion": str(revision), "creationTimestamp": None}
        if ends_initial_events:
            metadata["annotations"] = {"k8s.io/initial-events-end": "true"}
        shown: Object = {
            "kind": self._kind.resource.kind,
            "apiVersion": self._kind.resource.api_version,
            "metadata": metadata,
        }
        if self._accepted.shape == "Table":
            metadata.pop("creationTimestamp")
            shown = {
                "kind": "Table",
                "apiVersion": f"meta.k8s.io/{self._accepted.version}",
                "metadata": metadata,
                "columnDefinitions": None,
                "rows": [],
            }
        elif self._accepted.shape:
            shown = partial(shown, self._accepted.version)
        return orjson.dumps({"type": "BOOKMARK", "object": shown}) + b"\n"


def type_prefix_length(resource: gvk.Resource) -> int:
    """Bytes of ``{"kind":…,"apiVersion":…,`` at the start of a stored object."""
    head = orjson.dumps({"kind": resource.kind, "apiVersion": resource.api_version})
    return len(head)


def _without_type(value: Object) -> Object:
    return {key: item for key, item in value.items() if key not in ("kind", "apiVersion")}
