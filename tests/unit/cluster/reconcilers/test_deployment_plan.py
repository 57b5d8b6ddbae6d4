import copy

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fission.cluster.reconcilers.deployment import plan, revisions, rollout
from fission.kube import actions
from fission.meta import gvk
from tests.unit.cluster.reconcilers import objects
from tests.unit.cluster.reconcilers.world import World

RECREATE = {"type": "Recreate"}


def planned(deployment, *replicasets, pods=(), namesake=None):
    observed = plan.Observed(replicasets, pods, namesake)
    return plan.plan(deployment, observed, objects.NOW)


def settled(**more):
    world = World(objects.a_deployment(**more))
    world.settle()
    return world


def test_a_new_deployment_gets_a_replicaset_of_its_template_and_says_so():
    deployment = objects.a_deployment(replicas=2)
    result = planned(deployment)
    name = revisions.replicaset_name(deployment)
    hash_ = name.removeprefix("web-")
    labels = {"app": "web", "pod-template-hash": hash_}
    create, write = result.actions
    assert create == actions.Create(
        gvk.REPLICASETS,
        {
            "apiVersion": "apps/v1",
            "kind": "ReplicaSet",
            "metadata": {
                "name": name,
                "namespace": "default",
                "labels": labels,
                "annotations": {
                    "deployment.kubernetes.io/desired-replicas": "2",
                    "deployment.kubernetes.io/max-replicas": "3",
                    "deployment.kubernetes.io/revision": "1",
                },
                "ownerReferences": [objects.an_owner(deployment)],
            },
            "spec": {
                "replicas": 2,
                "selector": {"matchLabels": labels},
                "template": {
                    "metadata": {"labels": labels},
                    "spec": {"containers": [{"name": "web", "image": "web:1"}]},
                },
            },
        },
    )
    assert isinstance(write, actions.UpdateStatus)
    annotations = write.obj["metadata"]["annotations"]
    assert annotations == {"deployment.kubernetes.io/revision": "1"}
    found = {one["type"]: one["reason"] for one in write.obj["status"]["conditions"]}
    assert found == {
        "Available": "MinimumReplicasUnavailable",
        "Progressing": "NewReplicaSetCreated",
    }
    assert result.events == [
        ("Normal", "ScalingReplicaSet", f"Scaled up replica set {name} from 0 to 2")
    ]


def test_a_settled_deployment_asks_for_nothing():
    world = settled()
    result = planned(world.deployment, *world.replicasets.values())
    assert result.actions == []
    assert result.events == []


def test_a_rolled_out_deployment_says_that_it_is_complete():
    world = settled(replicas=2)
    assert world.deployment["status"] == {
        "observedGeneration": 1,
        "replicas": 2,
        "updatedReplicas": 2,
        "readyReplicas": 2,
        "availableReplicas": 2,
        "terminatingReplicas": 0,
        "conditions": world.deployment["status"]["conditions"],
    }
    assert world.condition("Available") == ("True", "MinimumReplicasAvailable")
    assert world.condition("Progressing") == ("True", "NewReplicaSetAvailable")


def test_a_changed_template_rolls_out_and_keeps_the_old_replicaset_for_a_rollback():
    world = settled(replicas=3)
    world.change(template=objects.a_template("web:2"))
    world.settle()
    assert world.images() == ["web:2"] * 3
    assert len(world.replicasets) == 2
    assert world.revision() == "2"


def test_a_template_that_comes_back_reuses_its_replicaset_with_a_new_revision():
    world = settled()
    first = next(iter(world.replicasets))
    world.change(template=objects.a_template("web:2"))
    world.settle()
    world.change(template=objects.a_template("web:1"))
    world.settle()
    assert len(world.replicasets) == 2
    annotations = world.replicasets[first]["metadata"]["annotations"]
    assert annotations["deployment.kubernetes.io/revision"] == "3"
    assert annotations["deployment.kubernetes.io/revision-history"] == "1"
    assert world.revision() == "3"


def test_a_restart_annotation_in_the_template_makes_new_pods():
    world = settled()
    template = objects.a_template()
    template["metadata"]["annotations"] = {"kubectl.kubernetes.io/restartedAt": "now"}
    before = set(world.pods)
    world.change(template=template)
    world.settle()
    assert len(world.pods) == 2
    assert not before & set(world.pods)


def test_a_rollout_that_does_not_become_ready_stops_within_its_bounds():
    world = settled(replicas=4)
    world.change(template=objects.a_template("bad:1"))
    world.settle(ready=False)
    assert world.images().count("bad:1") == 2
    assert world.images(ready=True) == ["web:1"] * 3
    assert world.condition("Available") == ("True", "MinimumReplicasAvailable")


def test_a_rollout_without_progress_times_out():
    world = settled(replicas=1)
    world.change(template=objects.a_template("bad:1"))
    world.settle(ready=False)
    world.pass_time(601)
    assert world.step_deployment()
    assert world.condition("Progressing") == ("False", "ProgressDeadlineExceeded")
    world.make_ready("bad:1")
    world.settle()
    assert world.condition("Progressing") == ("True", "NewReplicaSetAvailable")


def test_a_deadline_under_way_is_looked_at_again_in_time():
    world = settled(replicas=1)
    world.change(template=objects.a_template("bad:1"))
    world.settle(ready=False)
    world.pass_time(100)
    observed = plan.Observed(list(world.replicasets.values()))
    result = plan.plan(world.deployment, observed, world.now)
    assert result.look_again_seconds == 500.0


def test_recreate_waits_until_the_last_old_pod_has_gone():
    world = settled(replicas=2, strategy=RECREATE)
    world.change(template=objects.a_template("web:2"))
    world.step_deployment()
    assert [one["spec"]["replicas"] for one in world.replicasets.values()] == [0]
    lingering = next(iter(world.pods.values()))
    world.step_replicasets()
    world.pods[lingering["metadata"]["name"]] = lingering
    world.step_deployment()
    assert len(world.replicasets) == 1
    del world.pods[lingering["metadata"]["name"]]
    world.settle()
    assert world.images() == ["web:2"] * 2


def test_a_paused_deployment_follows_its_size_but_not_its_template():
    world = settled(replicas=2)
    world.change(paused=True, replicas=3, template=objects.a_template("web:2"))
    world.settle()
    assert world.images() == ["web:1"] * 3
    assert world.condition("Progressing") == ("Unknown", "DeploymentPaused")
    world.change(paused=False)
    world.settle()
    assert world.images() == ["web:2"] * 3


@pytest.mark.parametrize("replicas", [0, 1, 7])
def test_a_changed_size_is_followed(replicas):
    world = settled(replicas=3)
    world.change(replicas=replicas)
    world.settle()
    assert len(world.pods) == replicas
    assert world.deployment["status"].get("replicas", 0) == replicas


def test_a_size_changed_amid_a_rollout_is_shared_out():
    world = settled(replicas=4)
    world.change(template=objects.a_template("bad:1"))
    world.settle(ready=False)
    world.change(replicas=8)
    world.settle(ready=False)
    sizes = sorted(rollout.replicas_of(one) for one in world.replicasets.values())
    assert sum(sizes) == 10
    assert sizes[0] > 2


def test_old_replicasets_beyond_the_history_limit_go():
    world = settled(replicas=1, revisionHistoryLimit=1)
    for number in (2, 3, 4):
        world.change(template=objects.a_template(f"web:{number}"))
        world.settle()
    kept = {
        one["spec"]["template"]["spec"]["containers"][0]["image"]
        for one in world.replicasets.values()
    }
    assert kept == {"web:3", "web:4"}


def test_a_stranger_with_the_name_leads_to_another_name():
    deployment = objects.a_deployment()
    name = revisions.replicaset_name(deployment)
    stranger = objects.a_replicaset(name, owner=objects.a_deployment("other"))
    (write,) = planned(deployment, namesake=stranger).actions
    assert isinstance(write, actions.UpdateStatus)
    assert write.obj["status"]["collisionCount"] == 1
    assert revisions.replicaset_name(dict(write.obj)) != name


def test_a_matching_orphan_is_adopted_first():
    deployment = objects.a_deployment()
    (adoption,) = planned(deployment, objects.a_replicaset("orphan")).actions
    assert isinstance(adoption, actions.Patch)
    metadata = {"uid": "uid-orphan", "ownerReferences": [objects.an_owner(deployment)]}
    assert adoption.patch == {"metadata": metadata}


def test_a_deployment_that_is_being_deleted_changes_no_replicaset():
    world = settled(replicas=2)
    deployment = copy.deepcopy(world.deployment)
    deployment["metadata"]["deletionTimestamp"] = objects.THEN
    deployment["spec"]["replicas"] = 5
    result = planned(deployment, *world.replicasets.values())
    assert all(isinstance(one, actions.UpdateStatus) for one in result.actions)


def test_a_failing_replicaset_shows_in_the_deployment():
    world = settled(replicas=1)
    (replicaset,) = world.replicasets.values()
    failure = {
        "type": "ReplicaFailure",
        "status": "True",
        "reason": "FailedCreate",
        "message": "pods is forbidden",
    }
    replicaset["status"]["conditions"] = [failure]
    world.step_deployment()
    assert world.condition("ReplicaFailure") == ("True", "FailedCreate")


PERCENT_OR_COUNT = st.one_of(
    st.integers(0, 4), st.integers(0, 100).map(lambda number: f"{number}%")
)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 8), PERCENT_OR_COUNT, PERCENT_OR_COUNT, st.lists(st.integers(0, 4)))
def test_no_rollout_ever_strays_from_its_bounds(replicas, surge, unavailable, readiness):
    rolling = {"maxSurge": surge, "maxUnavailable": unavailable}
    strategy = {"type": "RollingUpdate", "rollingUpdate": rolling}
    world = settled(replicas=replicas, strategy=strategy)
    bounds = rollout.bounds_of(world.deployment)
    world.change(template=objects.a_template("web:2"))
    for count in readiness:
        world.step_deployment()
        assert sum(map(rollout.replicas_of, world.replicasets.values())) <= bounds.most
        world.step_replicasets()
        assert len(world.images(ready=True)) >= bounds.least_available
        world.make_ready("web:2", count)
    world.settle()
    assert world.images() == ["web:2"] * replicas


def test_bounds_round_surge_up_and_unavailability_down():
    deployment = objects.a_deployment(replicas=5)
    assert rollout.bounds_of(deployment) == rollout.Bounds(5, 2, 1)


def test_bounds_that_would_forbid_any_step_allow_one_pod_to_be_missing():
    rolling = {"maxSurge": 0, "maxUnavailable": 0}
    strategy = {"type": "RollingUpdate", "rollingUpdate": rolling}
    deployment = objects.a_deployment(replicas=3, strategy=strategy)
    assert rollout.bounds_of(deployment) == rollout.Bounds(3, 0, 1)
