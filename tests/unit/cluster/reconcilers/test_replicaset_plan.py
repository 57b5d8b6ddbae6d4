import pytest

from fission.cluster.reconcilers.replicaset import assumed, plan
from fission.kube import actions
from fission.meta import gvk
from tests.unit.cluster.reconcilers import objects


def planned(replicaset, *pods):
    return plan.plan(replicaset, pods)


def release_of(pod, owner):
    references = [{"$patch": "delete", "uid": owner["metadata"]["uid"]}]
    metadata = {"uid": pod["metadata"]["uid"], "ownerReferences": references}
    return actions.Patch(
        gvk.PODS, "default", pod["metadata"]["name"], {"metadata": metadata}, kind="strategic"
    )


def test_missing_pods_are_created_from_the_template():
    replicaset = objects.a_replicaset(replicas=2)
    result = planned(replicaset)
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "generateName": "web-1-",
            "namespace": "default",
            "labels": {"app": "web"},
            "ownerReferences": [objects.an_owner(replicaset)],
        },
        "spec": {"containers": [{"name": "web", "image": "web:1"}]},
    }
    assert result == plan.Plan(creations=(actions.Create(gvk.PODS, pod),) * 2)


def test_nothing_is_done_when_there_are_enough_pods():
    replicaset = objects.a_replicaset(replicas=1)
    pod = objects.a_pod(owner=replicaset)
    assert planned(replicaset, pod) == plan.Plan(pods=(pod,))


def test_a_pod_relabelled_out_of_the_selector_is_released_and_replaced_in_one_plan():
    replicaset = objects.a_replicaset(replicas=1)
    taken = objects.a_pod(owner=replicaset, labels={"app": "web", "managed": "false", "f": "1"})
    replicaset["spec"]["selector"] = {"matchLabels": {"app": "web", "managed": "true"}}
    result = planned(replicaset, taken)
    assert len(result.creations) == 1
    assert result.claims == (release_of(taken, replicaset),)
    assert result.deletions == ()
    assert result.pods == ()


def test_a_matching_orphan_is_adopted_and_counts():
    replicaset = objects.a_replicaset(replicas=1)
    orphan = objects.a_pod()
    result = planned(replicaset, orphan)
    metadata = {"uid": "uid-web-1-a", "ownerReferences": [objects.an_owner(replicaset)]}
    adoption = actions.Patch(
        gvk.PODS, "default", "web-1-a", {"metadata": metadata}, kind="strategic"
    )
    assert result == plan.Plan(claims=(adoption,), pods=(orphan,))


@pytest.mark.parametrize(
    "pod",
    [
        objects.a_pod(deleting=True),
        objects.a_pod(phase="Failed"),
        objects.a_pod(labels={"app": "other"}),
        objects.a_pod(owner=objects.a_replicaset("another")),
    ],
    ids=["deleting", "ended", "of other labels", "somebody else's"],
)
def test_a_pod_that_is_not_to_be_had_is_left_alone(pod):
    assert planned(objects.a_replicaset(replicas=0), pod).claims == ()


@pytest.mark.parametrize("gone", [{"deleting": True}, {"phase": "Failed"}, {"phase": "Succeeded"}])
def test_a_pod_that_ends_is_replaced_without_waiting_for_its_removal(gone):
    replicaset = objects.a_replicaset(replicas=1)
    assert len(planned(replicaset, objects.a_pod(owner=replicaset, **gone)).creations) == 1


def test_a_replicaset_that_is_being_deleted_does_nothing():
    replicaset = objects.a_replicaset(replicas=3, metadata={"deletionTimestamp": objects.THEN})
    stray = objects.a_pod(owner=replicaset, labels={"app": "other"})
    result = planned(replicaset, stray, objects.a_pod("orphan"))
    assert (result.creations, result.deletions, result.claims) == ((), (), ())


def test_surplus_pods_go_in_the_order_of_how_little_they_serve():
    replicaset = objects.a_replicaset(replicas=1)
    oldest = objects.a_pod("oldest", owner=replicaset, ready=True, ready_since=objects.later(-900))
    pods = [
        oldest,
        objects.a_pod("young", owner=replicaset, ready=True, ready_since=objects.later(-10)),
        objects.a_pod(
            "cheap",
            owner=replicaset,
            ready=True,
            annotations={"controller.kubernetes.io/pod-deletion-cost": "-5"},
        ),
        objects.a_pod("unready", owner=replicaset),
        objects.a_pod("pending", owner=replicaset, phase="Pending"),
        objects.a_pod("unbound", owner=replicaset, phase="Pending", node=""),
    ]
    deletions = planned(replicaset, *pods).deletions
    assert [one.name for one in deletions] == ["unbound", "pending", "unready", "cheap", "young"]
    assert deletions[0] == actions.Delete(gvk.PODS, "default", "unbound", uid="uid-unbound")


def test_status_counts_pods_and_leaves_zeros_out():
    replicaset = objects.a_replicaset(replicas=3)
    pods = [
        objects.a_pod("a", owner=replicaset, ready=True),
        objects.a_pod("b", owner=replicaset),
        objects.a_pod("c", owner=replicaset, deleting=True, ready=True),
    ]
    status, change_in = plan.make_status(replicaset, pods, objects.NOW)
    assert status == {
        "replicas": 2,
        "fullyLabeledReplicas": 2,
        "readyReplicas": 1,
        "availableReplicas": 1,
        "terminatingReplicas": 1,
        "observedGeneration": 1,
    }
    assert change_in is None
    empty, _ = plan.make_status(replicaset, [], objects.NOW)
    assert empty == {"replicas": 0, "terminatingReplicas": 0, "observedGeneration": 1}


def test_a_ready_pod_is_available_only_after_min_ready_seconds():
    replicaset = objects.a_replicaset(spec={"minReadySeconds": 30})
    pod = objects.a_pod(owner=replicaset, ready=True, ready_since=objects.later(-10))
    status, change_in = plan.make_status(replicaset, [pod], objects.NOW)
    assert status["readyReplicas"] == 1
    assert "availableReplicas" not in status
    assert change_in == 20.0


def test_a_failed_write_becomes_a_condition_and_goes_again():
    replicaset = objects.a_replicaset()
    status, _ = plan.make_status(replicaset, [], objects.NOW, ("FailedCreate", "no room"))
    assert status["conditions"] == [
        {
            "type": "ReplicaFailure",
            "status": "True",
            "lastTransitionTime": "2026-01-01T12:00:00Z",
            "reason": "FailedCreate",
            "message": "no room",
        }
    ]
    healed, _ = plan.make_status({**replicaset, "status": status}, [], objects.NOW)
    assert "conditions" not in healed


def test_a_status_that_is_there_already_is_not_written():
    replicaset = objects.a_replicaset()
    status, _ = plan.make_status(replicaset, [], objects.NOW)
    assert plan.with_status({**replicaset, "status": status}, status) is None
    assert plan.with_status(replicaset, status) is not None


def test_a_created_pod_counts_before_the_informer_shows_it():
    overlay = assumed.Assumed()
    pod = objects.a_pod()
    overlay.created("uid-web-1", pod, 0.0)
    assert overlay.overlay("uid-web-1", [], 1.0) == [pod]
    assert overlay.overlay("uid-other", [], 1.0) == []
    assert overlay.overlay("uid-web-1", [pod], 1.0) == [pod]
    overlay.seen(None, pod)
    assert overlay.overlay("uid-web-1", [], 1.0) == []


def test_a_pod_told_to_go_counts_no_longer():
    overlay = assumed.Assumed()
    pod = objects.a_pod()
    overlay.deleted("uid-web-1-a", 0.0)
    (going,) = overlay.overlay("uid-web-1", [pod], 1.0)
    assert going["metadata"]["deletionTimestamp"]
    assert "deletionTimestamp" not in pod["metadata"]
    overlay.seen(pod, pod)
    assert overlay.overlay("uid-web-1", [pod], 1.0) == [going]
    overlay.seen(pod, None)
    assert overlay.overlay("uid-web-1", [pod], 1.0) == [pod]


def test_an_assumption_that_no_event_confirms_ends_with_its_time():
    overlay = assumed.Assumed()
    overlay.created("uid-web-1", objects.a_pod(), 0.0)
    assert overlay.overlay("uid-web-1", [], assumed.LIFETIME_SECONDS) == []


@pytest.mark.parametrize(
    ("now", "waits"),
    [
        ({"replicas": 3, "readyReplicas": 2, "availableReplicas": 2}, True),
        ({"replicas": 3, "readyReplicas": 3, "availableReplicas": 2}, True),
        ({"replicas": 3}, True),
        ({"replicas": 3, "readyReplicas": 3, "availableReplicas": 3}, False),
        ({"replicas": 3, "readyReplicas": 2, "availableReplicas": 4}, False),
        ({"replicas": 2, "readyReplicas": 2, "availableReplicas": 2}, False),
        ({"replicas": 3, "readyReplicas": 2, "availableReplicas": 2, "conditions": []}, False),
    ],
)
def test_fewer_ready_pods_alone_are_worth_waiting_for_a_replacement(now, waits):
    written = {"replicas": 3, "readyReplicas": 3, "availableReplicas": 3}
    replicaset = {**objects.a_replicaset(replicas=3), "status": written}
    assert plan.only_waits(replicaset, now) is waits
