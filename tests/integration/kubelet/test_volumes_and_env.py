"""Volumes at their paths, their renewal, and the environment."""

import base64

from fission.meta import gvk
from tests.integration.kubelet.node import a_pod, until


def encoded(text):
    return base64.b64encode(text.encode()).decode()


async def where(node, pod, path):
    """The path inside the container."""
    env = await node.ask(pod, "/env")
    table = __import__("json").loads(env.get("POD_VOLUME_PATHS", "{}"))
    for declared, real in table.items():
        if path.startswith(declared):
            return real + path[len(declared) :]
    return path


async def read(node, pod, path):
    return await node.ask(pod, f"/read{await where(node, pod, path)}")


async def test_secrets_config_maps_and_fields(node):
    meta = {"name": "s", "namespace": "default"}
    await node.client.create(gvk.SECRETS, {"metadata": meta, "data": {"k": encoded("one")}})
    await node.client.create(
        gvk.CONFIGMAPS, {"metadata": {"name": "c", "namespace": "default"}, "data": {"k": "map"}}
    )
    env = [
        {"name": "SECRET", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}},
        {"name": "IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}},
        {"name": "BOTH", "value": "$(SECRET) at $(IP)"},
    ]
    volumes = [
        {"name": "s", "secret": {"secretName": "s"}},
        {"name": "c", "configMap": {"name": "c", "items": [{"key": "k", "path": "deep/er"}]}},
        {"name": "e", "emptyDir": {}},
    ]
    mounts = [
        {"name": "s", "mountPath": "/secrets", "readOnly": True},
        {"name": "c", "mountPath": "/configs"},
        {"name": "e", "mountPath": "/scratch"},
    ]
    await node.create(a_pod("web", container={"env": env, "volumeMounts": mounts}, volumes=volumes))
    pod = await node.ready("web")

    found = await node.ask(pod, "/env")
    assert found["BOTH"] == f"one at {pod['status']['podIP']}"
    assert await read(node, pod, "/secrets/k") == "one"
    assert await read(node, pod, "/configs/deep/er") == "map"
    await node.ask(pod, f"/write{await where(node, pod, '/scratch/file')}")
    assert await read(node, pod, "/scratch/file") == "written"

    await node.client.patch(gvk.SECRETS, "s", {"data": {"k": encoded("two")}}, "default")
    real = node.home / "pods" / pod["metadata"]["uid"] / "volumes" / "s" / "k"
    await until(lambda: real.read_text() == "two", "the volume is renewed")
    assert await read(node, pod, "/secrets/k") == "two"


async def test_a_pod_waits_for_its_secret_and_says_so(node):
    volumes = [{"name": "s", "secret": {"secretName": "late"}}]
    mounts = [{"name": "s", "mountPath": "/secrets"}]
    await node.create(a_pod("web", container={"volumeMounts": mounts}, volumes=volumes))

    def is_told(pod):
        conditions = pod["status"].get("conditions") or []
        return any('secret "late" not found' in c.get("message", "") for c in conditions)

    await node.wait("web", is_told, "the missing secret is not named")
    await node.client.create(
        gvk.SECRETS, {"metadata": {"name": "late", "namespace": "default"}, "data": {}}
    )

    await node.ready("web")


async def test_a_service_account_token_is_mounted(node):
    pod = a_pod("web")
    pod["spec"]["volumes"] = [
        {
            "name": "t",
            "projected": {
                "sources": [
                    {"serviceAccountToken": {"path": "token", "expirationSeconds": 3600}},
                    {
                        "downwardAPI": {
                            "items": [
                                {"path": "ns", "fieldRef": {"fieldPath": "metadata.namespace"}}
                            ]
                        }
                    },
                ]
            },
        }
    ]
    pod["spec"]["containers"][0]["volumeMounts"] = [{"name": "t", "mountPath": "/sa"}]
    await node.create(pod)
    pod = await node.ready("web")

    assert (await read(node, pod, "/sa/token")).count(".") == 2
    assert await read(node, pod, "/sa/ns") == "default"


async def create_claim(node, name):
    claim = {
        "metadata": {"name": name, "namespace": "default"},
        "spec": {
            "accessModes": ["ReadWriteOnce"],
            "resources": {"requests": {"storage": "1Gi"}},
        },
    }
    await node.client.create(gvk.PERSISTENTVOLUMECLAIMS, claim)


async def test_confined_pods_share_a_claim(node):
    await create_claim(node, "cache")
    volumes = [{"name": "d", "persistentVolumeClaim": {"claimName": "cache"}}]
    mounts = [{"name": "d", "mountPath": "/cache"}]
    for name in ("one", "two"):
        await node.create(a_pod(name, container={"volumeMounts": mounts}, volumes=volumes))
    one, two = await node.ready("one"), await node.ready("two")

    await node.ask(one, f"/write{await where(node, one, '/cache/file')}")
    assert await read(node, two, "/cache/file") == "written"
    await node.ask(two, f"/write{await where(node, two, '/cache/file')}")


async def test_a_claim_outlives_its_pod(node):
    await create_claim(node, "data")
    volumes = [{"name": "d", "persistentVolumeClaim": {"claimName": "data"}}]
    mounts = [{"name": "d", "mountPath": "/data"}]
    for name in ("one", "two"):
        await node.create(
            a_pod(name, "platform", container={"volumeMounts": mounts}, volumes=volumes)
        )
        pod = await node.ready(name)
        if name == "one":
            await node.ask(pod, f"/write{await where(node, pod, '/data/file')}")
            await node.delete(name)
            await node.gone(name)

    assert await read(node, pod, "/data/file") == "written"
