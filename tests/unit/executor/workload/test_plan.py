"""The writes that give a function its objects, from whatever is there."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from fission.executor.workload import objects, plan
from fission.kube import actions
from fission.meta import gvk
from tests.unit.executor.workload import samples

KINDS = [gvk.SERVICES, gvk.DEPLOYMENTS, gvk.HORIZONTALPODAUTOSCALERS]


def test_what_is_missing_is_created_the_service_first() -> None:
    planned = plan.plan_presence({}, samples.made(), 2)
    assert [type(one) for one in planned] == [actions.Create] * 3
    assert [one.resource for one in planned] == KINDS
    created: Any = planned[1]
    assert created.obj["spec"]["replicas"] == 2


def test_what_is_there_is_left_alone() -> None:
    desired = samples.made()
    assert plan.plan_presence(samples.existing(desired, 2), desired, 2) == []


def test_another_scale_is_a_patch_that_the_autoscaler_cannot_be_overrun_by() -> None:
    desired = samples.made()
    [patch] = plan.plan_presence(samples.existing(desired, 3), desired, 0)
    assert isinstance(patch, actions.Patch)
    assert patch.patch == {"metadata": {"resourceVersion": "5"}, "spec": {"replicas": 0}}


def test_another_package_replaces_the_pods_and_nothing_else() -> None:
    found = samples.existing(samples.made(), 3)
    function = samples.a_function()
    function.spec.package.package_ref.resource_version = "13"
    [update] = plan.plan_presence(found, samples.made(function), 3)
    assert isinstance(update, actions.Update)
    assert update.resource is gvk.DEPLOYMENTS
    assert update.obj["metadata"]["resourceVersion"] == "5"
    assert update.obj["spec"]["replicas"] == 3


def test_another_bound_changes_the_autoscaler_and_no_pod() -> None:
    found = samples.existing(samples.made(), 1)
    function = samples.a_function(scale=(0, 9))
    function.metadata.generation, function.metadata.resource_version = 5, "99"
    [update] = plan.plan_presence(found, samples.made(function), 1)
    assert update.resource is gvk.HORIZONTALPODAUTOSCALERS


def test_annotations_of_others_outlive_an_update() -> None:
    found = samples.existing(samples.made())
    found[gvk.DEPLOYMENTS][0]["metadata"]["annotations"]["deployment.kubernetes.io/revision"] = "3"
    function = samples.a_function()
    function.spec.package.package_ref.resource_version = "13"
    [update] = plan.plan_presence(found, samples.made(function), 1)
    assert isinstance(update, actions.Update)
    assert update.obj["metadata"]["annotations"]["deployment.kubernetes.io/revision"] == "3"


def test_an_executor_that_starts_writes_its_id() -> None:
    desired = samples.made()
    found = samples.existing(desired)
    for one in found.values():
        one[0]["metadata"]["annotations"]["executorInstanceId"] = "another1"
    planned = plan.plan_presence(found, desired, 1)
    assert [one.resource for one in planned] == KINDS
    expected = {"metadata": {"annotations": {"executorInstanceId": "abcdefgh"}}}
    assert [getattr(one, "patch", None) for one in planned] == [expected] * 3


def test_objects_of_another_function_of_the_name_go() -> None:
    function = samples.a_function()
    function.metadata.uid = "ffffffff-0000-4000-8000-ffffffffffff"
    planned = plan.plan_presence(samples.existing(samples.made()), samples.made(function), 1)
    deleted = [one for one in planned if isinstance(one, actions.Delete)]
    created = [one for one in planned if isinstance(one, actions.Create)]
    assert len(deleted) == len(created) == 3
    assert planned[:3] == deleted


def test_a_deployment_whose_selector_cannot_fit_is_made_anew() -> None:
    desired = samples.made()
    found = samples.existing(desired)
    chosen = {"matchLabels": {"environmentUid": "env-of-before"}}
    found[gvk.DEPLOYMENTS][0]["spec"]["selector"] = chosen
    planned = plan.plan_presence(found, desired, 1)
    assert [type(one) for one in planned] == [actions.Delete, actions.Create]


def test_absence_begins_with_the_deployment() -> None:
    planned = plan.plan_absence(samples.existing(samples.made()))
    assert [one.resource for one in planned] == [
        gvk.DEPLOYMENTS,
        gvk.HORIZONTALPODAUTOSCALERS,
        gvk.SERVICES,
    ]
    assert plan.plan_absence({}) == []


@given(
    present=st.sets(st.sampled_from(KINDS)), replicas=st.integers(0, 5), wanted=st.integers(0, 5)
)
def test_one_round_from_anywhere_is_enough(
    present: set[gvk.Resource], replicas: int, wanted: int
) -> None:
    """An executor that was killed between two writes goes on, and makes nothing twice."""
    desired = samples.made()
    found = {
        resource: one
        for resource, one in samples.existing(desired, replicas).items()
        if resource in present
    }
    after = carry_out(found, plan.plan_presence(found, desired, wanted))
    assert {resource: len(one) for resource, one in after.items()} == dict.fromkeys(KINDS, 1)
    assert after[gvk.DEPLOYMENTS][0]["spec"]["replicas"] == wanted
    assert plan.plan_presence(after, desired, wanted) == []


def carry_out(
    found: dict[gvk.Resource, list[dict[str, Any]]], planned: list[actions.Action]
) -> dict[gvk.Resource, list[dict[str, Any]]]:
    after = {resource: list(found.get(resource, [])) for resource in KINDS}
    for action in planned:
        match action:
            case actions.Create(resource=resource, obj=obj):
                metadata = {**obj["metadata"], "uid": "made", "resourceVersion": "6"}
                after[resource].append({**obj, "metadata": metadata})
            case actions.Patch(resource=resource, patch=patch):
                old = after[resource][0]
                after[resource] = [{**old, "spec": {**old["spec"], **patch.get("spec", {})}}]
            case _:
                raise AssertionError(f"nothing else is needed: {action}")
    return after


def test_the_replicas_that_count_are_those_of_the_functions_own_deployment() -> None:
    found = samples.existing(samples.made(), 4)
    assert plan.current_replicas(found, objects.name_of(samples.a_function())) == 4
    assert plan.current_replicas(found, "newdeploy-other") is None
    assert plan.current_replicas({}, "newdeploy-other") is None
