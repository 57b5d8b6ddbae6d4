"""The client with a kubeconfig and a service account, over TLS with bearer tokens."""

import json
import shutil

import pytest

from fission.kube import client, config, errors
from fission.meta import gvk, status
from tests.support import apiserver


def a_kubeconfig(tmp_path, running, token, ca):
    path = tmp_path / "kubeconfig"
    document = {
        "current-context": "c",
        "clusters": [
            {"name": "c", "cluster": {"server": running.url, "certificate-authority": ca}}
        ],
        "users": [{"name": "u", "user": {"token": token}}],
        "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
    }
    path.write_text(json.dumps(document))
    return config.load({"KUBECONFIG": str(path)})


async def test_a_kubeconfig_leads_to_the_server_calls_and_watches(tmp_path):
    async with apiserver.running() as running:
        credentials = a_kubeconfig(tmp_path, running, running.token, running.ca)
        async with client.Client(credentials) as kube:
            events = kube.watch(gvk.CONFIGMAPS, "default")
            await kube.create(gvk.CONFIGMAPS, {"metadata": {"name": "c", "namespace": "default"}})
            assert (await anext(events)).object["metadata"]["name"] == "c"
            await events.aclose()


async def test_a_wrong_token_and_a_wrong_authority_are_told_apart(tmp_path):
    async with apiserver.running() as running:
        credentials = a_kubeconfig(tmp_path, running, "wrong", running.ca)
        async with client.Client(credentials) as kube:
            with pytest.raises(status.Unauthorized):
                await kube.list(gvk.PODS)
        (tmp_path / "other").mkdir()
        async with apiserver.running(tmp_path / "other") as other:
            credentials = a_kubeconfig(tmp_path, running, running.token, other.ca)
            async with client.Client(credentials) as kube:
                with pytest.raises(errors.Unreachable, match="CERTIFICATE_VERIFY_FAILED"):
                    await kube.list(gvk.PODS)


async def test_a_pod_speaks_with_its_account(tmp_path):
    async with apiserver.running() as running:
        async with client.Client(config.from_unix_socket(running.socket)) as admin:
            issued = await admin.create(
                gvk.SERVICEACCOUNTS,
                {"spec": {"expirationSeconds": 3600}},
                "default",
                name="default",
                subresource="token",
            )
        (tmp_path / "token").write_text(issued["status"]["token"])
        (tmp_path / "namespace").write_text("default")
        shutil.copy(running.ca, tmp_path / "ca.crt")
        host, port = running.url.removeprefix("https://").rsplit(":", 1)
        env = {
            "KUBERNETES_SERVICE_HOST": host,
            "KUBERNETES_SERVICE_PORT": port,
            "POD_VOLUME_PATHS": json.dumps({config.SERVICE_ACCOUNT_DIRECTORY: str(tmp_path)}),
        }
        async with client.Client(config.load(env)) as kube:
            assert kube.namespace == "default"
            with pytest.raises(status.Forbidden, match="system:serviceaccount:default:default"):
                await kube.list(gvk.SECRETS, "default")
