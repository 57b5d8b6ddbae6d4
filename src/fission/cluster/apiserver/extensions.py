"""Puts together what plugs into the core: one function from the store's objects to ``hooks.Hooks``.

Order of a start: ``pki.ensure`` → ``registry.Registry`` (the kinds that the core serves ask it) →
the core's objects → ``build`` here → ``Extensions.start`` before the server listens, which makes
the bootstrap roles and serves the definitions of an earlier life → ``Extensions.run`` beside it.
"""

from __future__ import annotations

import pathlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from fission.base import clock
from fission.cluster.apiserver import (
    authn,
    hooks,
    metrics,
    openapi,
    pki,
    podlogs,
    proxy,
    rbac,
    rbac_bootstrap,
    reviews,
    tokens,
)
from fission.cluster.apiserver.crd import registry
from fission.cluster.apiserver.protobuf import decoding
from fission.meta import gvk
from fission_http import client as http_client


@dataclass(frozen=True)
class Extensions:
    """The parts, and what must be started and closed with them."""

    parts: hooks.Hooks
    tokens: tokens.Tokens
    rbac: rbac.Rbac
    definitions: registry.Registry
    objects: hooks.Objects
    client: http_client.Client

    async def start(self) -> None:
        """Everything that must be there before the first request."""
        self.definitions.load(self.objects)
        await rbac_bootstrap.ensure(self.objects)

    async def run(self) -> None:
        """Follow the definitions until cancelled."""
        try:
            await self.definitions.run(self.objects)
        finally:
            self.rbac.close()
            await self.client.aclose()


def build(
    files: pki.Pki,
    definitions: registry.Registry,
    objects: hooks.Objects,
    builtins: Callable[[], Sequence[gvk.Resource]],
    pod_logs_folder: pathlib.Path,
    kubelet_socket: pathlib.Path,
    system_clock: clock.Clock,
) -> Extensions:
    """Wire the parts; nothing is read but the keys, nothing runs yet."""
    account_tokens = tokens.Tokens(files.signing_key.read_bytes(), objects, system_clock)
    authenticator = authn.Authenticator(files.admin_token(), account_tokens)
    authorizer = rbac.Rbac(objects)
    answers = reviews.Reviews(authenticator, account_tokens, authorizer, system_clock)
    client = http_client.Client()
    kubelet = metrics.Kubelet(lambda: metrics.ask_socket(kubelet_socket), system_clock)
    wired = hooks.Hooks(
        authenticator=authenticator,
        authorizer=authorizer,
        custom_resources=definitions,
        protobuf=decoding,
        openapi=openapi.OpenAPI(builtins, definitions),
        virtual_creates=answers.virtual_creates(),
        streams=proxy.Proxy(client).streams()
        | podlogs.PodLogs(pod_logs_folder, system_clock).streams(),
        computed=(
            metrics.Nodes(kubelet, objects, system_clock),
            metrics.Pods(kubelet, objects, system_clock),
        ),
    )
    return Extensions(wired, account_tokens, authorizer, definitions, objects, client)
