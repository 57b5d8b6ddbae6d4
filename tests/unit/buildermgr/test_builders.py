"""An environment's builder as its pods show it, and how much of a build is remembered."""

from __future__ import annotations

import json
from typing import Any

import pytest

from fission.api import labels, package_builds
from fission.base import errors
from fission.buildermgr import builders, config, outcome, resources
from tests.unit.buildermgr import samples

Obj = dict[str, Any]


def a_deployment() -> Obj:
    return resources.make_deployment(samples.an_environment(), "default", samples.OPTIONS, "42")


def a_pod(version: str = "42", *, ready: bool = True, **waiting: str) -> Obj:
    deployment = a_deployment()
    template = deployment["spec"]["template"]
    chosen = {**template["metadata"]["labels"], "envResourceVersion": version}
    return {
        "metadata": {
            "name": f"python-{version}-x",
            "namespace": "default",
            "labels": chosen,
            "annotations": {"kubelet/port-map": json.dumps({"8001": 41001})},
            "creationTimestamp": "2026-01-01T12:00:00Z",
        },
        "spec": template["spec"],
        "status": {
            "phase": "Running" if ready else "Pending",
            "podIP": "127.1.2.3",
            "containerStatuses": [
                {
                    "name": name,
                    "ready": ready,
                    "image": "fission/python-builder",
                    "imageID": "sha256:1",
                    "state": {"waiting": waiting} if waiting else {"running": {}},
                }
                for name in ("builder", "fetcher")
            ],
        },
    }


def observe(*pods: Obj, deployments: list[Obj] | None = None) -> builders.State:
    wanted = resources.spec_hash(samples.an_environment(), samples.OPTIONS)
    found = [a_deployment()] if deployments is None else deployments
    return builders.observe(found, list(pods), wanted, 900)


def test_a_ready_pod_is_called_at_its_real_ports() -> None:
    assert observe(a_pod()) == builders.Target(
        namespace="default",
        pod="python-42-x",
        fetcher_url="http://127.1.2.3:8000",
        builder_url="http://127.1.2.3:41001",
        image_id="fission/python-builder@sha256:1",
        build_timeout_seconds=900,
    )


def test_a_pod_of_another_version_or_on_its_way_out_does_not_count() -> None:
    leaving = a_pod()
    leaving["metadata"]["deletionTimestamp"] = "2026-01-01T12:00:00Z"
    for pods in ([], [a_pod("41")], [leaving]):
        assert observe(*pods) == builders.Waiting(
            "its builder is starting", hopeless=False, name="python-42"
        )
    assert observe(a_pod(), deployments=[]) == builders.Waiting(
        "its builder is being created", hopeless=False
    )


def test_what_a_pod_waits_for_is_passed_on() -> None:
    starting = a_pod(ready=False, reason="ContainerCreating")
    assert observe(starting) == builders.Waiting(
        "its builder is starting", hopeless=False, name="python-42"
    )
    stuck = a_pod(ready=False, reason="ErrImagePull", message="no image answers to x")
    assert observe(stuck) == builders.Waiting(
        "its builder cannot start: container builder: ErrImagePull no image answers to x",
        hopeless=True,
        name="python-42",
    )


def test_the_last_words_of_a_builder_that_ends_at_once_are_passed_on() -> None:
    stuck = a_pod(ready=False, reason="CrashLoopBackOff", message="back-off 8s restarting")
    builder = stuck["status"]["containerStatuses"][0]
    said = "starting\nbuilder: BUILD_TIMEOUT_SECONDS: 'abc' is not a number\n"
    builder["lastState"] = {"terminated": {"exitCode": 2, "message": said}}

    waiting = observe(stuck)

    assert isinstance(waiting, builders.Waiting)
    assert waiting.message == (
        "its builder cannot start: container builder: CrashLoopBackOff"
        " builder: BUILD_TIMEOUT_SECONDS: 'abc' is not a number"
    )


def test_the_cache_is_skipped_once_for_each_wish() -> None:
    package = samples.a_package()
    assert not outcome.skips_cache(package)
    package.metadata.annotations = {labels.NO_BUILD_CACHE: "1"}
    assert outcome.skips_cache(package)
    record = outcome.make_record(package, samples.an_environment(), "x")
    package.metadata.annotations[labels.BUILT_WITH] = package_builds.annotation(record)
    assert not outcome.skips_cache(package)
    package.metadata.annotations[labels.NO_BUILD_CACHE] = "2"
    assert outcome.skips_cache(package)


def test_what_was_written_down_illegibly_counts_as_nothing() -> None:
    package = samples.a_package(annotations={labels.BUILT_WITH: "{nonsense"})
    assert package_builds.read(package) is None


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("FISSION_TENANCY_MODE", "feudal"),
        ("BUILDERMGR_PACKAGE_CONCURRENCY", "0"),
        ("BUILDERMGR_ENVIRONMENT_CONCURRENCY", "0"),
        ("BUILDERMGR_MAX_ATTEMPTS", "0"),
        ("BUILDERMGR_BUILD_TIMEOUT", "0"),
        ("BUILDERMGR_BUILD_CACHE_ENTRIES", "-1"),
    ],
)
def test_a_bad_setting_names_its_variable(variable: str, value: str) -> None:
    with pytest.raises(errors.SettingsError, match=variable):
        config.from_env({variable: value})


def test_builders_of_default_go_where_they_are_told() -> None:
    told = config.from_env({"FISSION_BUILDER_NAMESPACE": "fission-builder"})
    assert told.builder_namespace_of("default") == "fission-builder"
    assert told.builder_namespace_of("team") == "team"
    assert config.from_env({}).watched_namespace == "default"
    assert config.from_env({"FISSION_TENANCY_MODE": "cluster"}).watched_namespace is None
