"""Namespaces, claims, upkeep and the catalog."""

import datetime

from fission.cluster.reconcilers import catalog
from fission.cluster.reconcilers.claim import reconciler as claims
from fission.cluster.reconcilers.namespace import plan as namespaces
from fission.cluster.reconcilers.upkeep import plan as upkeep
from fission.kube import actions, discovery
from fission.meta import conditions, gvk
from tests.unit.cluster.reconcilers import objects


def a_namespace(**metadata):
    return {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {"name": "work", "resourceVersion": "1", **metadata},
        "spec": {"finalizers": ["kubernetes"]},
        "status": {"phase": "Active"},
    }


def test_a_namespace_gets_its_account_and_the_ca():
    account, root_ca = namespaces.plan_furniture("work", False, None, "PEM")
    assert account.resource == gvk.SERVICEACCOUNTS
    assert account.obj["metadata"] == {"name": "default", "namespace": "work"}
    assert root_ca.obj["data"] == {"ca.crt": "PEM"}


def test_a_furnished_namespace_is_left_alone_and_a_changed_ca_is_passed_on():
    known = {"metadata": {"name": "kube-root-ca.crt"}, "data": {"ca.crt": "PEM"}}
    assert namespaces.plan_furniture("work", True, known, "PEM") == []
    assert namespaces.plan_furniture("work", True, None, None) == []
    (update,) = namespaces.plan_furniture("work", True, known, "NEW")
    assert update.obj["data"] == {"ca.crt": "NEW"}


def test_what_holds_a_namespace_is_told_in_conditions():
    namespace = a_namespace(deletionTimestamp=objects.THEN)
    content = namespaces.Content({"pods": 2}, {"example.com/hold": 1})
    told = namespaces.with_conditions(namespace, content, objects.NOW)
    assert told is not None
    remaining = conditions.get(told["status"]["conditions"], "NamespaceContentRemaining")
    assert remaining["message"] == "Some resources are remaining: pods has 2 resource instances"
    held = conditions.get(told["status"]["conditions"], "NamespaceFinalizersRemaining")
    assert held["message"] == (
        "Some content in the namespace has finalizers remaining: "
        "example.com/hold in 1 resource instances"
    )
    assert "conditions" not in namespace["status"]
    assert namespaces.with_conditions(told, content, objects.NOW) is None


def test_an_empty_namespace_loses_its_finalizer():
    namespace = a_namespace(deletionTimestamp=objects.THEN)
    assert namespaces.is_held(namespace)
    assert namespaces.finalized(namespace)["spec"] == {"finalizers": []}
    assert not namespaces.is_held(namespaces.finalized(namespace))
    assert not namespaces.is_held(a_namespace())
    assert namespaces.Content().is_empty
    assert not namespaces.Content({}, {}, ("widgets: broken",)).is_empty


def a_claim(storage_class=None):
    spec = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
    if storage_class is not None:
        spec["storageClassName"] = storage_class
    return {"metadata": {"name": "c", "namespace": "default"}, "spec": spec}


def test_a_claim_is_bound_at_once():
    claim = a_claim("standard")
    assert claims.refusal_of(claim) is None
    (write,) = claims.plan(claim)
    assert write.obj["status"] == {
        "phase": "Bound",
        "accessModes": ["ReadWriteOnce"],
        "capacity": {"storage": "1Gi"},
    }
    assert claims.plan(dict(write.obj)) == []


def test_a_claim_of_an_unknown_class_is_refused_by_name():
    assert claims.refusal_of(a_claim("ssd")) == (
        'storageclass.storage.k8s.io "ssd" not found: this cluster has directories only '
        '(storage class "standard")'
    )


def a_node(ready="True"):
    condition = {"type": "Ready", "status": ready, "lastTransitionTime": objects.THEN}
    return {"metadata": {"name": "node-1"}, "status": {"conditions": [condition]}}


def test_a_node_that_fell_silent_is_not_known_to_be_ready():
    lease = {"node-1": {"spec": {"renewTime": objects.later(-60)}}}
    (write,) = upkeep.plan_nodes([a_node()], lease, objects.NOW)
    (condition,) = write.obj["status"]["conditions"]
    assert (condition["status"], condition["reason"]) == ("Unknown", "NodeStatusUnknown")


def test_a_node_that_renews_or_is_unknown_already_is_left_alone():
    fresh = {"node-1": {"spec": {"renewTime": objects.later(-5)}}}
    stale = {"node-1": {"spec": {"renewTime": objects.later(-60)}}}
    assert upkeep.plan_nodes([a_node()], fresh, objects.NOW) == []
    assert upkeep.plan_nodes([a_node()], {}, objects.NOW) == []
    assert upkeep.plan_nodes([a_node("Unknown")], stale, objects.NOW) == []


def test_the_oldest_ended_pods_beyond_the_limit_go():
    pods = [
        objects.a_pod(f"p{number}", phase="Failed", created=objects.later(number))
        for number in range(upkeep.MAX_ENDED_PODS + 2)
    ]
    found = upkeep.plan_ended_pods([objects.a_pod("runs"), *reversed(pods)])
    assert [one.name for one in found] == ["p0", "p1"]
    assert found[0].grace_period_seconds == 0


def test_events_end_an_hour_after_they_were_last_told():
    def an_event(name, **times):
        return {"metadata": {"name": name, "namespace": "default", "uid": name}, **times}

    events = [
        an_event("old", lastTimestamp=objects.later(-3700)),
        an_event("told-again", eventTime=objects.later(-9000), lastTimestamp=objects.later(-60)),
        an_event("new", eventTime=objects.later(-60)),
    ]
    assert upkeep.plan_events(events, objects.NOW) == [
        actions.Delete(gvk.EVENTS, "default", "old", uid="old")
    ]
    much_later = objects.NOW + datetime.timedelta(hours=3)
    assert len(upkeep.plan_events(events, much_later)) == 3


def test_the_catalog_holds_what_can_be_listed_watched_and_deleted():
    def served(resource, *verbs):
        return discovery.Served(resource, frozenset(verbs))

    full = ("create", "delete", "get", "list", "watch")
    found = catalog.collectable(
        [served(gvk.PODS, *full), served(gvk.EVENTS, *full), served(gvk.TOKENREVIEWS, "create")]
    )
    assert found == {gvk.PODS}


def test_an_established_definition_that_is_not_served_yet_is_missing():
    def a_crd(name, established):
        condition = {"type": "Established", "status": "True" if established else "False"}
        return {"metadata": {"name": name}, "status": {"conditions": [condition]}}

    crds = [a_crd("functions.fission.io", True), a_crd("late.fission.io", False)]
    assert catalog.missing_of(crds, []) == ["functions.fission.io"]
    served = gvk.Resource("fission.io", "v1", "Function", "functions")
    assert catalog.missing_of(crds, [served]) == []
