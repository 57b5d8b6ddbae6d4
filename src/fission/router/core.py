"""The data plane put together, without Kubernetes: what a request passes through.

    index ─┐
           ├─ catalog ── gateways ── listeners (public, internal)
    ids ───┘                │
    executor ── capacity ───┴── pool
        └────── tapper

`app` feeds the catalog and the index from informers.
"""

from __future__ import annotations

import asyncio
import datetime
import json
import random
from typing import TYPE_CHECKING, Final, Protocol

import fission
from fission.router import (
    accesslog,
    answers,
    capacity,
    catalog,
    endpoints,
    gateway,
    guard,
    listener,
    login,
    metrics,
    requestids,
    slots,
    sockets,
    tapper,
    upstream,
)
from fission.web import health

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Sequence

    from fission.base import clock as clocks
    from fission.base import tasks
    from fission.router import config, routetable


LOG_SECONDS: Final = 1.0
"""For the last lines of the access log."""


class Executor(capacity.Executor, tapper.Reporter, Protocol):
    """Who gives addresses and is told of use."""


class Core:
    """Everything between two listeners and the pods."""

    def __init__(
        self,
        settings: config.Config,
        executor: Executor,
        work: tasks.Tasks,
        clock: clocks.Clock,
        *,
        verify: gateway.Verify | None = None,
        on_table: Callable[[routetable.Table], None] = lambda table: None,
        ready: Callable[[], bool] = lambda: True,
        on_end: listener.OnEnd | None = None,
        auth: guard.Auth | None = None,
    ) -> None:
        """`verify` checks signatures on the internal listener; `ready` is part of `/readyz`.

        `on_end` hears of each request that a trigger brought. It is called on the path of
        requests and must cost next to nothing. With `auth` the public listener wants tokens.
        """
        loop = asyncio.get_running_loop()
        self._settings = settings
        self._clock = clock
        self._ready = ready
        self._on_table = on_table
        self._on_end = on_end
        self.metrics = metrics.Metrics()
        bounds = slots.Bounds(
            settings.provisional_seconds, settings.quarantine_seconds, settings.address_max_retries
        )
        self.index = endpoints.EndpointIndex(bounds, loop.time)
        self.catalog = catalog.Catalog(
            self.index, settings.stream_idle_seconds, self._table_built, self.metrics.forget
        )
        self.capacity = capacity.Capacity(
            executor,
            work,
            max_queued_per_function=settings.max_queued_per_function,
            max_starting_per_function=settings.max_starting_per_function,
            max_starting=settings.max_starting,
        )
        self.pool = upstream.Pool(
            max_idle_per_host=settings.max_idle_per_host,
            idle_seconds=settings.upstream_idle_seconds,
            keep_alive=settings.keep_alive,
            resolve=self._resolve,
            refused=lambda address: self.index.refused(address, loop.time()),
            prepare=lambda sock: sockets.probe_peer(
                sock, settings.peer_probe_seconds, settings.client_write_seconds
            ),
        )
        self.tapper = tapper.Tapper(
            self.catalog.functions,
            self.index.of_function,
            executor,
            settings.tap_interval_seconds,
        )
        self.metrics.routes = lambda: len(self.catalog.table.routes)
        self.metrics.tap_failures = lambda: self.tapper.failures
        public: gateway.Gateway = gateway.PublicGateway(
            self.catalog,
            self._own_paths(),
            max_body_bytes=settings.max_body_bytes,
            use_encoded_path=settings.use_encoded_path,
        )
        internal = gateway.InternalGateway(
            self.catalog.lookup,
            verify=verify,
            own={"/_version": self._version, "/metrics": _metrics},
        )
        ids = requestids.Source()
        self._log = accesslog.AccessLog(loop, clock) if settings.access_log else None
        entrance = None
        if auth is not None:
            # Few ask for it, and its library is an eighth of what a router imports.
            from fission.router import tokens

            maker = tokens.Tokens(auth.signing_key, auth.issuer, auth.lifetime_seconds, clock)
            public = guard.GuardedGateway(public, maker)
            account = login.Account(auth.username, auth.password)
            entrance = login.Login(auth.path, account, maker, loop)
        self.public = self._listener(public, ids, loop, entrance)
        self.internal = self._listener(internal, ids, loop)

    def _listener(
        self,
        routes: gateway.Gateway,
        ids: requestids.Source,
        loop: asyncio.AbstractEventLoop,
        entrance: login.Login | None = None,
    ) -> listener.Listener:
        return listener.Listener(
            listener.Shared(
                settings=self._settings,
                routes=routes,
                slots=self.capacity,
                pool=self.pool,
                counts=self.metrics,
                ids=ids,
                loop=loop,
                on_end=self._on_end,
                log=self._log,
                login=entrance,
            )
        )

    async def start(
        self, public: Sequence[socket.socket], internal: Sequence[socket.socket]
    ) -> None:
        """Serve both listeners."""
        await self.internal.start(internal)
        await self.public.start(public)

    async def close(self, grace_seconds: float) -> None:
        """Finish what runs, within the grace."""
        await asyncio.gather(self.public.close(grace_seconds), self.internal.close(grace_seconds))
        self.pool.close()
        if self._log is not None:
            await self._log.close(LOG_SECONDS)

    def _table_built(self, table: routetable.Table) -> None:
        self.metrics.table_applies += 1
        self._on_table(table)

    async def _resolve(self, address: slots.Address) -> slots.Address:
        """A Service's name becomes one of its pods, by the slices; nothing asks DNS."""
        if not slots.is_name(address):
            return address
        service, _, rest = address[0].partition(".")
        namespace = rest.partition(".")[0]
        found = self.index.of_service(namespace, service)
        if not found:
            raise OSError(
                f"no EndpointSlice shows a ready pod of Service {service!r}"
                f" in namespace {namespace!r}"
            )
        return random.choice(found)

    # Paths of the router itself

    def _own_paths(self) -> dict[str, Callable[[], gateway.Own]]:
        return {
            "/": lambda: gateway.Own(200),
            "/router-healthz": lambda: gateway.Own(200),
            "/readyz": self._readyz,
            "/_version": self._version,
            "/metrics": _metrics,
        }

    def _readyz(self) -> gateway.Own:
        response = health.readyz({"routes": lambda: self.catalog.built, "informers": self._ready})
        assert isinstance(response.body, bytes), "health answers are short"
        return gateway.Own(response.status, (answers.TEXT,), response.body)

    def _version(self) -> gateway.Own:
        now = self._clock.now()
        zone = now.astimezone().tzname() or "UTC"
        info = {
            "Build": {"GitCommit": "", "BuildDate": "", "Version": fission.__version__},
            "ServerTime": {
                "Timezone": zone,
                "CurrentTime": now.astimezone(datetime.UTC).isoformat().replace("+00:00", "Z"),
            },
        }
        body = json.dumps(info).encode() + b"\n"
        return gateway.Own(200, (("Content-Type", "application/json"),), body)


def _metrics() -> gateway.Own:
    response = health.metrics()
    assert isinstance(response.body, bytes), "the exposition is one text"
    return gateway.Own(200, tuple(response.headers), response.body)
