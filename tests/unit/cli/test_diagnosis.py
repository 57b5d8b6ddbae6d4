import dataclasses
import json

import pytest

from fission.cli.function import diagnosis


def a_function(executor="poolmgr", *, scale=(0, 1), package="", conditions=()):
    return {
        "metadata": {"name": "hello", "namespace": "default", "uid": "f", "generation": 2},
        "spec": {
            "environment": {"namespace": "default", "name": "python"},
            "package": {"packageref": {"namespace": "default", "name": package}},
            "InvokeStrategy": {
                "ExecutionStrategy": {
                    "ExecutorType": executor,
                    "MinScale": scale[0],
                    "MaxScale": scale[1],
                }
            },
        },
        "status": {"conditions": list(conditions)},
    }


def an_environment(size=3):
    return {
        "metadata": {"name": "python"},
        "spec": {"version": 3, "runtime": {"image": "x"}, "poolsize": size},
    }


def a_pod(name="p", *, ready=True, executor="poolmgr", container=None, annotations=None):
    status = {
        "phase": "Running",
        "podIP": "127.1.2.3",
        "conditions": [{"type": "Ready", "status": "True" if ready else "False"}],
        "containerStatuses": [{"name": "c", "ready": ready, "state": {}, **(container or {})}],
    }
    marks = {"executorType": executor, "fission.io/served": "true"}
    metadata = {"name": name, "uid": name, "labels": marks, "annotations": annotations or {}}
    return {"metadata": metadata, "status": status}


CRASHING = {
    "restartCount": 4,
    "state": {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off 40s"}},
    "lastState": {"terminated": {"reason": "OOMKilled", "exitCode": 137}},
}
PULLING = {"state": {"waiting": {"reason": "ErrImagePull", "message": "no such image"}}}


def not_ready(generation):
    return {
        "type": "Ready",
        "status": "False",
        "message": "it does not load",
        "observedGeneration": generation,
    }


POOLED = diagnosis.Facts(a_function(), environment=an_environment())
SCALED = diagnosis.Facts(a_function("newdeploy"), environment=an_environment())


@pytest.mark.parametrize(
    ("facts", "changes", "wanted"),
    [
        (POOLED, {}, "Yes (cold start on first call)"),
        (POOLED, {"pool": (a_pod(),)}, "Yes (cold start on first call)"),
        (POOLED, {"environment": None}, 'No - its environment "python" does not exist'),
        (
            POOLED,
            {"environment": an_environment(0)},
            "Yes (cold start on first call; the pool is of size 0, so a pod is made first)",
        ),
        (
            POOLED,
            {"pool": (a_pod("g", ready=False, container=PULLING),)},
            "No - no pod of its environment starts: pod g: container c: ErrImagePull no such image",
        ),
        (POOLED, {"function": a_function(package="gone")}, "No - its package does not exist"),
        (
            POOLED,
            {"pods": (a_pod("a"), a_pod("b", ready=False))},
            "Yes (1 of 2 warm pod(s) serving)",
        ),
        (
            POOLED,
            {"function": a_function(conditions=[not_ready(2)])},
            "No - function not Ready: it does not load",
        ),
        (
            POOLED,
            {"function": a_function(conditions=[not_ready(1)])},
            "Yes (cold start on first call)",
        ),
        (SCALED, {}, "Yes (cold start on first call)"),
        (
            SCALED,
            {"function": a_function("newdeploy", scale=(1, 1))},
            "No - no pod is ready yet; calls wait for the first",
        ),
        (
            SCALED,
            {"pods": (a_pod(ready=False, executor="newdeploy", container=CRASHING),)},
            "No - pod p: container c: CrashLoopBackOff back-off 40s",
        ),
        (
            SCALED,
            {"pods": (a_pod(executor="newdeploy"),)},
            "Yes (1 of 1 warm pod(s) serving)",
        ),
        (
            SCALED,
            {"function": a_function("container"), "environment": None},
            "Yes (cold start on first call)",
        ),
    ],
)
def test_whether_a_call_would_be_answered(facts, changes, wanted):
    assert diagnosis.invocable(dataclasses.replace(facts, **changes)) == wanted


def test_troubles_of_pods():
    pods = (
        a_pod("fine"),
        a_pod("crashing", ready=False, container=CRASHING),
        a_pod("again", container={"restartCount": 1, "state": {"running": {}}}),
    )

    assert diagnosis.troubles(pods) == [
        ("again", "c", "1", "Running", "<none>"),
        (
            "crashing",
            "c",
            "4",
            "CrashLoopBackOff",
            "back-off 40s; last ended: OOMKilled (code 137)",
        ),
    ]


def start(at, total, **steps):
    named = [{"name": name, "ms": ms} for name, ms in steps.items()]
    return {"fission.io/cold-start": json.dumps({"at": at, "totalMs": total, "steps": named})}


def test_cold_starts_by_step_the_newest_first():
    facts = dataclasses.replace(
        POOLED,
        pods=(
            a_pod("old", annotations=start("2026-01-01T00:00:00Z", 12.5, pod=1, fetch=4, load=7.5)),
            a_pod("odd", annotations={"fission.io/cold-start": "{"}),
            a_pod("own", annotations={"fission.io/cold-start": '{"totalMs": 1, "steps": 5}'}),
            a_pod("none"),
        ),
        deployments=(
            {"metadata": {"name": "d", "annotations": start("2026-01-01T00:00:01Z", 250)}},
        ),
    )

    assert diagnosis.cold_starts(facts) == [
        ("2026-01-01T00:00:01Z", "250 ms", "<none>", "d"),
        ("2026-01-01T00:00:00Z", "12.5 ms", "pod 1, fetch 4, load 7.5", "old"),
        ("", "1 ms", "<none>", "own"),
    ]


def an_event(uid, seen):
    return {"metadata": {}, "involvedObject": {"uid": uid}, "lastTimestamp": seen}


def test_events_of_the_function_and_its_pods():
    events = (an_event("p", "2"), an_event("other", "3"), an_event("f", "1"))
    facts = dataclasses.replace(POOLED, pods=(a_pod(),), events=events)

    assert [each["lastTimestamp"] for each in diagnosis.events(facts)] == ["1", "2"]
    assert diagnosis.events(dataclasses.replace(facts, events=None)) == []


def test_a_traceback_is_told_by_its_last_line_and_in_full():
    text = "Traceback (most recent call last):\n  File x, line 1\nImportError: no x\n"
    condition = {**not_ready(2), "message": text}
    facts = dataclasses.replace(POOLED, function=a_function(conditions=[condition]))

    assert diagnosis.invocable(facts) == "No - function not Ready: ImportError: no x"
    assert diagnosis.long_failure(facts) == text.rstrip()
    assert diagnosis.long_failure(POOLED) == ""
