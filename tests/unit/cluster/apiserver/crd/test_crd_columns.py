"""Cells of printer columns."""

from typing import Any

import pytest

from fission.cluster.apiserver.crd import columns

OBJECT = {
    "metadata": {"annotations": {"a.b/c": "dotted"}},
    "spec": {"n": 3, "f": 1.5, "b": False, "ports": [{"name": "x", "p": 1}, {"name": "y", "p": 2}]},
    "status": {
        "conditions": [
            {"type": "Ready", "status": "True"},
            {"type": "Built", "status": "False"},
        ]
    },
}


@pytest.mark.parametrize(
    ("path", "type_", "cell"),
    [
        (".spec.n", "integer", 3),
        (".spec.f", "number", 1.5),
        (".spec.b", "boolean", False),
        (".spec.b", "string", "false"),
        (".spec.n", "string", "3"),
        (".spec.missing", "string", None),
        (".spec.ports[*].name", "string", "x,y"),
        (".spec.ports[1].name", "string", "y"),
        (".spec.ports[-1].p", "integer", 2),
        (".spec.ports[9].p", "integer", None),
        (".status.conditions[?(@.type=='Ready')].status", "string", "True"),
        ('.status.conditions[?(@.type == "Gone")].status', "string", None),
        (".spec.ports[?(@.p > 1)].name", "string", "y"),
        (".metadata.annotations['a.b/c']", "string", "dotted"),
        ("{.spec.n}", "integer", 3),
        (".spec.ports", "integer", None),
        (".spec.ports[0]", "string", '{"name":"x","p":1}'),
    ],
)
def test_cells(path: str, type_: str, cell: Any) -> None:
    assert columns.cell(OBJECT, path, type_) == cell


@pytest.mark.parametrize("path", ["spec", ".spec[", ".a..b", ".a[?(@.x =~ 'y')]", ""])
def test_paths_beyond_this_subset_are_refused(path: str) -> None:
    with pytest.raises(columns.PathError):
        columns.parse(path)
