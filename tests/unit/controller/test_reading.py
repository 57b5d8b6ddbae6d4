"""What of the Kubernetes API can be read through the controller, and as what it is asked for."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

import fission.bundle
from fission.api import resources
from fission.controller import reading
from fission.meta import gvk, status

FUNCTIONS = "/apis/fission.io/v1/namespaces/team/functions"
PODS = "/api/v1/namespaces/team/pods"


@pytest.mark.parametrize(
    ("path", "query", "verb", "name", "target"),
    [
        (FUNCTIONS, {}, "list", "", FUNCTIONS),
        (f"{FUNCTIONS}/f", {}, "get", "f", f"{FUNCTIONS}/f"),
        (
            FUNCTIONS,
            {"watch": "true", "timeoutSeconds": "9000"},
            "watch",
            "",
            f"{FUNCTIONS}?watch=true&timeoutSeconds=300",
        ),
        (
            FUNCTIONS,
            {"watch": "1", "fieldSelector": "metadata.name=f"},
            "watch",
            "f",
            f"{FUNCTIONS}?watch=1&fieldSelector=metadata.name%3Df&timeoutSeconds=300",
        ),
        (FUNCTIONS, {"watch": "false", "limit": "5"}, "list", "", f"{FUNCTIONS}?limit=5"),
        (
            f"{PODS}/p/log",
            {"container": "c", "follow": "true"},
            "get",
            "p",
            f"{PODS}/p/log?container=c&follow=true",
        ),
    ],
)
def test_a_path_is_taken_apart_and_written_anew(
    path: str, query: dict[str, str], verb: str, name: str, target: str
) -> None:
    wanted = reading.parse(path, query)

    assert (wanted.operation.verb, wanted.operation.name) == (verb, name)
    assert wanted.operation.namespace == "team"
    assert wanted.target == target
    assert wanted.is_stream == (verb == "watch" or "follow" in query)


def test_a_log_is_another_right_than_its_pod() -> None:
    assert reading.parse(f"{PODS}/p/log", {}).operation.subresource == "log"
    assert reading.parse(f"{PODS}/p", {}).operation.subresource == ""


def test_all_namespaces_are_another_right_than_one() -> None:
    assert reading.parse("/api/v1/pods", {}).operation.namespace == ""
    assert reading.parse("/api/v1/namespaces/team", {}).operation.resource == gvk.NAMESPACES
    assert reading.parse("/api/v1/namespaces", {}).operation.verb == "list"


@pytest.mark.parametrize(
    "path",
    [
        "/api/v1/namespaces/team/secrets",
        "/api/v1/secrets",
        "/api/v1/namespaces/team/serviceaccounts/default",
        "/api/v1/namespaces/team/pods/p/exec",
        "/api/v1/namespaces/team/pods/p/proxy",
        "/api/v1/namespaces/team/services/s/proxy",
        "/api/v1/namespaces/team/pods/p/log/more",
        "/api/v1/namespaces/team/nodes/n",
        "/apis/fission.io/v1/namespaces/team/functions/f/status",
        "/apis/rbac.authorization.k8s.io/v1/clusterroles",
        "/apis/fission.io/v1",
        "/api",
    ],
)
def test_what_is_not_in_the_table_is_forbidden(path: str) -> None:
    with pytest.raises(status.Forbidden, match="through the controller"):
        reading.parse(path, {})


@pytest.mark.parametrize(
    ("path", "query"),
    [
        ("", {}),
        ("/", {}),
        ("/api/v1/namespaces/team/pods/..%2F..%2Fsecrets", {}),
        ("/api/v1/namespaces/team/pods/p%3Fx", {}),
        ("/api/v1//pods", {}),
        (PODS, {"exec": "1"}),
        (PODS, {"watch": "true", "timeoutSeconds": "-1"}),
    ],
)
def test_what_is_no_path_of_the_api_is_refused(path: str, query: dict[str, str]) -> None:
    with pytest.raises(status.BadRequest):
        reading.parse(path, query)


def test_the_controllers_account_may_read_what_the_table_promises() -> None:
    manifests = Path(fission.bundle.__file__).parent / "manifests" / "10-rbac.yaml"
    rules = next(
        each["rules"]
        for each in yaml.safe_load_all(manifests.read_text(encoding="utf-8"))
        if each["kind"] == "ClusterRole" and each["metadata"]["name"] == "fission-controller"
    )
    may = {
        (group, resource, verb)
        for rule in rules
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }
    for resource, verbs in reading.READABLE.items():
        plural = "*" if resource in resources.ALL else resource.plural
        for verb in verbs:
            assert (resource.group, plural, verb) in may
    assert ("", "pods/log", "get") in may


@pytest.mark.parametrize("text", ["soon", "-1", "\N{SUPERSCRIPT TWO}", "9" * 5000])
def test_a_watch_of_no_time_is_refused(text: str) -> None:
    with pytest.raises(status.BadRequest, match="timeoutSeconds"):
        reading.parse(FUNCTIONS, {"watch": "1", "timeoutSeconds": text})
