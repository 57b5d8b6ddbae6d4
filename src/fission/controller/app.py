"""Wires the controller."""

from __future__ import annotations

import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import fission
from fission.base import clock as clocks
from fission.contracts import controller as contract
from fission.contracts import signing
from fission.controller import (
    access,
    config,
    counting,
    egress,
    forwarding,
    handlers,
    logdatabases,
    proxies,
    reading,
    routes,
)
from fission.kube import client as kube_client
from fission.kube import config as kube_config
from fission.kube import peers as kube_peers
from fission.web import failures, listen, service
from fission_http import client as http_client


@dataclass(frozen=True)
class Deps:
    """What the controller works with."""

    kube: kube_client.Client
    http: http_client.Client
    clock: clocks.Clock
    masters: signing.Masters
    log_databases: Mapping[str, logdatabases.Database] = field(default_factory=dict)


class App:
    """The service, ready to be given its sockets."""

    def __init__(self, http_service: service.Service, table: Sequence[routes.Route]) -> None:
        self.service = http_service
        self.routes = tuple(table)

    async def run(self, sockets: Sequence[socket.socket]) -> None:
        """Serve until cancelled."""
        await self.service.run(sockets)


def build(settings: config.Config, deps: Deps) -> App:
    """Return the controller, wired."""
    who = access.Access(
        deps.kube,
        deps.clock,
        enforced=settings.auth == "token",
        ttl_seconds=settings.review_ttl_seconds,
    )
    forwarder = forwarding.Forwarder(
        kube_peers.Peers(deps.kube, clock=deps.clock),
        deps.http,
        deps.clock,
        settings.platform_namespace,
        settings.forward_timeout_seconds,
    )
    made = handlers.Handlers(deps.kube, who, settings, deps.clock, fission.__version__)
    databases = logdatabases.LogDatabases(
        deps.log_databases, deps.http, settings.forward_timeout_seconds
    )
    passing = proxies.Proxies(deps.kube, who, forwarder, databases, deps.masters, settings)
    queues = egress.Queues(who, forwarder, deps.masters)
    reader = reading.Reader(deps.kube, who, settings.max_streams)
    http_service = service.Service(
        "controller", shape=failures.Shape.TEXT, max_body_bytes=settings.max_upload_bytes
    )
    counts = counting.Counting(
        deps.kube, deps.http, who, deps.masters, deps.clock, settings.platform_namespace
    )
    table = routes.make(made, passing, queues, reader, counts, fission.__version__)
    for route in table:
        http_service.route(route.method, route.path, handlers.worded(route.handler))
    return App(http_service, table)


async def serve(env: Mapping[str, str]) -> None:
    """Run the controller with what the environment says."""
    settings = config.from_env(env)
    sockets = listen.sockets(env, contract.SOCKET_NAME, contract.PORT)
    async with (
        kube_client.Client(kube_config.load(env)) as kube,
        http_client.Client() as http,
    ):
        databases = logdatabases.from_env(settings.log_databases, env)
        masters = signing.masters_from_env(env)
        deps = Deps(kube, http, clocks.SystemClock(), masters, databases)
        await build(settings, deps).run(sockets)
