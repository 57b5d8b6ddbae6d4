"""Which functions are pointed at their package's new content."""

from __future__ import annotations

import pytest

from fission.api import function_types
from fission.buildermgr import followers


def a_function(stamp: str, annotations: dict[str, str] | None = None) -> function_types.Function:
    function = function_types.Function()
    function.metadata.name, function.metadata.namespace = "hello", "default"
    function.metadata.annotations = annotations or {}
    function.spec.package.package_ref.resource_version = stamp
    return function


@pytest.mark.parametrize(
    ("stamp", "changed_at", "follows"),
    [
        ("100", "100", True),  # made with the package as it was before
        ("99", "100", True),
        ("", "100", True),
        ("101", "100", False),  # pointed at it since
        ("105", "100", False),
        ("100", "", True),
        ("105", "", False),
        ("110", "", False),
    ],
)
def test_functions_behind_the_change_follow(stamp: str, changed_at: str, follows: bool) -> None:
    planned = followers.plan_follow([a_function(stamp)], "105", changed_at)
    assert [one.patch for one in planned] == (
        [{"spec": {"package": {"packageref": {"resourceversion": "105"}}}}] if follows else []
    )


def test_one_that_is_told_to_stay_stays() -> None:
    staying = a_function("1", {"fission.io/disable-package-auto-follow": "true"})
    assert followers.plan_follow([staying], "105", "100") == []
