import dataclasses
import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fission.base import clock as clocks
from fission.cluster.reconcilers.horizontalpodautoscaler import behavior, plan, replicas
from fission.meta import conditions

NOW = datetime.datetime(2026, 1, 1, 12, 0, tzinfo=datetime.UTC)
OLD = NOW - datetime.timedelta(hours=1)
MOMENT = replicas.Moment(NOW)
DEFAULT = behavior.Behavior()


def at(moment):
    return clocks.format_rfc3339(moment)


def a_pod(name="p0", *, request="100m", started=OLD, ready_since=OLD, ready=True, **status):
    container = {"name": "web", "resources": {"requests": {"cpu": request} if request else {}}}
    found = {
        "phase": "Running",
        "startTime": at(started),
        "conditions": [
            {
                "type": "Ready",
                "status": "True" if ready else "False",
                "lastTransitionTime": at(ready_since),
            }
        ],
        **status,
    }
    return {"metadata": {"name": name}, "spec": {"containers": [container]}, "status": found}


def use(name="p0", cpu="50m", *, container="web", window="10s", when=NOW):
    return {
        "metadata": {"name": name},
        "timestamp": at(when),
        "window": window,
        "containers": [{"name": container, "usage": {"cpu": cpu, "memory": "16Mi"}}],
    }


def an_hpa(target=50, *, least=1, most=10, metrics=None, rules=None, status=None):
    if metrics is None:
        wanted = {"type": "Utilization", "averageUtilization": target}
        metrics = [{"type": "Resource", "resource": {"name": "cpu", "target": wanted}}]
    spec = {"minReplicas": least, "maxReplicas": most, "metrics": metrics}
    if rules is not None:
        spec["behavior"] = rules
    return {"metadata": {"name": "web"}, "spec": spec, "status": status or {}}


def look(hpa, cpus, *, count=None, memory=None, now=1000.0, **observed):
    pods = observed.pop("pods", None) or [a_pod(f"p{i}") for i in range(len(cpus))]
    metrics = [use(f"p{i}", f"{cpu}m") for i, cpu in enumerate(cpus) if cpu is not None]
    target = plan.Target(len(pods) if count is None else count, "app=web")
    seen = plan.Observed(target, pods=pods, metrics=metrics, **observed)
    return plan.decide(hpa, seen, memory or behavior.Memory(), DEFAULT, MOMENT, now)


def condition(decision, type_):
    found = conditions.get(decision.conditions, type_)
    return (found["status"], found["reason"]) if found else None


# --- one metric ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cpus", "wanted"),
    [([100], 2), ([50], 1), ([55], 1), ([56], 2), ([100, 100], 4), ([30, 30, 30, 30], 3)],
)
def test_use_over_target_times_pods_rounded_up_within_a_tolerance(cpus, wanted):
    rules = {"scaleDown": {"stabilizationWindowSeconds": 0}}
    decision = look(an_hpa(50, rules=rules), cpus)
    assert decision.desired == wanted
    assert condition(decision, "ScalingActive") == ("True", "ValidMetricFound")


def test_the_status_tells_utilization_and_average():
    decision = look(an_hpa(50), [100])
    assert decision.metrics == (
        {
            "type": "Resource",
            "resource": {
                "name": "cpu",
                "current": {"averageUtilization": 100, "averageValue": "100m"},
            },
        },
    )
    assert decision.why == "cpu resource utilization (percentage of request) above target"


def test_a_container_is_judged_alone_and_a_missing_one_says_nothing():
    target = {"type": "Utilization", "averageUtilization": 50}

    def metric(container):
        source = {"name": "cpu", "container": container, "target": target}
        return [{"type": "ContainerResource", "containerResource": source}]

    decision = look(an_hpa(metrics=metric("web")), [100])
    assert decision.desired == 2
    assert decision.metrics[0]["containerResource"]["container"] == "web"
    assert decision.why.startswith("cpu container resource utilization")
    assert condition(look(an_hpa(metrics=metric("other")), [100]), "ScalingActive") == (
        "False",
        "FailedGetContainerResourceMetric",
    )


@pytest.mark.parametrize(("name", "target", "wanted"), [("cpu", "40m", 3), ("memory", "8Mi", 2)])
def test_an_average_value_needs_no_request(name, target, wanted):
    metric = {"name": name, "target": {"type": "AverageValue", "averageValue": target}}
    hpa = an_hpa(metrics=[{"type": "Resource", "resource": metric}])
    decision = look(hpa, [100], pods=[a_pod(request=None)])
    assert decision.desired == wanted


def test_without_a_request_a_share_of_it_is_unknown_by_name():
    decision = look(an_hpa(), [100], pods=[a_pod(request=None)])
    found = conditions.get(decision.conditions, "ScalingActive")
    assert (found["reason"], found["message"]) == (
        "FailedGetResourceMetric",
        "the HPA was unable to compute the replica count: failed to get cpu utilization: "
        "missing request for cpu in container web of Pod p0",
    )
    assert decision.events == (("Warning", "FailedGetResourceMetric", found["message"]),)
    again = look(an_hpa(status={"conditions": list(decision.conditions)}), [100], pods=[
        a_pod(request=None)
    ])  # fmt: skip
    assert (again.events, again.rescales) == ((), False)


@pytest.mark.parametrize("kind", ["Pods", "Object", "External"])
def test_metrics_without_a_source_are_refused_by_name(kind):
    metric = {"type": kind, kind.lower(): {"metric": {"name": "requests"}}}
    decision = look(an_hpa(metrics=[metric]), [100])
    assert condition(decision, "ScalingActive") == ("False", f"FailedGet{kind}Metric")
    assert "does not serve" in conditions.get(decision.conditions, "ScalingActive")["message"]


def test_the_largest_proposal_wins_and_a_failed_metric_forbids_less():
    percent = {"type": "Utilization", "averageUtilization": 50}
    value = {"type": "AverageValue", "averageValue": "1Mi"}
    metrics = [
        {"type": "Resource", "resource": {"name": "cpu", "target": percent}},
        {"type": "Resource", "resource": {"name": "memory", "target": value}},
    ]
    both = look(an_hpa(metrics=metrics), [50])
    assert (both.desired, both.why) == (5, "memory resource above target")
    broken = [metrics[0], {"type": "Pods", "pods": {"metric": {"name": "x"}}}]
    more, fewer = look(an_hpa(metrics=broken), [100]), look(an_hpa(metrics=broken), [1, 1, 1])
    assert (more.desired, more.metrics[1]) == (2, {"type": ""})
    assert not fewer.rescales


# --- pods that cannot be judged -----------------------------------------------------------------


def test_a_starting_pod_counts_once_it_was_ready_for_a_whole_window():
    young = NOW - datetime.timedelta(seconds=40)
    soon, settled = (NOW - datetime.timedelta(seconds=s) for s in (5, 15))
    busy = a_pod("p0")
    starting = a_pod("p1", started=young, ready_since=soon)
    assert look(an_hpa(), [100, 100], pods=[busy, starting]).desired == 2
    ready = a_pod("p1", started=young, ready_since=settled)
    assert look(an_hpa(), [100, 100], pods=[busy, ready]).desired == 4


def test_pending_pods_are_taken_for_idle_when_more_are_wanted():
    waiting = a_pod("p1", phase="Pending")
    assert look(an_hpa(), [100, None], pods=[a_pod("p0"), waiting]).desired == 2
    assert look(an_hpa(), [300, None], pods=[a_pod("p0"), waiting]).desired == 6


def test_unmeasured_pods_are_taken_for_busy_when_fewer_are_wanted_and_for_idle_otherwise():
    rules = {"scaleDown": {"stabilizationWindowSeconds": 0}}
    assert look(an_hpa(rules=rules), [10, None]).desired == 2
    assert look(an_hpa(rules=rules), [10, 10, 10, None]).desired == 3
    assert look(an_hpa(rules=rules), [100, None]).desired == 2


def test_dying_and_failed_pods_are_left_out():
    dying = a_pod("p1")
    dying["metadata"]["deletionTimestamp"] = at(NOW)
    failed = a_pod("p2", phase="Failed")
    assert look(an_hpa(), [100, 0, 0], pods=[a_pod("p0"), dying, failed], count=1).desired == 2


def test_without_metrics_nothing_happens_and_the_cause_is_named():
    decision = look(an_hpa(), [None], why_no_metrics="the kubelet does not answer")
    assert not decision.rescales
    found = conditions.get(decision.conditions, "ScalingActive")
    assert found["message"].endswith("the kubelet does not answer")


# --- bounds and behavior ------------------------------------------------------------------------


def test_at_zero_it_is_inert():
    decision = look(an_hpa(), [100], count=0)
    assert (decision.desired, decision.rescales) == (0, False)
    assert condition(decision, "ScalingActive") == ("False", "ScalingDisabled")


@pytest.mark.parametrize(("count", "wanted"), [(1, 2), (9, 5)])
def test_bounds_hold_whatever_metrics_say(count, wanted):
    decision = look(an_hpa(least=2, most=5), [50] * count)
    assert decision.desired == wanted
    assert "Current number of replicas" in decision.why


def test_a_lost_target_and_a_lost_selector_are_told():
    lost = plan.decide(
        an_hpa(), plan.Observed(None, "gone"), behavior.Memory(), DEFAULT, MOMENT, 0.0
    )
    assert condition(lost, "AbleToScale") == ("False", "FailedGetScale")
    nothing = plan.Observed(plan.Target(1, ""))
    decision = plan.decide(an_hpa(), nothing, behavior.Memory(), DEFAULT, MOMENT, 0.0)
    assert condition(decision, "ScalingActive") == ("False", "InvalidSelector")
    shared = look(an_hpa(), [100], rivals=["ns/a", "ns/b"])
    assert condition(shared, "ScalingActive") == ("False", "AmbiguousSelector")


def test_up_goes_by_four_or_by_doubling_and_says_so():
    decision = look(an_hpa(most=100), [1000])
    assert decision.desired == 5
    assert condition(decision, "ScalingLimited") == ("True", "ScaleUpLimit")
    assert look(an_hpa(most=100), [1000] * 10).desired == 20
    capped = look(an_hpa(most=3), [1000])
    assert (capped.desired, condition(capped, "ScalingLimited")) == (3, ("True", "TooManyReplicas"))


def test_a_period_counts_what_was_added_in_it():
    first = look(an_hpa(most=100), [1000], now=0.0)
    again = look(an_hpa(most=100), [1000] * 5, memory=first.memory, now=10.0)
    later = look(an_hpa(most=100), [1000] * 5, memory=first.memory, now=15.5)
    assert (again.desired, later.desired) == (5, 10)


def test_down_waits_for_the_window():
    first = look(an_hpa(), [50] * 4, now=0.0)
    quiet = look(an_hpa(), [1] * 4, memory=first.memory, now=100.0)
    assert (quiet.desired, condition(quiet, "AbleToScale")) == (4, ("True", "ScaleDownStabilized"))
    over = look(an_hpa(), [1] * 4, memory=quiet.memory, now=301.0)
    assert (over.desired, over.why) == (1, "All metrics below target")


def test_after_a_restart_nothing_shrinks_at_once():
    assert not look(an_hpa(), [1] * 4).rescales


def test_policies_select_disable_and_have_their_own_tolerance():
    rules = {
        "scaleUp": {
            "selectPolicy": "Min",
            "policies": [
                {"type": "Pods", "value": 1, "periodSeconds": 60},
                {"type": "Percent", "value": 100, "periodSeconds": 60},
            ],
        }
    }
    assert look(an_hpa(rules=rules), [1000] * 3).desired == 4
    assert not look(an_hpa(rules={"scaleUp": {"selectPolicy": "Disabled"}}), [1000]).rescales
    assert not look(an_hpa(rules={"scaleUp": {"tolerance": "1"}}), [100]).rescales
    exact = {"scaleUp": {"tolerance": "0"}}
    assert look(an_hpa(50, rules=exact), [51]).desired == 2


def test_settling_tells_success_and_failure():
    decision = look(an_hpa(), [100])
    status, told = plan.settle(an_hpa(), decision, None, MOMENT)
    assert (status["currentReplicas"], status["desiredReplicas"]) == (1, 2)
    assert status["lastScaleTime"] == at(NOW)
    assert told == [("Normal", "SuccessfulRescale", f"New size: 2; reason: {decision.why}")]
    status, told = plan.settle(an_hpa(), decision, "refused", MOMENT)
    assert status["desiredReplicas"] == 1
    assert told[0][1] == "FailedRescale"


# --- properties ---------------------------------------------------------------------------------

policies = st.builds(
    behavior.Policy, st.sampled_from(["Pods", "Percent"]), st.integers(1, 200), st.just(15.0)
)
rules = st.builds(
    behavior.Rules,
    st.sampled_from([0.0, 30.0, 300.0]),
    st.sampled_from(["Max", "Min", "Disabled"]),
    st.lists(policies, min_size=1, max_size=3).map(tuple),
    st.sampled_from([0.0, 0.1]),
)
behaviors = st.builds(behavior.Behavior, rules, rules)
loads = st.lists(st.integers(0, 4000), min_size=1, max_size=30)


@given(st.integers(1, 5), st.integers(0, 20), behaviors, loads)
def test_any_history_of_load_stays_in_bounds_windows_and_rates(least, extra, how, history):
    most, count, memory = least + extra, least, behavior.Memory()
    taken: list[tuple[float, int]] = []
    wished: list[tuple[float, int]] = []
    for step, load in enumerate(history):
        now = step * 5.0
        cpus = [load // count] * count
        hpa = an_hpa(least=least, most=most)
        seen = plan.Observed(
            plan.Target(count, "app=web"),
            pods=[a_pod(f"p{i}") for i in range(count)],
            metrics=[use(f"p{i}", f"{cpu}m") for i, cpu in enumerate(cpus)],
        )
        decision = plan.decide(hpa, seen, memory, how, MOMENT, now)
        wished.append((now, decision.memory.wishes[-1].replicas))
        memory, new = decision.memory, decision.desired
        assert least <= new <= most
        if new < count:
            assert how.down.select != "Disabled"
            lasting = [w for when, w in wished if when > now - how.down.window_seconds]
            assert new >= min(count, max(lasting, default=0))
        if new > count:
            assert how.up.select != "Disabled"
            begun = count - sum(d for when, d in taken if when > now - 15.0)
            allowed = [
                begun + p.value if p.type == "Pods" else -(-begun * (100 + p.value) // 100)
                for p in how.up.policies
            ]
            assert new <= (max if how.up.select == "Max" else min)(allowed)
        if new != count:
            taken.append((now, new - count))
        count = new


@given(st.integers(1, 10), st.integers(1, 100), st.lists(st.integers(0, 1000), min_size=2))
def test_more_load_never_asks_for_fewer(count, target, totals):
    pods = [a_pod(f"p{i}") for i in range(count)]
    asked = []
    for total in sorted(totals):
        used = {f"p{i}": replicas.Reading(total, NOW, 10.0) for i in range(count)}
        found = replicas.by_percent(
            count, pods, used, "cpu", None, target, replicas.Tolerance(), MOMENT
        )
        asked.append(found.replicas)
    assert asked == sorted(asked)


@given(st.lists(st.one_of(st.none(), st.integers(0, 500)), min_size=1, max_size=8))
def test_what_is_not_known_never_makes_it_worse(cpus):
    """With pods that nobody measured, no larger step is taken than if they were on target."""
    count = len(cpus)
    used = {f"p{i}": replicas.Reading(c, NOW, 10.0) for i, c in enumerate(cpus) if c is not None}
    pods = [a_pod(f"p{i}") for i in range(count)]
    if not used:
        return
    found = replicas.by_percent(count, pods, used, "cpu", None, 50, replicas.Tolerance(), MOMENT)
    complete = {**{f"p{i}": replicas.Reading(50, NOW, 10.0) for i in range(count)}, **used}
    known = replicas.by_percent(
        count, pods, complete, "cpu", None, 50, replicas.Tolerance(), MOMENT
    )
    if found.replicas > count:
        assert found.replicas <= known.replicas
    if found.replicas < count:
        assert found.replicas >= known.replicas


def test_durations_of_windows():
    assert [replicas.seconds_of(text) for text in ("9.996s", "1m30s", "1h0m1s")] == [
        9.996,
        90.0,
        3601.0,
    ]


def test_defaults_are_kubernetes_ones():
    assert behavior.parse(None, DEFAULT) == DEFAULT
    half = behavior.parse({"scaleDown": {"stabilizationWindowSeconds": 5}}, DEFAULT)
    assert half.down == dataclasses.replace(behavior.DOWN, window_seconds=5.0)
