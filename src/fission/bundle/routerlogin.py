"""The Secret with which the router asks for tokens: made on demand, never changed.

`fission up --auth` makes it. Who brings a Secret of their own, or deletes this one, decides the
same; the router reads it when it starts.
"""

from __future__ import annotations

import base64
import contextlib
import secrets
from collections.abc import Callable
from typing import Final

from fission.base import clock as clocks
from fission.kube import client as kube_client
from fission.meta import gvk, status

NAMESPACE: Final = "fission"
NAME: Final = "router"
USERNAME: Final = "admin"
RESTARTED: Final = "kubectl.kubernetes.io/restartedAt"
"""What `kubectl rollout restart` writes, too."""


async def ensure(client: kube_client.Client, say: Callable[[str], None]) -> bool:
    """Make the Secret unless it is there; returns whether a running router has to start anew."""
    with contextlib.suppress(status.NotFound):
        await client.get(gvk.SECRETS, NAME, NAMESPACE)
        say(f"the routes ask for tokens, as Secret {NAME!r} in namespace {NAMESPACE!r} says")
        return False
    with contextlib.suppress(status.AlreadyExists):
        namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}}
        await client.create(gvk.NAMESPACES, namespace, None)
    password = secrets.token_hex(12)
    values = {
        "username": USERNAME,
        "password": password,
        "jwtSigningKey": secrets.token_urlsafe(48),
    }
    secret = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": NAME, "namespace": NAMESPACE},
        "type": "Opaque",
        "data": {key: base64.b64encode(value.encode()).decode() for key, value in values.items()},
    }
    await client.create(gvk.SECRETS, secret, NAMESPACE)
    say(
        "the routes ask for tokens now; get one with"
        f" `fission token create --username {USERNAME} --password {password}`"
    )
    return await _has_router(client)


async def _has_router(client: kube_client.Client) -> bool:
    try:
        await client.get(gvk.DEPLOYMENTS, NAME, NAMESPACE)
    except status.NotFound:
        return False
    return True


async def restart_router(client: kube_client.Client, clock: clocks.Clock) -> None:
    """Let a router that has started without the Secret start with it."""
    when = clock.now().isoformat()
    patch = {"spec": {"template": {"metadata": {"annotations": {RESTARTED: when}}}}}
    await client.patch(gvk.DEPLOYMENTS, NAME, patch, NAMESPACE, kind="strategic")
