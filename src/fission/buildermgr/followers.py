"""Functions follow their package: which of them are pointed at its new content. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from fission.api import function_types, labels, resources
from fission.buildermgr import catalog
from fission.kube import actions


def plan_follow(
    functions: Iterable[function_types.Function], version: str, changed_at: str = ""
) -> list[actions.Patch]:
    """Point functions at their package as of ``version``, unless they are beyond ``changed_at``.

    ``changed_at`` is the package's version just before its deployment archive changed; without
    one every function that is behind ``version`` follows.
    """
    return [
        actions.Patch(
            resources.FUNCTIONS,
            function.metadata.namespace,
            function.metadata.name,
            {"spec": {"package": {"packageref": {"resourceversion": version}}}},
        )
        for function in functions
        if follows(function) and is_behind(function, version, changed_at)
    ]


def follows(function: function_types.Function) -> bool:
    """Whether its owner lets it follow."""
    stay = function.metadata.annotations.get(labels.DISABLE_PACKAGE_AUTO_FOLLOW, "")
    return stay.lower() != "true" and not function.metadata.deletion_timestamp


def is_behind(function: function_types.Function, version: str, changed_at: str) -> bool:
    """Whether a function runs an older deployment archive, as far as its reference tells."""
    stamped = function.spec.package.package_ref.resource_version
    if stamped == version:
        return False
    if not stamped:
        return True
    limit = changed_at or version
    if stamped == limit:
        return True
    return not catalog.is_older(limit, stamped)
