import orjson
import pytest

from fission.kube import requests
from fission.meta import gvk


def test_a_list_page_names_what_is_set_and_nothing_else():
    request = requests.list_page(gvk.PODS, "default", label_selector={"app": "web"}, limit=500)
    assert request.method == "GET"
    assert request.path == "/api/v1/namespaces/default/pods?labelSelector=app%3Dweb&limit=500"
    assert requests.list_page(gvk.NODES, None).path == "/api/v1/nodes"


def test_a_following_page_carries_no_resource_version():
    request = requests.list_page(gvk.PODS, None, continue_token="abc", resource_version="7")
    assert request.path == "/api/v1/pods?continue=abc"


def test_a_watch_asks_for_bookmarks():
    request = requests.watch(
        gvk.DEPLOYMENTS,
        "default",
        resource_version="12",
        field_selector={"metadata.name": "web"},
        timeout_seconds=300,
    )
    assert request.path == (
        "/apis/apps/v1/namespaces/default/deployments?watch=true&allowWatchBookmarks=true"
        "&resourceVersion=12&fieldSelector=metadata.name%3Dweb&timeoutSeconds=300"
    )


def test_a_streaming_list_needs_its_match():
    request = requests.watch(gvk.PODS, None, initial_events=True)
    assert request.path == (
        "/api/v1/pods?watch=true&allowWatchBookmarks=true"
        "&sendInitialEvents=true&resourceVersionMatch=NotOlderThan"
    )


def test_a_write_to_a_subresource():
    request = requests.write(
        "POST", gvk.PODS, {"a": 1}, "default", "web", subresource="binding", dry_run=True
    )
    assert request.path == "/api/v1/namespaces/default/pods/web/binding?dryRun=All"
    assert orjson.loads(request.body) == {"a": 1}


@pytest.mark.parametrize(
    ("kind", "content_type"),
    [
        ("merge", "application/merge-patch+json"),
        ("json", "application/json-patch+json"),
        ("strategic", "application/strategic-merge-patch+json"),
        ("apply", "application/apply-patch+yaml"),
    ],
)
def test_a_patch_names_its_document_type(kind, content_type):
    request = requests.patch(gvk.PODS, "web", {}, "default", kind=kind)
    assert (request.method, request.content_type) == ("PATCH", content_type)


def test_an_unknown_patch_kind_is_refused_by_name():
    with pytest.raises(ValueError, match="'yaml' is unknown; allowed are json, merge"):
        requests.patch(gvk.PODS, "web", {}, "default", kind="yaml")


def test_force_and_manager_travel_in_the_query():
    request = requests.patch(
        gvk.CONFIGMAPS, "c", {}, "d", kind="apply", field_manager="m", force=True
    )
    assert request.path == "/api/v1/namespaces/d/configmaps/c?fieldManager=m&force=true"


def test_a_delete_carries_its_options_in_the_body():
    request = requests.delete(
        gvk.PODS,
        "web",
        "default",
        grace_period_seconds=0,
        propagation="Background",
        precondition_uid="u1",
    )
    assert orjson.loads(request.body) == {
        "kind": "DeleteOptions",
        "apiVersion": "v1",
        "gracePeriodSeconds": 0,
        "propagationPolicy": "Background",
        "preconditions": {"uid": "u1"},
    }
