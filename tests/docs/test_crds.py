"""The CRDs say what the contract says, and say it in full."""

import pathlib

import pytest
import yaml

import fission.api
from fission.api import resources

CRDS = {
    resource.kind: yaml.safe_load(
        (
            pathlib.Path(fission.api.__file__).parent
            / "crds"
            / f"{resource.group}_{resource.plural}.yaml"
        ).read_text(encoding="utf-8")
    )
    for resource in resources.ALL
}


def schema(kind):
    (version,) = CRDS[kind]["spec"]["versions"]
    return version["schema"]["openAPIV3Schema"]


def fields(node, path=""):
    for name, child in node.get("properties", {}).items():
        yield f"{path}{name}", child
        yield from fields(child, f"{path}{name}.")
        yield from fields(child.get("items", {}), f"{path}{name}[].")


@pytest.mark.parametrize("resource", resources.ALL, ids=lambda each: each.kind)
def test_every_kind_has_its_names_and_a_status_subresource(resource):
    definition = CRDS[resource.kind]

    assert definition["metadata"]["name"] == f"{resource.plural}.fission.io"
    assert definition["spec"]["names"]["kind"] == resource.kind
    assert definition["spec"]["names"].get("shortNames", []) == list(resource.short_names)
    (version,) = definition["spec"]["versions"]
    assert (version["name"], version["served"], version["storage"]) == ("v1", True, True)
    assert version["subresources"] == {"status": {}}
    assert schema(resource.kind)["required"] == ["metadata", "spec"]


@pytest.mark.parametrize("resource", resources.ALL, ids=lambda each: each.kind)
def test_schemas_are_structural_and_described(resource):
    for path, node in fields(schema(resource.kind)):
        opaque = node.get("x-kubernetes-preserve-unknown-fields")
        assert "type" in node or opaque, path
        if node.get("type") == "array":
            assert "items" in node, path
        inside_a_hint = any(
            word in path for word in ("podspec.", "container.", "resources.", "conditions", "env[]")
        )
        if "." in path and not inside_a_hint and "imagePullSecrets" not in path:
            assert node.get("description"), f"{resource.kind} {path} has no description"


@pytest.mark.parametrize(
    ("kind", "paths"),
    [
        (
            "Function",
            "environment.namespace environment.name package.packageref.namespace"
            " package.packageref.name package.packageref.resourceversion package.functionName"
            " secrets configmaps env envFrom resources InvokeStrategy.StrategyType"
            " InvokeStrategy.ExecutionStrategy.ExecutorType"
            " InvokeStrategy.ExecutionStrategy.MinScale"
            " InvokeStrategy.ExecutionStrategy.MaxScale"
            " InvokeStrategy.ExecutionStrategy.TargetCPUPercent"
            " InvokeStrategy.ExecutionStrategy.SpecializationTimeout"
            " InvokeStrategy.ExecutionStrategy.hpaMetrics"
            " InvokeStrategy.ExecutionStrategy.hpaBehavior functionTimeout idletimeout"
            " concurrency onceOnly requestsPerPod retainPods streaming.protocol"
            " streaming.idleTimeoutSeconds streaming.maxDurationSeconds tool.inputSchema"
            " state.defaultTTL state.sticky.source invocation.retry.maxAttempts"
            " invocation.onSuccess.topic.messageQueueType provisionedConcurrency.windows"
            " versioning.retain podspec.hostNetwork",
        ),
        (
            "Environment",
            "version runtime.image runtime.container runtime.podspec builder.image"
            " builder.command allowedFunctionsPerContainer allowAccessToExternalNetwork"
            " resources poolsize terminationGracePeriod keeparchive imagepullsecret",
        ),
        (
            "Package",
            "environment.name source.type source.literal source.url source.checksum.sum"
            " deployment.oci.subPath buildcmd",
        ),
        (
            "HTTPTrigger",
            "functionref.functionweights host relativeurl prefix keepPrefix method methods"
            " invocationMode createingress ingressconfig.tls routeConfig.gateway.parentRefs"
            " corsConfig.allowOrigins corsConfig.maxAge",
        ),
        ("TimeTrigger", "cron functionref.name method subpath"),
        ("KubernetesWatchTrigger", "namespace type labelselector functionref.name"),
        (
            "MessageQueueTrigger",
            "functionref.name messageQueueType topic respTopic errorTopic maxRetries contentType"
            " pollingInterval cooldownPeriod minReplicaCount maxReplicaCount metadata secret"
            " mqtkind podspec",
        ),
        (
            "CanaryConfig",
            "trigger newfunction oldfunction weightincrement duration failurethreshold failureType",
        ),
    ],
)
def test_fields_are_called_as_in_the_contract(kind, paths):
    found = {path for path, _ in fields(schema(kind)["properties"]["spec"])}

    assert set(paths.split()) - found == set()


def test_values_that_the_api_server_fills_in():
    found = {
        (kind, path): node["default"]
        for kind in CRDS
        for path, node in fields(schema(kind))
        if "default" in node
    }

    assert found == {
        ("Environment", "spec.terminationGracePeriod"): 90,
        ("Function", "spec.streaming.protocol"): "auto",
        ("Package", "status.buildstatus"): "pending",
        ("TimeTrigger", "spec.method"): "POST",
        ("TimeTrigger", "spec.subpath"): "/",
    }
