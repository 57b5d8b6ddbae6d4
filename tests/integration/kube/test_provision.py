"""What a namespace needs is made once, kept fresh, and not fought over."""

from typing import Any

from fission.base import clock
from fission.kube import provision
from fission.meta import gvk
from tests.integration.kube import cluster


def needs(value: str) -> list[tuple[gvk.Resource, dict[str, Any]]]:
    metadata = {"name": "made", "labels": {"value": value}}
    account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata}
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "keys"}}
    return [(gvk.SERVICEACCOUNTS, account), (gvk.SECRETS, {**secret, "data": {"key": value}})]


async def test_what_is_there_is_left_alone_but_for_secrets() -> None:
    async with cluster.a_client() as kube:
        moments = clock.ManualClock()
        provisioner = provision.Provisioner(kube, moments)

        async def found() -> tuple[str, str]:
            account = await kube.get(gvk.SERVICEACCOUNTS, "made", "default")
            secret = await kube.get(gvk.SECRETS, "keys", "default")
            return account["metadata"]["labels"]["value"], secret["data"]["key"]

        await provisioner.provide("default", lambda: needs("b25l"))
        assert await found() == ("b25l", "b25l")
        await provisioner.provide("default", lambda: needs("dHdv"))
        assert await found() == ("b25l", "b25l")
        moments.advance(provision.AGAIN_SECONDS)
        await provisioner.provide("default", lambda: needs("dHdv"))
        assert await found() == ("b25l", "dHdv")
