"""Tables: what ``kubectl get`` prints. Cells per kind are in ``columns``."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from typing import Any

from fission.cluster.apiserver import columns, hooks, jsonpath, kinds
from fission.cluster.apiserver.strategies import custom
from fission.meta import status

Object = dict[str, Any]

INCLUDES = ("None", "Metadata", "Object")


def check_include(include: str) -> None:
    """``includeObject`` of the query; raises BadRequest."""
    if include and include not in INCLUDES:
        raise status.BadRequest(
            f'Unable to convert to Table as requested: includeObject: Invalid value: "{include}": '
            "must be 'Metadata', 'Object', 'None', or empty"
        )


def make_table(
    kind: kinds.Kind,
    values: Sequence[Object],
    metadata: Object,
    include: str,
    now: datetime.datetime,
    version: str,
) -> Object:
    """A ``meta.k8s.io`` Table of presented objects."""
    definitions, cells_of = _layout(kind, now)
    rows = []
    for value in values:
        row: Object = {"cells": cells_of(value)}
        if include == "Object":
            row["object"] = value
        elif include == "Metadata":
            row["object"] = {
                "kind": "PartialObjectMetadata",
                "apiVersion": f"meta.k8s.io/{version}",
                "metadata": value["metadata"],
            }
        else:
            row["object"] = None
        rows.append(row)
    return {
        "kind": "Table",
        "apiVersion": f"meta.k8s.io/{version}",
        "metadata": metadata,
        "columnDefinitions": [
            {
                "name": column.name,
                "type": column.type,
                "format": column.format,
                "description": column.description,
                "priority": column.priority,
            }
            for column in definitions
        ],
        "rows": rows,
    }


def _layout(
    kind: kinds.Kind, now: datetime.datetime
) -> tuple[Sequence[columns.Column], columns.Cells]:
    if kind.custom is None:
        layout = columns.BUILTIN.get(kind.resource.kind, columns.PLAIN)
        return layout.columns, lambda value: layout.cells(value, now)
    name = columns.NAME
    if not kind.custom.columns:
        created = columns.Column("Age", "date")
        return (name, created), lambda value: [
            value["metadata"]["name"],
            columns.age(value["metadata"].get("creationTimestamp"), now),
        ]
    declared = kind.custom.columns
    definitions = [
        columns.Column(c.name, c.type, c.priority, c.format, _described(c)) for c in declared
    ]

    def cells(value: Object) -> list[Any]:
        found = [_custom_cell(jsonpath.first(value, c.json_path), c.type, now) for c in declared]
        return [value["metadata"]["name"], *found]

    return (name, *definitions), cells


def _described(column: hooks.PrinterColumn) -> str:
    return column.description or (
        f"Custom resource definition column (in JSONPath format): {column.json_path}"
    )


def _custom_cell(value: Any, type_: str, now: datetime.datetime) -> Any:
    if value is None:
        return None
    if type_ == "date":
        return columns.age(str(value), now)
    if type_ in ("integer", "number", "boolean"):
        return value
    if isinstance(value, (dict, list)):
        return status.format_value(value)
    return custom.text_of(value)
