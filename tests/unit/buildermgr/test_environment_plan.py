"""The builder that an environment should have."""

from __future__ import annotations

from typing import Any

import pytest

from fission.api import environment_types
from fission.base import errors
from fission.buildermgr import environment_plan, resources
from fission.kube import actions
from fission.meta import gvk
from tests.unit.buildermgr import samples

Obj = dict[str, Any]


def made(environment: environment_types.Environment, version: str = "42") -> tuple[Obj, Obj]:
    """The Deployment and Service as they would be found."""
    pair = (
        resources.make_deployment(environment, "default", samples.OPTIONS, version),
        resources.make_service(environment, "default", samples.OPTIONS, version),
    )
    for obj in pair:
        obj["metadata"] |= {"uid": f"uid-{version}", "resourceVersion": "7"}
    return pair


def plan(
    environment: environment_types.Environment | None, *pairs: tuple[Obj, Obj], **more: Any
) -> list[tuple[str, str, str]]:
    planned = environment_plan.plan_builder(
        environment,
        "default",
        [pair[0] for pair in pairs],
        [pair[1] for pair in pairs],
        more.get("options", samples.OPTIONS),
    )
    shown = []
    for action in planned:
        assert not isinstance(action, actions.Patch | actions.UpdateStatus)
        name = action.name if isinstance(action, actions.Delete) else action.obj["metadata"]["name"]
        shown.append((type(action).__name__, action.resource.kind, name))
    return shown


def test_an_environment_with_a_builder_image_gets_both() -> None:
    assert plan(samples.an_environment()) == [
        ("Create", "Deployment", "python-42"),
        ("Create", "Service", "python-42"),
    ]


def test_one_without_or_of_version_1_gets_none_and_one_that_is_gone_loses_its_own() -> None:
    environment = samples.an_environment()
    gone = [("Delete", "Deployment", "python-42"), ("Delete", "Service", "python-42")]
    assert plan(None) == []
    assert plan(None, made(environment)) == gone
    without = samples.an_environment(builder=environment_types.Builder())
    assert plan(without, made(environment)) == gone
    assert plan(samples.an_environment(version=1), made(environment)) == gone


def test_a_builder_stays_while_what_it_is_made_of_stays() -> None:
    pair = made(samples.an_environment())
    later = samples.an_environment(resource_version="99", pool_size=9, generation=2)
    assert plan(later, pair) == []


@pytest.mark.parametrize(
    "change",
    [
        {"builder": environment_types.Builder(image="fission/python-builder-3.13")},
        {
            "builder": environment_types.Builder(
                image="fission/python-builder", container={"env": [{"name": "A", "value": "1"}]}
            )
        },
        {"image_pull_secret": "mirror"},
        {"uid": "env-2"},
    ],
)
def test_a_builder_is_replaced_when_it_would_be_made_otherwise(change: Obj) -> None:
    pair = made(samples.an_environment())
    later = samples.an_environment(resource_version="99", **change)
    assert plan(later, pair) == [
        ("Create", "Deployment", "python-99"),
        ("Create", "Service", "python-99"),
        ("Delete", "Deployment", "python-42"),
        ("Delete", "Service", "python-42"),
    ]


def test_a_change_of_the_platforms_part_alone_updates_in_place() -> None:
    environment = samples.an_environment()
    options = resources.Options(fetcher=samples.OPTIONS.fetcher, build_timeout_seconds=60)
    assert plan(environment, made(environment), options=options) == [
        ("Update", "Deployment", "python-42")
    ]


def test_of_two_good_builders_the_older_stays() -> None:
    environment = samples.an_environment(resource_version="101")
    assert plan(environment, made(environment, "101"), made(environment, "99")) == [
        ("Delete", "Deployment", "python-101"),
        ("Delete", "Service", "python-101"),
    ]


def test_what_is_being_deleted_is_left_to_it() -> None:
    pair = made(samples.an_environment())
    for obj in pair:
        obj["metadata"]["deletionTimestamp"] = "2026-01-01T12:00:00Z"
    assert plan(None, pair) == []
    assert plan(samples.an_environment(), pair) == []


@pytest.mark.parametrize("name", ["x" * 61, "3d"])
def test_a_name_that_no_service_can_have_is_refused(name: str) -> None:
    with pytest.raises(errors.InvalidInput, match="can have no builder"):
        plan(samples.an_environment(name))


def test_a_builder_pod_is_as_the_contract_says() -> None:
    builder = environment_types.Builder(
        image="fission/python-builder",
        container={"env": [{"name": "BUILD_TIMEOUT_SECONDS", "value": "5"}]},
        podspec={"nodeSelector": {"disk": "fast"}},
    )
    environment = samples.an_environment(builder=builder, image_pull_secret="mirror")
    deployment = resources.make_deployment(environment, "default", samples.OPTIONS, "42")
    chosen = {
        "envName": "python",
        "envNamespace": "default",
        "envResourceVersion": "42",
        "owner": "buildermgr",
    }
    assert deployment["metadata"]["labels"] == chosen
    assert deployment["metadata"]["ownerReferences"][0]["uid"] == "env-1"
    template = deployment["spec"]["template"]
    assert template["metadata"]["labels"] == chosen
    assert template["metadata"]["annotations"] == {"fission.io/auth-key-scheme": "namespace"}
    spec = template["spec"]
    assert spec["serviceAccountName"] == "fission-builder"
    assert spec["automountServiceAccountToken"] is False
    assert spec["imagePullSecrets"] == [{"name": "mirror"}]
    assert spec["nodeSelector"] == {"disk": "fast"}
    containers = {one["name"]: one for one in spec["containers"]}
    own, fetcher = containers["builder"], containers["fetcher"]
    assert own["command"] == ["/builder", "/packages"]
    assert own["ports"] == [{"name": "builder-port", "containerPort": 8001}]
    assert own["readinessProbe"]["httpGet"] == {"path": "/healthz", "port": "builder-port"}
    names = [one["name"] for one in own["env"]]
    assert names == [
        "POD_IP",
        "FISSION_BUILDER_KEY",
        "FISSION_BUILDER_KEY_OLD",
        "BUILD_TIMEOUT_SECONDS",
    ]
    assert resources.build_timeout_seconds(deployment, 900) == 5
    assert fetcher["args"][-1] == "/packages"
    assert {one["mountPath"] for one in own["volumeMounts"]} == {"/packages", "/cache"}
    token = "/var/run/secrets/kubernetes.io/serviceaccount"
    assert {one["mountPath"] for one in fetcher["volumeMounts"]} == {"/packages", token}

    service = resources.make_service(environment, "default", samples.OPTIONS, "42")
    assert service["spec"]["selector"] == chosen
    assert [(one["name"], one["port"]) for one in service["spec"]["ports"]] == [
        ("fetcher-port", 8000),
        ("builder-port", 8001),
    ]


def test_downloads_are_shared_through_a_claim_where_there_is_one() -> None:
    environment = samples.an_environment()
    options = resources.Options(
        fetcher=samples.OPTIONS.fetcher, cache_storage="8Gi", cache_storage_class="fast"
    )
    volumes = {
        one["name"]: one
        for one in resources.make_deployment(environment, "default", options, "42")["spec"][
            "template"
        ]["spec"]["volumes"]
    }
    claim = resources.make_claim("default", options)
    assert volumes["downloads"] == {
        "name": "downloads",
        "persistentVolumeClaim": {"claimName": claim["metadata"]["name"]},
    }
    assert claim["spec"] == {
        "accessModes": ["ReadWriteOnce"],
        "resources": {"requests": {"storage": "8Gi"}},
        "storageClassName": "fast",
    }
    assert gvk.PERSISTENTVOLUMECLAIMS.kind == claim["kind"]


def test_a_builder_elsewhere_has_no_owner() -> None:
    made_ = resources.make_deployment(
        samples.an_environment(), "fission-builder", samples.OPTIONS, "42"
    )
    assert "ownerReferences" not in made_["metadata"]
    assert made_["metadata"]["labels"]["envNamespace"] == "fission-builder"
