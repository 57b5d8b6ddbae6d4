import pytest

from fission.cluster.kubelet import errors, probes


def a_rule(**changes):
    [rule] = probes.parse_rules({"name": "c", "readinessProbe": {"tcpSocket": {}, **changes}})
    return rule


def test_defaults_are_the_apis():
    rule = a_rule()

    assert (rule.period_seconds, rule.timeout_seconds) == (10, 1)
    assert (rule.success_threshold, rule.failure_threshold) == (1, 3)


def test_a_verdict_comes_when_a_threshold_is_reached_and_only_on_a_change():
    counter = probes.Counter(a_rule(failureThreshold=2, successThreshold=2))
    answers = [True, True, True, False, True, False, False, False, True, True]

    verdicts = [counter.take(ok) for ok in answers]

    assert verdicts == [None, True, None, None, None, None, False, None, None, True]


@pytest.mark.parametrize("kind", ["grpc"])
def test_other_kinds_are_refused_by_name(kind):
    with pytest.raises(errors.Refused, match=f"readinessProbe.{kind} is not supported"):
        probes.parse_rules({"name": "c", "readinessProbe": {kind: {}}})
