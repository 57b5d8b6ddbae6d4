"""Expected objects are what a real kubelet answered, with our own node's words in its place."""

from fission.cluster.kubelet import podstate, podstatus
from fission.cluster.kubelet.podstate import (
    Deleted,
    Exited,
    SandboxFailed,
    SandboxReady,
    Started,
    StartFailed,
)

FACTS = podstatus.Facts(host_ip="127.0.0.1", pod_ip="127.9.0.1", start_time=0.0)
MOUNT = {"name": "v", "mountPath": "/v", "readOnly": True}


def a_pod(restart_policy="Always", **changes):
    return {
        "metadata": {"name": "web", "namespace": "wl", "uid": "u1", "generation": 1},
        "spec": {
            "restartPolicy": restart_policy,
            "containers": [{"name": "c", "image": "registry.example/x:1", "volumeMounts": [MOUNT]}],
            **changes,
        },
        "status": {"phase": "Pending", "qosClass": "BestEffort"},
    }


def status_after(pod, *stimuli, facts=FACTS, now=60.0):
    rules = podstate.parse_rules(pod)
    state = podstate.fresh(rules)
    for stimulus in stimuli:
        state = podstate.step(rules, state, stimulus, now).state
    return podstatus.make_status(pod, rules, state, facts, now)


def conditions(status):
    return {c["type"]: c["status"] for c in status["conditions"]}


def test_a_pod_whose_container_is_being_made():
    status = status_after(a_pod(), facts=podstatus.Facts(host_ip="127.0.0.1"))

    unready = {
        "reason": "ContainersNotReady",
        "message": "containers with unready status: [c]",
    }
    common = {"observedGeneration": 1, "lastProbeTime": None}
    at = {"lastTransitionTime": "1970-01-01T00:01:00Z"}
    assert status == {
        "observedGeneration": 1,
        "phase": "Pending",
        "conditions": [
            {"type": "PodReadyToStartContainers", "status": "False", **common, **at},
            {"type": "Initialized", "status": "True", **common, **at},
            {"type": "Ready", "status": "False", **common, **at, **unready},
            {"type": "ContainersReady", "status": "False", **common, **at, **unready},
            {"type": "PodScheduled", "status": "True", **common, **at},
        ],
        "hostIP": "127.0.0.1",
        "hostIPs": [{"ip": "127.0.0.1"}],
        "startTime": "1970-01-01T00:00:00Z",
        "containerStatuses": [
            {
                "name": "c",
                "state": {"waiting": {"reason": "ContainerCreating"}},
                "lastState": {},
                "ready": False,
                "restartCount": 0,
                "image": "registry.example/x:1",
                "imageID": "",
                "started": False,
                "volumeMounts": [{**MOUNT, "recursiveReadOnly": "Disabled"}],
            }
        ],
        "qosClass": "BestEffort",
    }


def test_a_ready_pod():
    status = status_after(a_pod(), SandboxReady(), Started("c", "fission://1", 50.0))

    assert status["phase"] == "Running"
    assert set(conditions(status).values()) == {"True"}
    assert status["podIPs"] == [{"ip": "127.9.0.1"}]
    [container] = status["containerStatuses"]
    assert container["state"] == {"running": {"startedAt": "1970-01-01T00:00:50Z"}}
    assert (container["ready"], container["started"]) == (True, True)


def test_a_crash_loop():
    status = status_after(
        a_pod(),
        SandboxReady(),
        Started("c", "fission://1", 50.0),
        Exited("c", 3, 60.0),
        Started("c", "fission://2", 60.0),
        Exited("c", 3, 60.0),
    )

    [container] = status["containerStatuses"]
    assert status["phase"] == "Running"
    assert container["state"] == {
        "waiting": {
            "reason": "CrashLoopBackOff",
            "message": "back-off 1s restarting failed container=c pod=web_wl(u1)",
        }
    }
    assert container["lastState"]["terminated"]["exitCode"] == 3
    assert container["restartCount"] == 1


def test_a_missing_image():
    status = status_after(
        a_pod(), SandboxReady(), StartFailed("c", "ErrImageNeverPull", "image x is not here")
    )

    assert status["phase"] == "Pending"
    assert status["containerStatuses"][0]["state"] == {
        "waiting": {"reason": "ErrImageNeverPull", "message": "image x is not here"}
    }


def test_a_missing_volume_is_named():
    status = status_after(a_pod(), SandboxFailed("FailedMount", 'secret "s" not found'))

    first = status["conditions"][0]
    assert (first["type"], first["status"], first["message"]) == (
        "PodReadyToStartContainers",
        "False",
        'secret "s" not found',
    )


def test_a_pod_that_completed():
    status = status_after(
        a_pod(restart_policy="Never"),
        SandboxReady(),
        Started("c", "fission://1", 50.0),
        Exited("c", 0, 60.0),
    )

    assert status["phase"] == "Succeeded"
    reasons = {c["type"]: c.get("reason") for c in status["conditions"]}
    assert reasons == {
        "PodReadyToStartContainers": None,
        "Initialized": "PodCompleted",
        "Ready": "PodCompleted",
        "ContainersReady": "PodCompleted",
        "PodScheduled": None,
    }
    assert conditions(status)["PodReadyToStartContainers"] == "False"


def test_a_deleted_pod_that_had_to_be_killed_failed():
    status = status_after(
        a_pod(),
        SandboxReady(),
        Started("c", "fission://1", 50.0),
        Deleted(60.0),
        Exited("c", 137, 60.0),
    )

    assert status["phase"] == "Failed"
    assert status["containerStatuses"][0]["state"]["terminated"]["reason"] == "Error"


def test_transition_times_and_foreign_conditions_are_kept():
    pod = a_pod(readinessGates=[{"conditionType": "ex.com/gate"}])
    gate = {"type": "ex.com/gate", "status": "True", "lastTransitionTime": None}
    old = {"type": "PodScheduled", "status": "True", "lastTransitionTime": "2026-01-01T00:00:00Z"}
    pod["status"]["conditions"] = [gate, old]

    status = status_after(pod, SandboxReady(), Started("c", "fission://1", 50.0))

    assert status["conditions"][0] == gate
    assert status["conditions"][-1]["lastTransitionTime"] == "2026-01-01T00:00:00Z"
    assert conditions(status)["Ready"] == "True"


def test_a_closed_readiness_gate_keeps_the_pod_unready():
    pod = a_pod(readinessGates=[{"conditionType": "ex.com/gate"}])

    status = status_after(pod, SandboxReady(), Started("c", "fission://1", 50.0))

    ready = next(c for c in status["conditions"] if c["type"] == "Ready")
    assert ready["reason"] == "ReadinessGatesNotReady"
    assert conditions(status)["ContainersReady"] == "True"


def test_what_confinement_lacks_is_a_condition():
    facts = podstatus.Facts(host_ip="h", pod_ip="p", unconfined=("Ports are not limited.",))

    status = status_after(a_pod(), SandboxReady(), facts=facts)

    assert status["conditions"][-1]["type"] == "Confined"
    assert status["conditions"][-1]["message"] == "Ports are not limited."


def test_quality_classes():
    def pod(resources):
        return {"spec": {"containers": [{"resources": resources}]}}

    both = {"cpu": "1", "memory": "1Gi"}
    assert podstatus.quality_class(pod({})) == "BestEffort"
    assert podstatus.quality_class(pod({"limits": both})) == "Guaranteed"
    assert podstatus.quality_class(pod({"limits": both, "requests": {"cpu": "1m"}})) == "Burstable"


def test_a_condition_tells_why_a_container_cannot_start():
    failed = StartFailed("c", "ImageNeedsUnmet", "image x needs node: apt-get install nodejs")
    status = status_after(a_pod(), SandboxReady(), failed)
    found = {c["type"]: c for c in status["conditions"]}
    assert found["Ready"]["message"] == (
        "containers with unready status: [c]; c: image x needs node: apt-get install nodejs"
    )
