import pytest

from fission.api import kuberneteswatchtrigger_types
from fission.base import errors
from fission.kubewatcher import config, plan, telling
from fission.meta import gvk


def a_call(**changes):
    trigger = kuberneteswatchtrigger_types.KubernetesWatchTrigger()
    trigger.metadata.name = "t"
    trigger.metadata.namespace = "default"
    trigger.metadata.uid = "trigger-uid"
    trigger.spec.function_ref.name = "hello"
    values = {
        "type": "ADDED",
        "name": "a",
        "seen": plan.Seen("object-uid", "5"),
        "resource_version": "5",
        "body": b"{}",
    }
    return telling.make_call(trigger, gvk.PODS, plan.Event(**values | changes), 7.0)


def test_a_call_says_what_happened_to_what():
    call = a_call()

    assert (call.namespace, call.method, call.timeout_seconds) == ("default", "POST", 7.0)
    assert call.headers == (
        ("Content-Type", "application/json"),
        ("X-Kubernetes-Event-Type", "ADDED"),
        ("X-Kubernetes-Object-Type", "Pod"),
    )


def test_an_event_that_is_sent_again_has_the_same_request_id():
    assert a_call().request_id == a_call().request_id == "trigger-uid.object-uid.5.ADDED"
    assert a_call(type="DELETED").request_id != a_call().request_id


def test_a_call_says_when_the_object_could_not_be_shown_whole():
    call = a_call(is_partial=True, resource_version="")

    assert ("X-Kubernetes-Object-Partial", "true") in call.headers
    assert call.request_id == "trigger-uid.object-uid.5.ADDED"


@pytest.mark.parametrize("status", [200, 302, 400, 404])
def test_what_a_function_answers_for_good(status):
    assert status in telling.ANSWERED


@pytest.mark.parametrize("status", [408, 425, 429, 500, 503])
def test_what_a_function_answers_to_come_again(status):
    assert status not in telling.ANSWERED


def test_settings_have_bounds():
    assert config.from_env({}).watched_namespace == "default"
    assert config.from_env({"FISSION_TENANCY_MODE": "cluster"}).watched_namespace is None
    for env in ({"KUBEWATCHER_ATTEMPTS": "0"}, {"FISSION_TENANCY_MODE": "some"}):
        with pytest.raises(errors.SettingsError, match=next(iter(env))):
            config.from_env(env)
