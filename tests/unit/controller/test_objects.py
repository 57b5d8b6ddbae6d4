"""What a body may be."""

from __future__ import annotations

from typing import Any

import pytest

from fission.api import resources
from fission.base import errors
from fission.controller import objects


def test_kind_and_namespace_are_filled_in() -> None:
    body = {"metadata": {"name": "f", "creationTimestamp": None}, "spec": {}}
    obj, namespace = objects.decode(resources.FUNCTIONS, body)
    assert namespace == "default"
    assert obj == {
        "apiVersion": "fission.io/v1",
        "kind": "Function",
        "metadata": {"name": "f", "namespace": "default"},
        "spec": {},
    }


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ([], "not an object with metadata"),
        ({"metadata": {}}, "metadata.name is empty"),
        ({"kind": "Package", "metadata": {"name": "x"}}, "found 'Package', this path takes"),
    ],
)
def test_what_is_no_object_of_the_kind_is_refused(body: Any, message: str) -> None:
    with pytest.raises(errors.InvalidInput, match=message):
        objects.decode(resources.FUNCTIONS, body)
