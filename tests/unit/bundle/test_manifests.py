"""The checked-in manifests fit the rest of the repository."""

from __future__ import annotations

import fnmatch
import json
import subprocess
import sys
from typing import Any

import pytest

from fission.bundle import data, install, serve
from fission.bundle.embedded import configfile, options

OBJECTS = install.load_manifests()


def of_kind(kind: str) -> list[dict[str, Any]]:
    return [obj for obj in OBJECTS if obj["kind"] == kind]


def containers() -> list[dict[str, Any]]:
    return [
        container
        for deployment in of_kind("Deployment")
        for container in deployment["spec"]["template"]["spec"]["containers"]
    ]


def image_manifests() -> list[dict[str, Any]]:
    return [
        json.loads(path.read_text())
        for folder in data.image_folders()
        for path in folder.glob("*/image.json")
    ]


def test_every_component_is_installed_and_can_be_run() -> None:
    installed = {container["args"][0] for container in containers()}
    assert installed == set(serve.COMPONENTS) - {"fetcher"}


def test_every_component_is_waited_for_at_its_readiness_path() -> None:
    paths = {
        container["name"]: container["readinessProbe"]["httpGet"]["path"]
        for container in containers()
    }
    assert paths == install._READY_PATHS


def test_components_are_imported_before_the_fork_and_what_few_want_is_not() -> None:
    image = next(image for image in image_manifests() if image["name"] == "fission-bundle")
    preload = image["zygote"]["preload"]
    assert set(preload) >= {serve.COMPONENTS[name] for name in set(serve.COMPONENTS) - {"fetcher"}}
    code = f"import sys, {', '.join(preload)}; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    rare = {"aio_pika", "aiokafka", "cryptography", "jwt", "nats", "redis", "yaml", "zoneinfo"}
    assert not rare & set(done.stdout.split())


def test_every_image_is_one_that_the_embedded_kubelet_has() -> None:
    patterns = [pattern for image in image_manifests() for pattern in image["match"]]
    for container in containers():
        name = container["image"].rpartition("/")[2]
        assert any(fnmatch.fnmatch(name, pattern) for pattern in patterns)


def test_no_two_images_answer_to_one_name() -> None:
    names = [image["name"] for image in image_manifests()]
    assert len(names) == len(set(names))
    for image in image_manifests():
        others = [other for other in image_manifests() if other["name"] != image["name"]]
        for other in others:
            assert not any(fnmatch.fnmatch(image["name"], pattern) for pattern in other["match"])


def test_every_host_port_is_a_port_of_a_load_balancer_service() -> None:
    offered = {
        (service["metadata"]["name"], port["name"])
        for service in of_kind("Service")
        if service["spec"].get("type") == "LoadBalancer"
        for port in service["spec"]["ports"]
    }
    document = configfile.make(options.parse(["up"], {}))
    assert {(entry["service"], entry["port"]) for entry in document["hostPorts"]} == offered


def test_every_service_selects_a_deployments_pods() -> None:
    labels = [d["spec"]["template"]["metadata"]["labels"] for d in of_kind("Deployment")]
    for service in of_kind("Service"):
        selector = service["spec"]["selector"]
        assert any(selector.items() <= pod.items() for pod in labels)


@pytest.mark.parametrize("kind", ["ClusterRoleBinding"])
def test_every_binding_names_a_role_and_an_account_that_exist(kind: str) -> None:
    roles = {role["metadata"]["name"] for role in of_kind("ClusterRole")}
    accounts = {account["metadata"]["name"] for account in of_kind("ServiceAccount")}
    for binding in of_kind(kind):
        assert binding["roleRef"]["name"] in roles
        assert {subject["name"] for subject in binding["subjects"]} <= accounts


def test_no_component_may_do_everything() -> None:
    for role in of_kind("ClusterRole"):
        for rule in role["rules"]:
            assert "*" not in rule["verbs"]
            assert "*" not in rule["apiGroups"]


def test_what_every_account_may_do_is_to_find_storagesvc() -> None:
    everybody = [
        binding["roleRef"]["name"]
        for binding in (*of_kind("RoleBinding"), *of_kind("ClusterRoleBinding"))
        if any(subject["kind"] == "Group" for subject in binding["subjects"])
    ]
    rules = [role["rules"] for role in of_kind("Role") if role["metadata"]["name"] in everybody]
    endpoints = {"apiGroups": ["discovery.k8s.io"], "resources": ["endpointslices"]}
    assert everybody == ["fission-storagesvc-finder"]
    assert rules == [[{**endpoints, "verbs": ["list"]}]]


def test_the_digest_changes_with_any_object() -> None:
    assert install.digest(OBJECTS) == install.digest(list(OBJECTS))
    assert install.digest(OBJECTS) != install.digest(OBJECTS[1:])
