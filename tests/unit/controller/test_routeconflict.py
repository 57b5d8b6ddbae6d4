"""Which triggers claim the same requests."""

from __future__ import annotations

from typing import Any

import pytest

from fission.controller import routeconflict


def a_trigger(name: str, **spec: Any) -> dict[str, Any]:
    return {"metadata": {"name": name, "namespace": "default"}, "spec": spec}


EXISTING = [a_trigger("old", relativeurl="/a", methods=["GET", "POST"], host="")]


@pytest.mark.parametrize(
    ("spec", "found"),
    [
        ({"relativeurl": "/a", "methods": ["POST"]}, "old"),
        ({"relativeurl": "/a", "method": "get"}, "old"),
        ({"prefix": "/a", "relativeurl": "/x", "methods": ["GET"]}, "old"),
        ({"relativeurl": "/a", "methods": ["DELETE"]}, None),
        ({"relativeurl": "/a", "methods": ["GET"], "host": "example.org"}, None),
        ({"relativeurl": "/b", "methods": ["GET"]}, None),
        ({"relativeurl": "/a"}, None),
    ],
)
def test_same_host_path_and_a_common_method_conflict(
    spec: dict[str, Any], found: str | None
) -> None:
    conflict = routeconflict.find(a_trigger("new", **spec), "default", EXISTING)
    assert conflict == (found and ("default", found))


def test_a_trigger_does_not_conflict_with_itself() -> None:
    assert routeconflict.find(EXISTING[0], "default", EXISTING) is None
