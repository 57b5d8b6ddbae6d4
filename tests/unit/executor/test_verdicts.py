"""What a Function's conditions say, and which executor it gets."""

from __future__ import annotations

import datetime

import pytest

from fission.api import function_types
from fission.base import errors as base_errors
from fission.executor import catalog, config, dispatch, errors, verdicts
from fission.meta import conditions, objectmeta

NOW = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
WELL = verdicts.Surroundings()
TRACEBACK = verdicts.Verdict(1, verdicts.FAILED, "Traceback")


def a_function(executor_type: str = "", generation: int = 1) -> function_types.Function:
    function = function_types.Function(
        metadata=objectmeta.ObjectMeta(
            name="hello", namespace="default", uid="u", generation=generation
        )
    )
    function.spec.invoke_strategy.execution_strategy.executor_type = executor_type
    return function


def ready(
    function: function_types.Function,
    around: verdicts.Surroundings,
    verdict: verdicts.Verdict | None,
) -> tuple[str, str, str]:
    status = verdicts.plan_status(function, around, verdict, NOW)
    assert status is not None
    found = conditions.get(status.conditions, "Ready")
    assert found is not None
    return found["status"], found["reason"], found["message"]


def test_a_function_with_nothing_in_its_way_is_ready() -> None:
    assert ready(a_function(), WELL, None)[:2] == ("True", "Ready")


def test_the_first_thing_in_the_way_is_named() -> None:
    around = verdicts.Surroundings(environment=("EnvironmentNotFound", "no python"))
    assert ready(a_function(), around, None) == ("False", "EnvironmentNotFound", "no python")


def test_code_that_does_not_load_is_the_reason_until_the_function_changes() -> None:
    function = a_function()
    assert ready(function, WELL, TRACEBACK) == ("False", "SpecializationFailed", "Traceback")
    status = verdicts.plan_status(function, WELL, TRACEBACK, NOW)
    assert status is not None
    function.status = status
    # A restarted executor remembers nothing, the condition does.
    assert verdicts.plan_status(function, WELL, None, NOW) is None
    function.metadata.generation = 2
    assert ready(function, WELL, TRACEBACK)[0] == "True"


def test_nothing_new_is_nothing_to_write() -> None:
    function = a_function()
    status = verdicts.plan_status(function, WELL, None, NOW)
    assert status is not None
    assert function.status.conditions == []
    function.status = status
    later = NOW + datetime.timedelta(hours=1)
    assert verdicts.plan_status(function, WELL, verdicts.Verdict(1), later) is None


def test_a_function_without_a_package_has_no_condition_that_speaks_of_one() -> None:
    function = a_function("container")
    function.status = verdicts.plan_status(function, WELL, None, NOW) or function.status
    assert conditions.get(function.status.conditions, "PackageReady")
    status = verdicts.plan_status(function, verdicts.Surroundings(has_package=False), None, NOW)
    assert status is not None
    assert [one["type"] for one in status.conditions] == ["Ready"]


def test_of_a_long_traceback_the_end_is_kept() -> None:
    assert verdicts.tail("x" * 10 + "end", 5) == "…xend"


def test_an_executor_type_that_is_not_there_is_refused_with_those_that_are() -> None:
    table = dispatch.Dispatch({"poolmgr": object()})  # type: ignore[dict-item]
    assert table.supports(a_function(""))
    assert table.by_type("") is not None
    with pytest.raises(errors.UnsupportedExecutorType, match="supported: poolmgr"):
        table.executor(a_function("container"))


@pytest.mark.parametrize(
    ("found", "wanted", "older"),
    [("5", "4", False), ("4", "4", False), ("4", "", False), ("4", "5", True), ("a", "b", True)],
)
def test_a_package_older_than_the_function_says_is_asked_for_again(
    found: str, wanted: str, older: bool
) -> None:
    assert catalog.is_older(found, wanted) is older


@pytest.mark.parametrize(
    ("env", "namespace"),
    [
        ({}, "default"),
        ({"FISSION_TENANCY_MODE": "cluster"}, None),
        ({"FISSION_RESOURCE_NAMESPACES": "a,b"}, None),
    ],
)
def test_which_namespaces_are_watched(env: dict[str, str], namespace: str | None) -> None:
    assert config.from_env(env).watched_namespace == namespace


@pytest.mark.parametrize(
    "env",
    [
        {"FISSION_TENANCY_MODE": "free"},
        {"EXECUTOR_MAX_PENDING_SPECIALIZATIONS_PER_FUNCTION": "0"},
        {"OBJECT_REAPER_INTERVAL": "0"},
        {"POD_READY_TIMEOUT": "soon"},
    ],
)
def test_a_bad_setting_stops_the_process_by_name(env: dict[str, str]) -> None:
    with pytest.raises(base_errors.SettingsError, match=next(iter(env))):
        config.from_env(env)
