"""The objects that poolmgr makes, and what people may lay over them."""

from __future__ import annotations

from typing import Any

import pytest

from fission.api import environment_types, function_types
from fission.base import errors
from fission.contracts import fetcherpod, signing
from fission.executor import names, podparts
from fission.executor.poolmgr import poolplan, resources
from fission.kube import actions
from fission.meta import gvk, objectmeta, podmerge

OPTIONS = podparts.Options(fetcher_image="fission/fetcher", instance_id="abcdefgh")


def an_environment(**spec: Any) -> environment_types.Environment:
    runtime = spec.pop("runtime", environment_types.Runtime(image="fission/python-env"))
    return environment_types.Environment(
        metadata=objectmeta.ObjectMeta(
            name="python",
            namespace="default",
            uid="env-1",
            resource_version="42",
            labels={"team": "a"},
            annotations={"note": "x"},
        ),
        spec=environment_types.EnvironmentSpec(runtime=runtime, **{"pool_size": 3, **spec}),
    )


def containers(deployment: dict[str, Any]) -> dict[str, Any]:
    found = deployment["spec"]["template"]["spec"]["containers"]
    return {container["name"]: container for container in found}


def test_a_pool_is_a_deployment_with_fissions_names_and_labels() -> None:
    pool = resources.make_deployment(an_environment(), "default", OPTIONS)
    chosen = {
        "executorType": "poolmgr",
        "environmentName": "python",
        "environmentNamespace": "default",
        "environmentUid": "env-1",
        "managed": "true",
    }
    assert pool["metadata"]["name"] == "poolmgr-python-default-42"
    assert pool["metadata"]["labels"] == {"team": "a", **chosen}
    assert pool["metadata"]["annotations"]["executorInstanceId"] == "abcdefgh"
    assert pool["metadata"]["ownerReferences"][0]["uid"] == "env-1"
    assert pool["spec"]["replicas"] == 3
    assert pool["spec"]["selector"] == {"matchLabels": chosen}
    template = pool["spec"]["template"]
    assert template["metadata"]["labels"].items() >= chosen.items()
    assert template["metadata"]["annotations"] == {"note": "x"}
    assert template["spec"]["serviceAccountName"] == "fission-fetcher"
    assert template["spec"]["automountServiceAccountToken"] is False
    assert template["spec"]["terminationGracePeriodSeconds"] == 90


def test_only_the_fetcher_sees_the_token_and_the_claim() -> None:
    found = containers(resources.make_deployment(an_environment(), "default", OPTIONS))
    mounts = {
        name: {mount["mountPath"] for mount in container["volumeMounts"]}
        for name, container in found.items()
    }
    shared = {"/userfunc", "/secrets", "/configs", "/etc/podinfo"}
    assert mounts["python"] == shared
    assert mounts["fetcher"] == shared | {
        "/var/run/secrets/kubernetes.io/serviceaccount",
        "/var/run/fission-fetcher",
    }
    assert found["python"]["ports"] == [{"name": "http-env", "containerPort": 8888}]
    assert found["fetcher"]["ports"] == [{"name": "http-fetcher", "containerPort": 8000}]
    assert found["python"]["lifecycle"] == {"preStop": {"sleep": {"seconds": 90}}}


def test_an_idle_pod_is_asked_seldom_but_found_ready_at_once() -> None:
    made = resources.make_deployment(an_environment(), "default", OPTIONS)
    fetcher = containers(made)["fetcher"]
    assert fetcher["startupProbe"]["periodSeconds"] == 1
    assert fetcher["readinessProbe"]["httpGet"] == fetcher["startupProbe"]["httpGet"]
    assert fetcher["readinessProbe"]["periodSeconds"] == 10


def test_fetchers_get_keys_of_their_namespace_where_calls_are_signed() -> None:
    options = podparts.Options(fetcher_image="f", signed=True)
    found = containers(resources.make_deployment(an_environment(), "default", options))
    variables = {one["name"]: one for one in found["fetcher"]["env"]}
    assert variables["FISSION_FETCHER_KEY"]["valueFrom"] == {
        "secretKeyRef": {"name": "fission-internal-auth-keys", "key": "fetcherKey"}
    }
    assert variables["FISSION_FETCHER_KEY_OLD"]["valueFrom"]["secretKeyRef"]["optional"] is True
    assert "FISSION_FETCHER_KEY" not in str(found["python"])
    secret = fetcherpod.make_keys_secret("default", signing.Masters(b"secret"))
    assert set(secret["data"]) == {"fetcherKey", "builderKey", "storageKey"}


@pytest.mark.parametrize(
    ("spec", "replicas"),
    [
        ({"version": 1}, 3),
        ({"version": 2, "pool_size": 7}, 3),
        ({"version": 3, "pool_size": 7}, 7),
        ({"allowed_functions_per_container": "infinite", "pool_size": 7}, 1),
    ],
)
def test_the_size_of_a_pool_follows_version_and_sharing(
    spec: dict[str, Any], replicas: int
) -> None:
    pool = resources.make_deployment(an_environment(**spec), "default", OPTIONS)
    assert pool["spec"]["replicas"] == replicas


def test_what_an_environment_may_reach_is_said_to_the_kubelet() -> None:
    environment = an_environment()
    plain = resources.make_deployment(environment, "default", OPTIONS)
    environment.metadata.annotations["fission.io/outbound"] = "none"

    closed = resources.make_deployment(environment, "default", OPTIONS)

    assert "kubelet/outbound" not in plain["spec"]["template"]["metadata"]["annotations"]
    assert closed["spec"]["template"]["metadata"]["annotations"]["kubelet/outbound"] == "none"


def test_an_unknown_word_for_what_it_may_reach_makes_no_pool() -> None:
    environment = an_environment()
    environment.metadata.annotations["fission.io/outbound"] = "all"
    with pytest.raises(errors.InvalidInput, match=r"\[fission.io/outbound\]: Invalid value: .all."):
        resources.make_deployment(environment, "default", OPTIONS)


def test_a_podspec_container_named_as_the_environment_patches_the_runtime() -> None:
    runtime = environment_types.Runtime(
        image="fission/python-env",
        container={"env": [{"name": "A", "value": "1"}]},
        podspec={
            "nodeSelector": {"disk": "ssd"},
            "containers": [
                {"name": "python", "env": [{"name": "B", "value": "2"}]},
                {"name": "side", "image": "busybox"},
            ],
        },
    )
    pool = resources.make_deployment(an_environment(runtime=runtime), "default", OPTIONS)
    found = containers(pool)
    assert [one["name"] for one in found["python"]["env"]] == ["POD_IP", "A", "B"]
    assert found["python"]["image"] == "fission/python-env"
    assert set(found) == {"python", "fetcher", "side"}
    assert pool["spec"]["template"]["spec"]["nodeSelector"] == {"disk": "ssd"}


def test_a_variable_given_twice_is_refused_by_name() -> None:
    base = {"name": "python", "env": [{"name": "A", "value": "1"}]}
    with pytest.raises(errors.InvalidInput, match=r"container python\.env has name 'A' twice"):
        podmerge.merge_container(base, {"env": [{"name": "A", "value": "2"}]})
    assert base == {"name": "python", "env": [{"name": "A", "value": "1"}]}


def test_a_functions_service_selects_its_generation() -> None:
    function = function_types.Function(
        metadata=objectmeta.ObjectMeta(name="hello", namespace="default", uid="u-1", generation=4)
    )
    service = resources.make_function_service(function, "default")
    assert service["metadata"]["name"] == names.function_service_name("hello", "u-1")
    assert service["spec"]["clusterIP"] == "None"
    assert service["spec"]["selector"] == {
        "functionUid": "u-1",
        "fission.io/function-generation": "4",
        "fission.io/served": "true",
    }


def test_names_are_cut_where_kubernetes_would_refuse_them() -> None:
    assert names.pool_name("e" * 30, "n" * 30, "7") == f"poolmgr-{'e' * 18}-{'n' * 18}-7"
    assert len(names.function_service_name("f" * 63, "u")) == 63
    assert names.function_service_name("hello", "u-1").startswith("fn-hello-")


# What must happen to a pool's Deployments.


def existing(uid: str = "env-1", name: str = "old", **spec: Any) -> dict[str, Any]:
    made = resources.make_deployment(an_environment(**spec), "default", OPTIONS)
    made["metadata"] |= {"name": name, "uid": name, "creationTimestamp": f"2026-01-01T00:00:{name}"}
    made["metadata"]["labels"] = {**made["metadata"]["labels"], "environmentUid": uid}
    return made


DESIRED = resources.make_deployment(an_environment(), "default", OPTIONS)


def test_a_missing_pool_is_created() -> None:
    assert poolplan.plan_pool("env-1", [], DESIRED) == [actions.Create(gvk.DEPLOYMENTS, DESIRED)]


def test_a_pool_that_is_right_is_left_alone() -> None:
    assert poolplan.plan_pool("env-1", [existing()], DESIRED) == []


def test_a_pool_of_another_image_is_updated_under_its_old_name() -> None:
    other = existing(runtime=environment_types.Runtime(image="other"))
    [update] = poolplan.plan_pool("env-1", [other], DESIRED)
    assert isinstance(update, actions.Update)
    assert update.obj["metadata"]["name"] == "old"
    assert update.obj["spec"]["template"] == DESIRED["spec"]["template"]


def test_a_pool_that_somebody_scaled_is_scaled_back() -> None:
    scaled = existing()
    scaled["spec"] = {**scaled["spec"], "replicas": 1}
    [update] = poolplan.plan_pool("env-1", [scaled], DESIRED)
    assert isinstance(update, actions.Update)


@pytest.mark.parametrize(
    ("uid", "found", "desired", "deleted"),
    [
        (None, [existing()], None, ["old"]),
        ("env-1", [existing()], None, ["old"]),
        ("env-1", [existing(name="01"), existing(name="02")], DESIRED, ["02"]),
        ("env-1", [existing(), existing("env-0", "stranger")], DESIRED, ["stranger"]),
    ],
    ids=["environment gone", "pool size 0", "made twice", "a namesake's"],
)
def test_pools_that_should_not_be_are_deleted(
    uid: str | None,
    found: list[dict[str, Any]],
    desired: dict[str, Any] | None,
    deleted: list[str],
) -> None:
    planned = poolplan.plan_pool(uid, found, desired)
    assert [action.name for action in planned if isinstance(action, actions.Delete)] == deleted
    assert len(planned) == len(deleted)


def test_empty_text_is_as_absent_when_containers_are_merged() -> None:
    base = {"name": "python", "image": "fission/python-env"}
    merged = podmerge.merge_container(base, {"image": "", "workingDir": ""})
    assert merged["image"] == "fission/python-env"
