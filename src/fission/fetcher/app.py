"""Wiring of the fetcher, in both ways of running it."""

from __future__ import annotations

import asyncio
import logging
import pathlib
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from fission.base import clock as clocks
from fission.base import errors, tasks
from fission.contracts import fetcher as wire
from fission.fetcher import config, download, fetch, handlers, node, pod, reach, treecache
from fission.web import listen, service
from fission_http import client as http_client

logger = logging.getLogger(__name__)

CLOSE_GRACE_SECONDS = 5.0


@dataclass(frozen=True)
class Deps:
    """What the fetcher does not make itself."""

    http: http_client.Client
    clock: clocks.Clock


class ServedPod:
    """A pod and the server on its sockets."""

    def __init__(self, served: pod.Pod, listening: service.Service) -> None:
        self.pod = served
        self._service = listening

    async def aclose(self) -> None:
        """Answer what is under way, then stop."""
        await self._service.stop(CLOSE_GRACE_SECONDS)
        await self.pod.aclose()


class App:
    """A fetcher process: what its pods share, and how one is started."""

    def __init__(self, settings: config.Config, deps: Deps) -> None:
        cache = None
        if settings.cache_dir:
            cache = treecache.TreeCache(
                pathlib.Path(settings.cache_dir), settings.cache_max_mib << 20
            )
        self._downloader = download.Downloader(
            deps.http,
            settings.max_archive_mib << 20,
            timeout_seconds=settings.download_timeout_seconds,
            how_far=reach.Reach(settings.url_reach),
        )
        work_dir = cache.work_dir if cache is not None else None
        self._cache = cache
        self._clock = deps.clock
        self._shared = pod.Shared(
            http=deps.http,
            archives=fetch.ArchiveFetcher(self._downloader, cache, work_dir),
            runtime_wait_seconds=settings.runtime_wait_seconds,
            refresh_seconds=settings.refresh_seconds,
            clock=deps.clock,
            work_dir=work_dir,
            startup_retry_seconds=settings.startup_retry_seconds,
        )

    async def prepare(self) -> None:
        """Make the cache usable."""
        if self._cache is not None:
            await asyncio.to_thread(self._cache.prepare)

    async def aclose(self) -> None:
        """Give threads and connections back."""
        await self._shared.archives.aclose()
        await self._downloader.aclose()

    async def start_pod(
        self,
        arguments: config.Arguments,
        env: Mapping[str, str],
        sockets: Sequence[socket.socket],
        on_end: node.OnEnd | None = None,
    ) -> ServedPod:
        """Begin to serve one pod; ``on_end`` is told why it cannot be specialized at start."""
        served = pod.Pod(arguments, env, self._shared)
        served.prepare()
        listening = handlers.make_service(served, self._clock)
        await listening.start(sockets)
        if arguments.specialize_on_startup and on_end is not None:
            served.begin_startup(on_end)
        return ServedPod(served, listening)

    async def run_pod(
        self,
        arguments: config.Arguments,
        env: Mapping[str, str],
        sockets: Sequence[socket.socket],
    ) -> None:
        """Serve one pod until cancelled; a specialization at start that fails ends it."""
        await self.prepare()
        running = await self.start_pod(arguments, env, sockets)
        try:
            async with tasks.Tasks() as group:
                if arguments.specialize_on_startup:
                    group.run(running.pod.specialize_on_startup(), "specialize on startup")
                await group.wait()
        finally:
            await running.aclose()
            await self.aclose()

    async def run_node(self, control: socket.socket) -> None:
        """Serve the pods that the kubelet adds, until it closes the control socket."""
        await self.prepare()

        async def start(addition: node.Addition, on_end: node.OnEnd) -> node.Running:
            arguments = config.parse_arguments(addition.args)
            handed = addition.sockets.get(wire.PORT_NAME)
            if not handed:
                raise errors.InvalidInput(f"no socket named {wire.PORT_NAME} was handed over")
            return await self.start_pod(arguments, addition.env, handed, on_end)

        try:
            await node.Node(control, start).run()
        finally:
            await self.aclose()


def build(settings: config.Config, deps: Deps) -> App:
    """Put a fetcher together."""
    return App(settings, deps)


async def serve(env: Mapping[str, str], argv: Sequence[str] | None = None) -> None:
    """Run a fetcher process: for a node when it was handed a control socket, else for its pod.

    Without ``argv`` the arguments come from ``FETCHER_ARGV``, separated by NUL.
    """
    if argv is None:
        argv = [part for part in env.get("FETCHER_ARGV", "").split("\0") if part]
    settings = config.from_env(env)
    async with http_client.Client() as http:
        deps = Deps(http, clocks.SystemClock())
        control = node.control_socket(env)
        if control is not None:
            await build(settings.for_node(), deps).run_node(control)
            return
        app = build(settings, deps)
        # The pod's address where it is known: nothing listens beyond the pod's own network.
        here = {**env, listen.HOST_VARIABLE: env.get("POD_IP") or "127.0.0.1"}
        sockets = listen.sockets(here, wire.PORT_NAME, wire.PORT)
        await app.run_pod(config.parse_arguments(argv), env, sockets)
