import datetime

from fission.api import (
    canaryconfig_lifecycle,
    canaryconfig_types,
    conditions,
    function_lifecycle,
    function_types,
    httptrigger_lifecycle,
    httptrigger_types,
    package_lifecycle,
    package_types,
    timetrigger_lifecycle,
    timetrigger_types,
)

NOON = datetime.datetime(2026, 1, 1, 12, tzinfo=datetime.UTC)
LATER = NOON + datetime.timedelta(minutes=5)


def a_function(generation):
    function = function_types.Function()
    function.metadata.generation = generation
    return function


def test_a_function_is_ready_once_it_was_marked_so():
    function = a_function(3)

    assert function_lifecycle.mark_ready(function, NOON)

    assert function_lifecycle.is_ready(function)
    assert function.status.observed_generation == 3
    assert function.status.conditions == [
        {
            "type": "Ready",
            "status": "True",
            "reason": "Ready",
            "message": "the function can be called",
            "observedGeneration": 3,
            "lastTransitionTime": "2026-01-01T12:00:00Z",
        }
    ]


def test_marking_the_same_again_changes_nothing():
    function = a_function(3)
    function_lifecycle.mark_ready(function, NOON)

    assert not function_lifecycle.mark_ready(function, LATER)
    assert function.status.conditions[0]["lastTransitionTime"] == "2026-01-01T12:00:00Z"


def test_ready_of_an_older_generation_counts_not():
    function = a_function(3)
    function_lifecycle.mark_ready(function, NOON)
    function.metadata.generation = 4

    assert not function_lifecycle.is_ready(function)


def test_a_reason_that_changes_keeps_the_time_of_the_transition():
    function = a_function(1)
    function_lifecycle.mark_not_ready(function, "EnvironmentNotFound", "no env", NOON)
    function_lifecycle.mark_not_ready(function, "SpecializationFailed", "no code", LATER)

    assert function.status.conditions[0]["reason"] == "SpecializationFailed"
    assert function.status.conditions[0]["lastTransitionTime"] == "2026-01-01T12:00:00Z"


def test_a_route_without_methods_says_that_it_takes_none():
    trigger = httptrigger_types.HTTPTrigger()

    httptrigger_lifecycle.mark_admitted(trigger, NOON)

    message = trigger.status.conditions[1]["message"]
    assert message.endswith("spec.methods is empty: every request is answered with 405")


def test_a_refused_route_is_not_ready_and_says_why():
    trigger = httptrigger_types.HTTPTrigger()
    trigger.metadata.generation = 1

    httptrigger_lifecycle.mark_refused(
        trigger, httptrigger_lifecycle.ROUTE_CONFLICT, "/a is taken by b", NOON
    )

    assert not httptrigger_lifecycle.is_ready(trigger)
    assert [(c["type"], c["status"], c["reason"]) for c in trigger.status.conditions] == [
        ("RouteAdmitted", "False", "RouteConflict"),
        ("Ready", "False", "RouteConflict"),
    ]


def test_a_build_goes_from_pending_to_succeeded():
    package = package_types.Package()
    package.spec.source = package_types.Archive(type="literal", literal=b"x")
    assert not package_lifecycle.is_loadable(package)

    package_lifecycle.mark_pending(package, NOON)
    package_lifecycle.mark_running(package, NOON)
    package.spec.deployment = package_types.Archive(type="url", url="http://storagesvc/x")
    package_lifecycle.mark_succeeded(package, "built\n", LATER)

    assert package_lifecycle.is_loadable(package)
    assert package.status.build_status == "succeeded"
    assert package.status.build_log == "built\n"
    assert package.status.last_update_timestamp == "2026-01-01T12:05:00Z"
    assert package.status.content_hash.startswith("sha256:")


def test_a_failed_build_says_its_last_line():
    package = package_types.Package()

    package_lifecycle.mark_failed(package, "collecting\nno such module\n", NOON)

    assert not package_lifecycle.is_loadable(package)
    assert package.status.conditions[-1]["message"] == "no such module"


def test_a_package_serves_the_build_before_while_another_runs_or_fails():
    package = package_types.Package()
    package.spec.source = package_types.Archive(type="literal", literal=b"x")
    package.spec.deployment = package_types.Archive(type="url", url="http://storagesvc/x")
    for mark in (
        lambda: package_lifecycle.mark_running(package, NOON),
        lambda: package_lifecycle.mark_failed(package, "no such module\n", NOON),
    ):
        mark()
        assert package_lifecycle.is_loadable(package)
        found = {one["type"]: (one["status"], one["reason"]) for one in package.status.conditions}
        assert found["BuildSucceeded"][0] == "False"
        assert found["Ready"] == ("True", "ServesPreviousBuild")


def test_a_package_that_nobody_looked_at_is_loadable_if_there_is_nothing_to_build():
    package = package_types.Package()
    package.spec.deployment = package_types.Archive(type="literal", literal=b"x")

    assert package_lifecycle.is_loadable(package)


def test_a_canary_ends_in_success_or_failure():
    config = canaryconfig_types.CanaryConfig()
    canaryconfig_lifecycle.mark_progressing(config, "20 of 100", NOON)
    assert config.status.status == "pending"

    canaryconfig_lifecycle.mark_failed(config, "30% failed", LATER)
    assert config.status.status == "failed"
    assert [c["status"] for c in config.status.conditions] == ["False", "False"]


def test_a_schedule_is_ready_once_its_time_is_known():
    trigger = timetrigger_types.TimeTrigger()
    trigger.metadata.generation = 1

    timetrigger_lifecycle.mark_scheduled(trigger, NOON)

    assert timetrigger_lifecycle.is_ready(trigger)
    assert trigger.status.conditions[0]["type"] == conditions.SCHEDULED
