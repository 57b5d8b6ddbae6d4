from fission.base import clock
from fission.kube import leases

TIMING = leases.Timing()
NOW = clock.ManualClock().now()
MOMENT = "2026-01-01T00:00:00.000000Z"


def planned(observed, monotonic=100.0, identity="me"):
    return leases.plan(observed, "fission", "timer", identity, NOW, monotonic, TIMING)


def a_lease(holder, transitions=3, duration=15):
    return {
        "metadata": {"name": "timer", "namespace": "fission", "resourceVersion": "7"},
        "spec": {
            "holderIdentity": holder,
            "leaseDurationSeconds": duration,
            "acquireTime": "2025-01-01T00:00:00.000000Z",
            "renewTime": "2025-01-01T00:00:00.000000Z",
            "leaseTransitions": transitions,
        },
    }


def test_a_lease_that_is_not_there_is_made():
    assert planned(None) == {
        "apiVersion": "coordination.k8s.io/v1",
        "kind": "Lease",
        "metadata": {"name": "timer", "namespace": "fission"},
        "spec": {
            "holderIdentity": "me",
            "leaseDurationSeconds": 15,
            "renewTime": MOMENT,
            "acquireTime": MOMENT,
            "leaseTransitions": 0,
        },
    }


def test_an_own_lease_is_renewed_with_the_version_that_was_seen():
    lease = planned(leases.Observed(a_lease("me"), since=99.0))
    assert lease["metadata"]["resourceVersion"] == "7"
    assert lease["spec"]["renewTime"] == MOMENT
    assert lease["spec"]["acquireTime"] == "2025-01-01T00:00:00.000000Z"
    assert lease["spec"]["leaseTransitions"] == 3


def test_a_lease_of_another_is_respected_for_its_duration_since_it_was_seen():
    assert planned(leases.Observed(a_lease("you"), since=86.0)) is None


def test_a_lease_that_nobody_renewed_is_taken_over():
    lease = planned(leases.Observed(a_lease("you"), since=85.0))
    assert lease["spec"]["holderIdentity"] == "me"
    assert lease["spec"]["leaseTransitions"] == 4
    assert lease["spec"]["acquireTime"] == MOMENT


def test_a_released_lease_is_free_at_once():
    assert planned(leases.Observed(a_lease(""), since=100.0)) is not None


def test_the_observed_lease_is_not_changed():
    observed = leases.Observed(a_lease("me"), since=99.0)
    planned(observed)
    assert observed.lease == a_lease("me")
