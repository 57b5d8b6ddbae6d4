"""The conditions that a Function goes through. The executor is the one writer."""

import datetime

from fission.api import conditions, function_types


def mark_ready(
    function: function_types.Function, now: datetime.datetime, message: str = ""
) -> bool:
    """A pod was specialized, or can be."""
    text = message or "the function can be called"
    return _mark(function, conditions.READY, conditions.TRUE, "Ready", text, now)


def mark_not_ready(
    function: function_types.Function, reason: str, message: str, now: datetime.datetime
) -> bool:
    """It cannot be called, and why: ``SpecializationFailed``, ``EnvironmentNotFound``, …"""
    return _mark(function, conditions.READY, conditions.FALSE, reason, message, now)


def mark_package_ready(function: function_types.Function, now: datetime.datetime) -> bool:
    """Its package is built, or needs no build."""
    return _mark(
        function,
        conditions.PACKAGE_READY,
        conditions.TRUE,
        "PackageReady",
        "the package can be loaded",
        now,
    )


def mark_package_not_ready(
    function: function_types.Function, reason: str, message: str, now: datetime.datetime
) -> bool:
    """Its package is missing, being built, or failed to build."""
    return _mark(function, conditions.PACKAGE_READY, conditions.FALSE, reason, message, now)


def drop_package(function: function_types.Function) -> bool:
    """It has no package: nothing is said of one."""
    there = function.status.conditions
    kept = [one for one in there if one.get("type") != conditions.PACKAGE_READY]
    function.status.conditions = kept
    return len(kept) != len(there)


def mark_provisioned(
    function: function_types.Function,
    numbers: tuple[int, int, int],
    said: tuple[str, str, str],
    now: datetime.datetime,
) -> bool:
    """``numbers``: pods ready, aimed at, asked for; ``said``: the condition's value, reason and
    message."""
    status = function.status
    before = (status.provisioned_ready, status.provisioned_target, status.provisioned_spec_target)
    status.provisioned_ready, status.provisioned_target, status.provisioned_spec_target = numbers
    return _mark(function, conditions.PROVISIONED, *said, now) or before != numbers


def drop_provisioned(function: function_types.Function) -> bool:
    """It keeps no pods ahead of requests: nothing is said of any."""
    status = function.status
    kept = [one for one in status.conditions if one.get("type") != conditions.PROVISIONED]
    is_said = len(kept) != len(status.conditions)
    numbers = status.provisioned_ready, status.provisioned_target, status.provisioned_spec_target
    status.conditions = kept
    status.provisioned_ready = status.provisioned_target = status.provisioned_spec_target = 0
    return is_said or any(numbers)


def is_ready(function: function_types.Function) -> bool:
    """Ready as of the spec that it has."""
    return conditions.is_ready(function.status, function.metadata.generation)


def _mark(
    function: function_types.Function,
    type_: str,
    value: str,
    reason: str,
    message: str,
    now: datetime.datetime,
) -> bool:
    generation = function.metadata.generation
    return conditions.mark(function.status, type_, value, reason, message, generation, now)
