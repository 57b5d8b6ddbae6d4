"""Where the API has KEDA's kinds, a connector is made, and KEDA scales it."""

from __future__ import annotations

import base64
import pathlib
from typing import Any

from fission.api import resources
from fission.kube import client as kube_client
from fission.meta import gvk, status
from fission.mqtrigger import keda
from tests.integration.mqtrigger import world
from tests.support import waiting as waits

Obj = dict[str, Any]


async def _install_keda(kube: kube_client.Client) -> None:
    for resource in (keda.TRIGGER_AUTHENTICATIONS, keda.SCALED_OBJECTS):
        schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
        await kube.create(
            gvk.CRDS,
            {
                "apiVersion": "apiextensions.k8s.io/v1",
                "kind": "CustomResourceDefinition",
                "metadata": {"name": f"{resource.plural}.{resource.group}"},
                "spec": {
                    "group": resource.group,
                    "scope": "Namespaced",
                    "names": {
                        "kind": resource.kind,
                        "listKind": f"{resource.kind}List",
                        "plural": resource.plural,
                        "singular": resource.kind.lower(),
                    },
                    "versions": [
                        {
                            "name": resource.version,
                            "served": True,
                            "storage": True,
                            "schema": {"openAPIV3Schema": schema},
                        }
                    ],
                },
            },
        )


async def _find(kube: kube_client.Client, resource: gvk.Resource, name: str) -> Obj | None:
    try:
        return await kube.get(resource, name, "default")
    except status.NotFound:
        return None


def _secret(**data: bytes) -> Obj:
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "kafka", "namespace": "default"},
        "data": {key: base64.b64encode(value).decode() for key, value in data.items()},
    }


async def test_a_keda_trigger_from_creation_to_another_kind(tmp_path: pathlib.Path) -> None:
    async with world.running(tmp_path, KAFKA_IMAGE="example/kafka-connector:1") as it:
        await _install_keda(it.kube)
        await it.kube.create(gvk.SECRETS, _secret(saslPassword=b"p"))
        trigger = await it.create(
            messageQueueType="kafka",
            mqtkind="keda",
            secret="kafka",
            maxRetries=2,
            metadata={"bootstrapServers": "k:9092", "lagThreshold": "5"},
            podspec={"nodeSelector": {"disk": "ssd"}},
        )
        deployment = await it.kube.get(gvk.DEPLOYMENTS, world.NAME, "default")
        assert deployment["metadata"]["ownerReferences"][0]["uid"] == trigger["metadata"]["uid"]
        pod = deployment["spec"]["template"]["spec"]
        assert pod["nodeSelector"] == {"disk": "ssd"}
        (container,) = pod["containers"]
        assert container["image"] == "example/kafka-connector:1"
        env = {one["name"]: one.get("value", one.get("valueFrom")) for one in container["env"]}
        assert env == {
            "TOPIC": "in",
            "HTTP_ENDPOINT": "http://router-internal.fission:8889/fission-function/hello",
            "ERROR_TOPIC": "",
            "RESPONSE_TOPIC": "",
            "SOURCE_NAME": world.NAME,
            "MAX_RETRIES": "2",
            "CONTENT_TYPE": "application/json",
            "BOOTSTRAP_SERVERS": "k:9092",
            "LAG_THRESHOLD": "5",
            "SASL_PASSWORD": {"secretKeyRef": {"name": "kafka", "key": "saslPassword"}},
        }
        scaled = await it.kube.get(keda.SCALED_OBJECTS, world.NAME, "default")
        assert scaled["spec"] == {
            "scaleTargetRef": {"name": world.NAME},
            "pollingInterval": 30,
            "cooldownPeriod": 300,
            "minReplicaCount": 0,
            "maxReplicaCount": 100,
            "triggers": [
                {
                    "type": "kafka",
                    "metadata": {"bootstrapServers": "k:9092", "lagThreshold": "5"},
                    "authenticationRef": {"name": f"{world.NAME}-auth-trigger"},
                }
            ],
        }
        name = f"{world.NAME}-auth-trigger"
        found = await it.kube.get(keda.TRIGGER_AUTHENTICATIONS, name, "default")
        assert found["spec"]["secretTargetRef"] == [
            {"parameter": "saslPassword", "name": "kafka", "key": "saslPassword"}
        ]

        await it.update(maxReplicaCount=7, secret=None)
        await it.until_ready()
        scaled = await it.kube.get(keda.SCALED_OBJECTS, world.NAME, "default")
        assert scaled["spec"]["maxReplicaCount"] == 7
        assert await _find(it.kube, keda.TRIGGER_AUTHENTICATIONS, name) is None

        await it.update(messageQueueType="statestore", mqtkind="fission")
        await it.until_ready()
        assert await _find(it.kube, gvk.DEPLOYMENTS, world.NAME) is None
        assert await _find(it.kube, keda.SCALED_OBJECTS, world.NAME) is None


async def test_keda_that_is_installed_later_takes_over(tmp_path: pathlib.Path) -> None:
    async with world.running(tmp_path) as it:
        await it.create(ready=False, messageQueueType="redis", mqtkind="keda")
        await it.until_reason("Misconfigured")
        await _install_keda(it.kube)
        condition = await it.until_reason("ConnectorImageMissing")
        assert "REDIS_IMAGE" in condition["message"]


async def test_what_belongs_to_somebody_else_is_left_alone(tmp_path: pathlib.Path) -> None:
    async with world.running(tmp_path, KAFKA_IMAGE="i") as it:
        await _install_keda(it.kube)
        template = {
            "metadata": {"labels": {"app": "x"}},
            "spec": {"containers": [{"name": "c", "image": "theirs"}]},
        }
        await it.kube.create(
            gvk.DEPLOYMENTS,
            {
                "apiVersion": "apps/v1",
                "kind": "Deployment",
                "metadata": {"name": world.NAME, "namespace": "default"},
                "spec": {"selector": {"matchLabels": {"app": "x"}}, "template": template},
            },
        )
        await it.create(ready=False, messageQueueType="kafka", mqtkind="keda")
        await it.until_reason("NameTaken")
        await it.kube.delete(resources.MESSAGEQUEUETRIGGERS, world.NAME, "default")
        await waits.until_so(lambda: _find(it.kube, gvk.DEPLOYMENTS, world.NAME))
