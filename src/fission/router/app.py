"""The router as a process: informers in, data plane out.

Sockets are accepted on only when what the API knows has arrived: a connection that waits in the
queue of a handed-over socket is better than a 404 from an empty route table. Once that happened
the router needs neither the API server nor the executor for warm traffic.
"""

from __future__ import annotations

import asyncio
import dataclasses
import logging
import pathlib
from typing import TYPE_CHECKING, Any

import prometheus_client

from fission.api import labels, resources
from fission.base import clock as clocks
from fission.base import errors, podenv, tasks
from fission.contracts import features, invocation, signing
from fission.kube import client as kube_client
from fission.kube import config as kube_config
from fission.kube import informer, peers
from fission.meta import gvk
from fission.router import bookkeeping, config, core, executor_client, guard, sockets
from fission.web import client as web_client
from fission.web import listen

if TYPE_CHECKING:
    import socket
    from collections.abc import Mapping, Sequence

    from fission.router import gateway
    from fission_http import headers as header_lists

_log = logging.getLogger(__name__)

SYNC_WAIT_SECONDS = 30.0
"""How long the start waits for the API; then the router answers 404 rather than nothing."""
EXECUTOR_SERVICE = "executor"
FILES_OF_REQUEST = 4
"""Two listeners, and a connection to a pod for each client."""


@dataclasses.dataclass(frozen=True)
class Deps:
    """What the router does not make itself."""

    kube: kube_client.Client
    masters: signing.Masters
    clock: clocks.Clock
    public: Sequence[socket.socket]
    internal: Sequence[socket.socket]
    auth: guard.Auth | None = None
    """How the public listener knows its callers; None: everybody may call."""


class App:
    """The running router."""

    def __init__(self, settings: config.Config, deps: Deps) -> None:
        self._settings = settings
        self._deps = deps
        self._work = tasks.Tasks()
        self._http = web_client.HttpClient(sign=_signer(deps.masters, deps.clock))
        namespaces = settings.namespaces
        kube = deps.kube
        self._functions, self._triggers = (
            [informer.Informer(kube, resource, ns, packed=True) for ns in namespaces]
            for resource in (resources.FUNCTIONS, resources.HTTPTRIGGERS)
        )
        self._slices = [
            informer.Informer(kube, gvk.ENDPOINTSLICES, ns, label_selector=labels.FUNCTION_UID)
            for ns in settings.pod_namespaces
        ]
        self._executors = informer.Informer(
            kube,
            gvk.ENDPOINTSLICES,
            settings.pod_namespace,
            label_selector={peers.SERVICE_NAME_LABEL: EXECUTOR_SERVICE},
        )
        self._needed = [*self._functions, *self._triggers, *self._slices]

    async def run(self) -> None:
        """Serve until cancelled."""
        settings = self._settings
        executor = executor_client.ExecutorClient(
            self._http, self._locate, settings.untap_timeout_seconds
        )
        books = bookkeeping.Bookkeeping(self._deps.kube, self._deps.clock, settings)
        self.core = data_plane = core.Core(
            settings,
            executor,
            self._work,
            self._deps.clock,
            verify=_verifier(self._deps.masters, self._deps.clock),
            ready=self._synced,
            auth=self._deps.auth,
            on_end=books.ended,
        )
        books.watch(data_plane.catalog, self._synced)
        for each in self._slices:
            each.add_handler(data_plane.index.changed)
        for each in self._functions:
            each.add_handler(data_plane.catalog.function_changed)
        for each in self._triggers:
            each.add_handler(data_plane.catalog.trigger_changed)
        prometheus_client.REGISTRY.register(data_plane.metrics)
        try:
            async with self._work as work:
                for each in (*self._needed, self._executors):
                    work.run(each.run(), "informer")
                await self._wait_synced()
                data_plane.catalog.rebuild()
                books.start(work)
                work.run(data_plane.catalog.resync(settings.resync_seconds), "resync")
                work.run(data_plane.tapper.run(), "tapper")
                await data_plane.start(self._deps.public, self._deps.internal)
                try:
                    await work.wait()
                finally:
                    await data_plane.close(settings.grace_seconds)
                    books.close()
        finally:
            prometheus_client.REGISTRY.unregister(data_plane.metrics)
            await self._http.aclose()

    def _synced(self) -> bool:
        return all(each.has_synced for each in self._needed)

    async def _wait_synced(self) -> None:
        try:
            async with asyncio.timeout(SYNC_WAIT_SECONDS):
                await asyncio.gather(*(each.wait_synced(None) for each in self._needed))
        except TimeoutError:
            _log.warning("the API was not reached; serving without routes for the time being")

    async def _locate(self) -> list[str]:
        """The executor's URLs: as set, else the ready endpoints of its Service."""
        if self._settings.executor_url:
            return [self._settings.executor_url.rstrip("/")]
        return executor_urls(self._executors.lister.list())


def executor_urls(slices: Sequence[dict[str, Any]]) -> list[str]:
    """URLs of ready endpoints, by whatever their only port is called."""
    names = {port.get("name") or "" for one in slices for port in one.get("ports") or ()}
    return sorted({url for name in names for url in peers.urls(slices, name)})


def build(settings: config.Config, deps: Deps) -> App:
    """Wire the router."""
    return App(settings, deps)


async def serve(env: Mapping[str, str]) -> None:
    """Run the router as its environment says, until cancelled."""
    settings = config.from_env(env)
    allowed = sockets.allow_connections(FILES_OF_REQUEST * settings.max_connections)
    if allowed < FILES_OF_REQUEST * settings.max_connections:
        most = max(allowed // FILES_OF_REQUEST, 1)
        _log.warning(
            "ROUTER_MAX_CONNECTIONS is more than the limit of open files allows",
            extra={"wanted": settings.max_connections, "allowed": most},
        )
        settings = dataclasses.replace(settings, max_connections=most)
    deps = Deps(
        kube=kube_client.Client(kube_config.load(env)),
        masters=signing.masters_from_env(env),
        clock=clocks.SystemClock(),
        public=listen.sockets(env, invocation.SOCKET_NAME, settings.public_port),
        internal=listen.sockets(env, invocation.INTERNAL_SOCKET_NAME, settings.internal_port),
        auth=guard.make_auth(settings, _features(settings, env)),
    )
    async with deps.kube:
        await build(settings, deps).run()


def _features(settings: config.Config, env: Mapping[str, str]) -> dict[str, dict[str, Any]]:
    path = pathlib.Path(podenv.volume_path(settings.feature_config, env))
    try:
        return features.decode(path.read_bytes())
    except FileNotFoundError:
        return {}
    except (OSError, features.FeatureError) as error:
        raise errors.SettingsError(f"FEATURE_CONFIG {path}: {error}") from error


def _signer(masters: signing.Masters, clock: clocks.Clock) -> web_client.Sign | None:
    key = masters.keys(signing.EXECUTOR).current
    if key is None:
        return None

    def sign(method: str, uri: str, body: bytes) -> list[tuple[str, str]]:
        return signing.headers(key, method, uri, body, clock.now().timestamp())

    return sign


def _verifier(masters: signing.Masters, clock: clocks.Clock) -> gateway.Verify | None:
    keys = masters.keys(signing.ROUTER_INTERNAL)
    if not keys.enabled:
        return None

    def verify(method: str, uri: str, body: bytes, headers: header_lists.Headers) -> None:
        signing.verify(
            keys,
            method,
            uri,
            signing.body_hash(body),
            headers.get(signing.TIMESTAMP_HEADER),
            headers.get(signing.SIGNATURE_HEADER),
            clock.now().timestamp(),
        )

    return verify
