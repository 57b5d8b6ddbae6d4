"""What is to be done for a package: rows of what is seen and what is decided."""

from __future__ import annotations

import copy
import datetime
from typing import Any

import pytest

from fission.api import (
    environment_types,
    labels,
    package_builds,
    package_defaults,
    package_lifecycle,
    package_types,
)
from fission.buildermgr import builders, outcome, package_plan
from tests.unit.buildermgr import samples

NOON = datetime.datetime(2026, 1, 1, 12, tzinfo=datetime.UTC)
LIMITS = package_plan.Limits(ready_seconds=300, hopeless_seconds=15)
STARTING = builders.Waiting("its builder is starting", hopeless=False)
STUCK = builders.Waiting("its builder cannot start: ErrImagePull", hopeless=True)


def seen(package: package_types.Package, **more: Any) -> package_plan.Observed:
    found: dict[str, Any] = {
        "environment": samples.an_environment(),
        "builder": samples.TARGET,
    }
    return package_plan.Observed(package=package, **(found | more))


def decide(package: package_types.Package, **more: Any) -> package_plan.Decision:
    before = copy.deepcopy(package)
    decision = package_plan.plan(seen(package, **more), LIMITS, NOON)
    assert package == before, "what an informer holds is read-only"
    return decision


def settled(decision: package_plan.Decision) -> tuple[str, str, str]:
    """Build status, reason and message of what is to be written."""
    assert isinstance(decision, package_plan.Settle), decision
    condition = decision.status.conditions[0]
    return decision.status.build_status, condition["reason"], condition["message"]


def built(
    package: package_types.Package, environment: environment_types.Environment | None = None
) -> package_types.Package:
    """The package after a build that succeeded."""
    environment = environment or samples.an_environment()
    digest = package_defaults.archive_hash("deployment", package.spec.deployment)
    record = outcome.make_record(package, environment, digest)
    package.metadata.annotations = {
        **package.metadata.annotations,
        labels.BUILT_WITH: package_builds.annotation(record),
    }
    package_lifecycle.mark_succeeded(package, "done\n", NOON)
    package_lifecycle.mark_environment(
        package,
        is_current=True,
        message=package_plan.environment_message(record, environment),
        now=NOON,
    )
    return package


def test_a_source_is_built_as_soon_as_its_builder_is_ready() -> None:
    for state in ("", "pending", "running"):
        package = samples.a_package(state=state)
        assert decide(package) == package_plan.Build(samples.TARGET)


@pytest.mark.parametrize(
    ("package", "state", "reason"),
    [
        (samples.a_package(b"", deployment=True), "none", "NoBuildNeeded"),
        (samples.a_package(deployment=True), "none", "NoBuildNeeded"),
        (samples.a_package(deployment=True, state="pending"), "none", "NoBuildNeeded"),
        (samples.a_package(b""), "failed", "EmptyPackage"),
    ],
)
def test_the_first_status_follows_from_the_archives(
    package: package_types.Package, state: str, reason: str
) -> None:
    decision = decide(package)
    assert settled(decision)[:2] == (state, reason)
    assert isinstance(decision, package_plan.Settle)
    assert not decision.follow
    package.status = decision.status
    assert decide(package) == package_plan.Rest()


def test_another_deployment_archive_makes_functions_follow() -> None:
    package = samples.a_package(b"", deployment=True, state="none", content_hash="sha256:old")
    decision = decide(package)
    assert settled(decision)[0] == "none"
    assert isinstance(decision, package_plan.Settle)
    assert decision.follow


def test_a_package_with_both_archives_is_built_when_somebody_asks() -> None:
    package = samples.a_package(deployment=True)
    package_lifecycle.mark_no_build(package, NOON)
    assert decide(package) == package_plan.Rest()
    package.status.build_status = "pending"
    assert decide(package) == package_plan.Build(samples.TARGET)


@pytest.mark.parametrize(
    ("more", "reason", "message"),
    [
        (
            {"environment": None},
            "EnvironmentNotFound",
            "environment default/python does not exist",
        ),
        (
            {"environment": samples.an_environment(builder=environment_types.Builder())},
            "NoBuilder",
            "environment default/python has no builder image: give it one with --builder, or the"
            " package a deployment archive",
        ),
        (
            {"environment": samples.an_environment(version=1)},
            "NoBuilder",
            "environment default/python has no builder image: give it one with --builder, or the"
            " package a deployment archive",
        ),
        ({"fault": "the name is too long"}, "InvalidBuilder", "the name is too long"),
    ],
)
def test_what_cannot_be_built_fails_at_once_and_goes_on_by_itself(
    more: dict[str, Any], reason: str, message: str
) -> None:
    package = samples.a_package()
    decision = decide(package, **more)
    assert settled(decision) == ("failed", reason, message)
    assert isinstance(decision, package_plan.Settle)
    assert decision.remember
    package.status = decision.status
    assert decide(package, **more) == package_plan.Rest()
    assert settled(decide(package))[0] == "pending"


def test_a_package_is_not_built_by_another_namespaces_builder() -> None:
    package = samples.a_package()
    package.metadata.namespace = "other"
    decision = decide(package)
    message = (
        'spec.environment.namespace: Invalid value: "default": must be the object\'s own, "other"'
    )
    assert settled(decision) == ("failed", "ForeignReference", message)
    assert isinstance(decision, package_plan.Settle)
    package.status = decision.status
    assert decide(package) == package_plan.Rest()
    package.spec.environment.namespace = ""
    assert settled(decide(package))[0] == "pending"


def test_a_command_for_a_shell_fails_until_it_is_another() -> None:
    package = samples.a_package(command="./build.sh | tee log")
    decision = decide(package)
    assert settled(decision)[:2] == ("failed", "BadBuildCommand")
    assert isinstance(decision, package_plan.Settle)
    package.status = decision.status
    record = outcome.make_record(package, samples.an_environment(), "")
    package.metadata.annotations = {labels.BUILT_WITH: package_builds.annotation(record)}
    assert decide(package) == package_plan.Rest()
    package.spec.build_command = "./build.sh"
    assert settled(decide(package))[0] == "pending"


def test_a_builder_that_starts_is_waited_for_and_not_for_ever() -> None:
    package = samples.a_package()
    decision = decide(package, builder=STARTING)
    assert settled(decision) == ("pending", "BuilderNotReady", "waits: its builder is starting")
    assert isinstance(decision, package_plan.Settle)
    assert decision.again_after_seconds == package_plan.LOOK_AGAIN_SECONDS
    package.status = decision.status
    assert decide(package, builder=STARTING, waited_seconds=299) == package_plan.Rest(1.0)
    late = decide(package, builder=STARTING, waited_seconds=300)
    assert settled(late) == (
        "failed",
        "BuilderNotReady",
        "Build timeout due to environment builder not ready: its builder is starting",
    )
    assert isinstance(late, package_plan.Settle)
    package.status = late.status
    assert decide(package, builder=STARTING, waited_seconds=1) == package_plan.Rest()
    assert settled(decide(package))[0] == "pending"


def test_a_builder_that_cannot_start_is_given_less_time() -> None:
    package = samples.a_package(state="pending")
    assert settled(decide(package, builder=STUCK, waited_seconds=20, hopeless_seconds=14)) == (
        "pending",
        "BuilderNotReady",
        "waits: its builder cannot start: ErrImagePull",
    )
    assert settled(decide(package, builder=STUCK, waited_seconds=20, hopeless_seconds=15)) == (
        "failed",
        "BuilderNotReady",
        "Build timeout due to environment builder not ready: its builder cannot start:"
        " ErrImagePull",
    )


def test_after_the_platform_broke_a_build_off_there_is_a_pause_and_its_log_is_kept() -> None:
    package = samples.a_package(state="running")
    decision = decide(package, pause_seconds=2.0, log="lost\n")
    assert settled(decision)[:2] == ("pending", "BuildRetry")
    assert isinstance(decision, package_plan.Settle)
    assert (decision.status.build_log, decision.again_after_seconds) == ("lost\n", 2.0)
    assert decide(package, pause_seconds=0.0, log="lost\n") == package_plan.Build(samples.TARGET)


def test_a_build_that_runs_is_left_alone_while_it_is_wanted() -> None:
    package = samples.a_package(state="running", resource_version="105")
    inputs = package_builds.inputs_of(package)
    attempt = package_plan.Attempt(inputs, "105")
    assert decide(package, attempt=attempt) == package_plan.Rest()
    # In line, or not seen as running yet: the informer is behind.
    waiting = samples.a_package(state="pending", resource_version="100")
    assert decide(waiting, attempt=package_plan.Attempt(inputs)) == package_plan.Rest()
    assert decide(waiting, attempt=attempt) == package_plan.Rest()

    asked = samples.a_package(state="pending", resource_version="106")
    assert decide(asked, attempt=attempt) == package_plan.Restart("another build was asked for")
    changed = samples.a_package(b"other", state="running", resource_version="106")
    assert isinstance(decide(changed, attempt=attempt), package_plan.Restart)
    command = samples.a_package(command="./b", state="running", resource_version="106")
    assert isinstance(decide(command, attempt=attempt), package_plan.Restart)


def test_a_built_package_rests_until_something_it_was_made_of_changes() -> None:
    package = built(samples.a_package(deployment=True))
    assert decide(package) == package_plan.Rest()
    package.spec.source.literal = b"other"
    assert settled(decide(package))[:2] == ("pending", "BuildPending")

    package = built(samples.a_package(deployment=True))
    package.spec.build_command = "./build.sh"
    assert settled(decide(package))[0] == "pending"

    package = built(samples.a_package(deployment=True))
    package.spec.environment.name = "python-2"
    assert settled(decide(package))[0] == "pending"

    package = built(samples.a_package(deployment=True))
    package.spec.deployment = package_types.Archive()
    assert settled(decide(package))[0] == "pending"


def test_a_failed_build_is_not_repeated() -> None:
    package = samples.a_package()
    record = outcome.make_record(package, samples.an_environment(), "")
    package.metadata.annotations = {labels.BUILT_WITH: package_builds.annotation(record)}
    package_lifecycle.mark_failed(package, "no such module\n", NOON)
    assert decide(package) == package_plan.Rest()
    package.spec.source.literal = b"other"
    assert settled(decide(package))[0] == "pending"


def test_a_package_of_another_hand_is_taken_as_it_is() -> None:
    package = samples.a_package(deployment=True, state="succeeded")
    decision = decide(package)
    assert isinstance(decision, package_plan.Settle)
    assert decision.status.build_status == "succeeded"
    assert decision.status.content_hash == package_defaults.content_hash(package.spec)
    package.status = decision.status
    assert decide(package) == package_plan.Rest()


def test_a_package_says_that_its_environment_has_moved_on() -> None:
    package = built(samples.a_package(deployment=True))
    newer = samples.an_environment(
        builder=environment_types.Builder(image="fission/python-builder-3.13"), generation=2
    )
    decision = decide(package, environment=newer)
    assert isinstance(decision, package_plan.Settle)
    assert decision.status.build_status == "succeeded"
    condition = decision.status.conditions[-1]
    assert (condition["type"], condition["status"]) == ("EnvironmentCurrent", "False")
    assert condition["message"] == (
        "built with fission/python-builder (generation 1); environment python has generation 2"
        " and builder fission/python-builder-3.13 by now"
    )
    package.status = decision.status
    assert decide(package, environment=newer) == package_plan.Rest()
    pool = samples.an_environment(pool_size=7, generation=2)
    assert decide(built(samples.a_package(deployment=True)), environment=pool) == (
        package_plan.Rest()
    )
