"""The kubelet, wired: one worker for each pod of this node, and what they share.

Start: isolation is probed, spawners of an earlier kubelet are attached to, the pods' informer
fills; then every pod gets its worker (with its record and what spawners hold of it), and what no
pod owns any more is ended and removed. SIGTERM leaves pods running for the next kubelet;
`shutdown` on the control socket ends them.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import shutil
import signal
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fission.base import clock as clocks
from fission.base import errors as base_errors
from fission.base import tasks as task_groups
from fission.cluster.kubelet import (
    addresses,
    control,
    errors,
    hostsockets,
    images,
    launcher,
    monitor,
    node,
    node_deps,
    outbound,
    paths,
    pod_worker,
    records,
    spawners,
    startturns,
    status_writer,
    usage,
    volumes,
)
from fission.cluster.kubelet.sandbox import probe
from fission.cluster.kubelet.zygote import client as spawner_client
from fission.cluster.kubelet.zygote import messages
from fission.kube import client as kube_client
from fission.kube import events, informer
from fission.meta import gvk, status
from fission_http import client as http_client

log = logging.getLogger(__name__)

Obj = dict[str, Any]

HOST_IP = "127.0.0.1"
SYNC_SECONDS = 120.0
SHUTDOWN_EXTRA_SECONDS = 3.0
SUPERVISOR_SECONDS = 2.0
NAMING_SECONDS = 0.5
DEFAULT_POD_MAX_PIDS = 1024


@dataclass(frozen=True)
class Options:
    """What a kubelet is started with."""

    home: Path
    """Where pods' volumes, records and logs are."""
    run_dir: Path
    """Where sockets are made: AF_UNIX allows only short paths."""
    image_folders: tuple[Path, ...]
    """Folders with an ``image.json``."""
    node_name: str
    """The Node's name; this machine's host name unless told otherwise."""
    api_host: str = HOST_IP
    """Where pods find the API server; loopback, since nothing listens beyond it."""
    api_port: int = 0
    """Where pods reach the API server; 0: as the supervisor says."""
    public: tuple[str, ...] = ()
    """Host ports (`namespace/service/port`) that every pod may call."""
    service_urls: Mapping[str, str] = field(default_factory=dict)
    """Variables that tell containers the URL of a host port, by the variable's name."""
    warm: tuple[str, ...] = ()
    """Images whose spawners are started at once and not when the first pod wants one."""
    pod_max_pids: int = DEFAULT_POD_MAX_PIDS
    """Processes and threads that one container of a confined image may have."""
    usage_seconds: float = usage.PERIOD_SECONDS
    """Between two looks at what pods use, which the metrics API tells."""
    pod_starts: int = 0
    """Confined pods that come up at once; 0: two for each processor."""


class Kubelet:
    """Everything of one node."""

    def __init__(
        self,
        options: Options,
        client: kube_client.Client,
        catalog: images.Catalog,
        isolation: probe.Isolation,
        clock: clocks.Clock,
        boot_id: str,
    ) -> None:
        self._options = options
        self._client = client
        self._catalog = catalog
        self._isolation = isolation
        self._clock = clock
        self._boot_id = boot_id
        self._places = paths.Paths(options.home, options.run_dir)
        self._workers: dict[str, pod_worker.PodWorker] = {}
        self._orphans: set[str] = set()
        self._tasks = task_groups.Tasks()
        self._stopping = asyncio.Event()
        self._grace_seconds: float | None = None
        """Set by `shutdown`: pods are to end, too."""
        self._shutting_down = False
        self._monitor = monitor.Monitor(
            lambda: self._workers.values(),
            clock,
            options.usage_seconds,
            is_alone="memory" not in isolation.cgroup_controllers,
        )
        self._started = False

    async def run(self) -> None:
        """Serve until `stop` or `shutdown`."""
        self._build()
        async with self._tasks:
            server = control.ControlServer(self._places.control_socket, self._answer)
            try:
                await self._serve()
                if self._grace_seconds is not None:
                    await self._end_everything(self._grace_seconds)
            finally:
                server.close()
                await self._tasks.cancel()
                await self._launcher.close()
                if self._grace_seconds is None:
                    self._spawners.detach()
                else:
                    await self._spawners.shutdown()
                self._host.close()
                await self._http.aclose()

    async def _serve(self) -> None:
        """Start, then wait for the stop, or for a loop that should have lasted."""
        starting = self._tasks.run(self._start(), "start")
        waiting = [
            asyncio.ensure_future(self._stopping.wait()),
            asyncio.ensure_future(self._tasks.wait()),
        ]
        try:
            done, _ = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            for one in done:
                one.result()
        finally:
            starting.cancel()
            for one in waiting:
                one.cancel()
            await asyncio.gather(starting, *waiting, return_exceptions=True)

    def stop(self) -> None:
        """Leave; pods go on."""
        self._stopping.set()

    def shutdown(self, grace_seconds: float) -> None:
        """End every pod and spawner, then leave."""
        self._grace_seconds = grace_seconds
        self._stopping.set()

    # -- wiring -----------------------------------------------------------------------------

    def _build(self) -> None:
        options, clock = self._options, self._clock
        self._pods = informer.Informer(
            self._client, gvk.PODS, field_selector=f"spec.nodeName={options.node_name}"
        )
        self._secrets = informer.Informer(self._client, gvk.SECRETS)
        self._config_maps = informer.Informer(self._client, gvk.CONFIGMAPS)
        self._services = informer.Informer(self._client, gvk.SERVICES)
        self._host = hostsockets.HostSockets(self._services.lister.get)
        listed, fds = control.ask_supervisor(self._places.supervisor_socket, SUPERVISOR_SECONDS)
        self._host.keep(listed, fds)
        api_host, api_port = self._host.apiserver() or (options.api_host, options.api_port)
        blocked = self._kept_ports(api_port)
        self._spawners = spawners.Spawners(
            self._places.spawners,
            self._places.spawner_logs,
            self._isolation.mode,
            blocked,
            self._container_ended,
        )
        self._addresses = addresses.Pool(options.home, self._is_kept(blocked))
        self._variables = {
            "KUBERNETES_SERVICE_HOST": api_host,
            "KUBERNETES_SERVICE_PORT": str(api_port),
            "KUBERNETES_SERVICE_PORT_HTTPS": str(api_port),
            **self._service_urls(),
        }
        facts = launcher.NodeFacts(
            host_ip=HOST_IP,
            variables=self._variables,
            blocked_ports=blocked,
            is_root=os.getuid() == 0,
            max_pids=options.pod_max_pids,
        )
        self._launcher = launcher.Launcher(
            self._places, self._catalog, self._spawners, self._addresses, self._host, facts
        )
        self._launcher.on_forgotten = self._shared_forgotten
        self._launcher.on_shared_ended = self._shared_ended
        self._http = http_client.Client()
        self._recorder = events.Recorder(self._client, "kubelet", instance=options.node_name)
        sources = volumes.Sources(self._secret, self._config_map, self._claim, self._token)
        self._deps = node_deps.Deps(
            places=self._places,
            boot_id=self._boot_id,
            host_ip=HOST_IP,
            clock=clock,
            launcher=self._launcher,
            addresses=self._addresses,
            volumes=volumes.Store(self._places, sources, HOST_IP, clock),
            api=status_writer.PodApi(self._client),
            http=self._http,
            recorder=self._recorder,
            starts=startturns.make(options.pod_starts),
            secret=self._secret,
            config_map=self._config_map,
        )
        self._keeper = node.NodeKeeper(
            self._client,
            options.node_name,
            HOST_IP,
            self._boot_id,
            self._catalog,
            self._isolation,
            clock,
        )

    def _kept_ports(self, api_port: int) -> tuple[messages.PortRange, ...]:
        public = {entry[1] for entry in map(self._host.find, self._options.public) if entry}
        declared = {*self._catalog.ports(), *self._host.ports(), *([api_port] if api_port else [])}
        return outbound.kept_ports(declared, public)

    def _is_kept(self, kept: tuple[messages.PortRange, ...]) -> Callable[[int], bool]:
        """Where pods may listen. Spawners of an earlier kubelet have taken on its list for good:
        while the public ports are not known again, only the reserved range is certain.
        """
        if all(self._host.find(key) for key in self._options.public):
            return lambda port: (
                outbound.contains(kept, port) and not outbound.contains(outbound.OWN_PORTS, port)
            )
        return addresses.POD_PORTS.__contains__

    def _service_urls(self) -> dict[str, str]:
        found = {name: self._host.find(key) for name, key in self._options.service_urls.items()}
        return {name: f"http://{a[0]}:{a[1]}" for name, a in found.items() if a is not None}

    async def _start(self) -> None:
        found = await self._spawners.adopt(self._catalog.images)
        await self._launcher.adopt_shared(found)
        self._warm_ahead()
        self._tasks.run(self._recorder.run(), "events")
        for kind in (self._secrets, self._config_maps, self._services, self._pods):
            self._tasks.run(kind.run(), kind.resource.plural)
        await self._keeper.register()
        self._tasks.run(self._keeper.run(), "lease")
        for kind in (self._secrets, self._config_maps, self._services):
            await kind.wait_synced(SYNC_SECONDS)
            if kind is not self._services:
                kind.add_handler(self._source_changed)
        self._services.add_handler(self._service_changed)
        await self._pods.wait_synced(SYNC_SECONDS)
        await self._take_over(found)
        self._pods.add_handler(self._pod_changed)
        self._started = True
        self._tasks.run(self._monitor.run(), "usage")
        self._tasks.spawn(self._name_host_sockets(), "host sockets")
        log.info("kubelet started", extra={"node": self._options.node_name})

    def _warm_ahead(self) -> None:
        """Imports take longest of all that a start needs: not after the API server's own."""
        for name in self._options.warm:
            with contextlib.suppress(errors.UnknownImage):
                self._spawners.warm(self._catalog.find(name))

    async def _take_over(self, found: Mapping[str, messages.ContainerState]) -> None:
        """Match records, pods and processes of an earlier kubelet; end what nobody owns."""
        known = {record.uid: record for record in records.read_all(self._places.pods)}
        current = {pod["metadata"]["uid"]: pod for pod in self._pods.lister.list()}
        by_pod: dict[str, dict[str, messages.ContainerState]] = {}
        for identifier, state in found.items():
            parsed = records.parse_container_id(identifier)
            if parsed is None or parsed[0] == "shared":
                continue
            by_pod.setdefault(parsed[0], {})[identifier] = state
        for uid, pod in current.items():
            self._add_worker(pod, known.get(uid), by_pod.pop(uid, {}))
        for states in by_pod.values():
            for identifier in states:
                log.info("ended a container without a pod", extra={"container": identifier})
                self._orphans.add(identifier)
                if states[identifier].running:
                    await self._spawners.signal(identifier, signal.SIGKILL)
                else:
                    self._container_ended(states[identifier])
        if self._places.pods.is_dir():
            for folder in self._places.pods.iterdir():
                if folder.name not in current:
                    await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)

    async def _name_host_sockets(self) -> None:
        """After a crash of supervisor and kubelet: sockets come from pods, their names from the
        next supervisor, once it has fetched them here.
        """
        while True:
            # The pods are reattached beside this; a second look finds what they brought.
            await asyncio.sleep(NAMING_SECONDS)
            if not self._host.has_nameless:
                return
            listed, fds = await asyncio.to_thread(
                control.ask_supervisor, self._places.supervisor_socket, SUPERVISOR_SECONDS
            )
            self._host.keep(listed, fds)
            self._variables.update(self._service_urls())

    # -- pods -------------------------------------------------------------------------------

    def _pod_changed(self, old: Obj | None, new: Obj | None) -> None:
        if self._shutting_down:
            return
        if new is None:
            assert old is not None
            worker = self._workers.get(old["metadata"]["uid"])
            if worker is not None:
                worker.vanished()
            return
        worker = self._workers.get(new["metadata"]["uid"])
        if worker is None:
            self._add_worker(new, None, {})
        else:
            worker.update(new)

    def _add_worker(
        self,
        pod: Obj,
        record: records.PodRecord | None,
        found: Mapping[str, messages.ContainerState],
    ) -> None:
        uid = pod["metadata"]["uid"]
        worker = pod_worker.PodWorker(self._deps, pod, record, found)
        self._workers[uid] = worker
        task = self._tasks.spawn(worker.run(), f"pod {pod['metadata']['name']}")
        task.add_done_callback(lambda _: self._workers.pop(uid, None))
        for container in pod["spec"]["containers"]:
            with contextlib.suppress(errors.UnknownImage):
                image = self._catalog.find(container.get("image") or "")
                if not image.shared and self._launcher.is_startable(image):
                    self._spawners.warm(image)

    def _container_ended(self, state: messages.ContainerState) -> None:
        if self._shutting_down or self._launcher.shared_exit(state):
            return
        if state.id in self._orphans:
            self._orphans.discard(state.id)
            self._tasks.spawn(self._spawners.acknowledge(state.id), "acknowledge")
            return
        parsed = records.parse_container_id(state.id)
        worker = self._workers.get(parsed[0]) if parsed else None
        if parsed is not None and worker is not None:
            worker.container_ended(parsed[1], parsed[2], state)

    def _shared_forgotten(self, member: str) -> None:
        uid, container = member.split("/")
        worker = self._workers.get(uid)
        if worker is not None and not self._shutting_down:
            worker.serve_again(container)

    def _shared_ended(self, member: str, code: int, message: str) -> None:
        uid, container = member.split("/")
        worker = self._workers.get(uid)
        if worker is not None and not self._shutting_down:
            worker.shared_ended(container, code, message)

    # -- sources ----------------------------------------------------------------------------

    async def _secret(self, namespace: str, name: str) -> Obj | None:
        return await self._source(self._secrets, namespace, name)

    async def _config_map(self, namespace: str, name: str) -> Obj | None:
        return await self._source(self._config_maps, namespace, name)

    async def _source(self, kind: informer.Informer[Obj], namespace: str, name: str) -> Obj | None:
        """From the mirror; from the server where the mirror may only be late."""
        found = kind.lister.get(namespace, name)
        if found is not None:
            return found
        try:
            return await self._client.get(kind.resource, name, namespace)
        except status.NotFound:
            return None

    async def _claim(self, namespace: str, name: str) -> Obj | None:
        try:
            return await self._client.get(gvk.PERSISTENTVOLUMECLAIMS, name, namespace)
        except status.NotFound:
            return None

    async def _token(self, pod: Obj, audience: str, seconds: int) -> tuple[str, float]:
        meta = pod["metadata"]
        request = {
            "apiVersion": "authentication.k8s.io/v1",
            "kind": "TokenRequest",
            "spec": {
                "audiences": [audience] if audience else [],
                "expirationSeconds": seconds,
                "boundObjectRef": {
                    "apiVersion": "v1",
                    "kind": "Pod",
                    "name": meta["name"],
                    "uid": meta["uid"],
                },
            },
        }
        answer = await self._client.create(
            gvk.SERVICEACCOUNTS,
            request,
            meta["namespace"],
            name=pod["spec"].get("serviceAccountName") or "default",
            subresource="token",
        )
        granted = answer["status"]
        return granted["token"], volumes.expiry(granted["expirationTimestamp"])

    def _source_changed(self, old: Obj | None, new: Obj | None) -> None:
        changed = new or old
        assert changed is not None
        kind = "secret" if changed.get("kind", "Secret") == "Secret" else "configMap"
        meta = changed["metadata"]
        for worker in self._workers.values():
            if worker.pod["metadata"]["namespace"] == meta["namespace"] and worker.names(
                kind, meta["name"]
            ):
                worker.sources_changed()

    def _service_changed(self, old: Obj | None, new: Obj | None) -> None:
        if new is None:
            return
        ingress = self._host.ingress(new)
        current = ((new.get("status") or {}).get("loadBalancer") or {}).get("ingress")
        if ingress is not None and ingress != current:
            self._tasks.spawn(self._write_ingress(new, ingress), "ingress")
        if ingress is not None:
            for worker in list(self._workers.values()):
                if worker.pod["metadata"]["namespace"] == new["metadata"]["namespace"]:
                    worker.services_changed()

    async def _write_ingress(self, service: Obj, ingress: list[Obj]) -> None:
        meta = service["metadata"]
        try:
            await self._client.patch(
                gvk.SERVICES,
                meta["name"],
                {"status": {"loadBalancer": {"ingress": ingress}}},
                meta["namespace"],
                subresource="status",
            )
        except base_errors.Error as error:
            log.warning("ingress was not written: %s", error, extra={"service": meta["name"]})

    # -- control and end --------------------------------------------------------------------

    def _answer(self, message: Obj) -> tuple[Obj, list[int]]:
        match message.get("op"):
            case "status":
                return self._status(), []
            case "stats":
                return {
                    "name": self._options.node_name,
                    **self._monitor.describe(int(message.get("from") or 0)),
                }, []
            case "host-sockets":
                if not self._started:
                    return {"error": "the kubelet is still starting"}, []
                listed, fds = self._host.all()
                return {"sockets": listed}, fds
            case "shutdown":
                self.shutdown(float(message.get("graceSeconds") or 0))
                return {"ok": True}, []
            case other:
                return {"error": f"unknown op {other!r}"}, []

    def _status(self) -> Obj:
        listed = [
            {"name": name, "pid": one.pid, "role": "spawner"}
            for name, one in sorted(self._spawners.clients().items())
        ]
        listed += [
            {"name": name, "pid": pid, "role": "shared"}
            for name, pid in sorted(self._launcher.shared_pids().items())
        ]
        for worker in self._workers.values():
            meta = worker.pod["metadata"]
            listed += [
                {"name": f"{meta['namespace']}/{meta['name']}/{name}", "pid": pid, "role": "pod"}
                for name, pid in worker.pids().items()
            ]
        isolation = self._isolation
        missing = [text for text in (isolation.failed_step, isolation.remedy) if text]
        return {
            "node": self._options.node_name,
            "started": self._started,
            "pods": len(self._workers),
            "hostPorts": self._host.named,
            "processes": listed,
            "isolation": {"mode": isolation.mode, "missing": [*missing, *isolation.gaps]},
        }

    async def _end_everything(self, grace_seconds: float) -> None:
        """Terminate all containers together; the pods' objects stay for the next start."""
        self._shutting_down = True
        with contextlib.suppress(base_errors.Error, TimeoutError):
            async with asyncio.timeout(SHUTDOWN_EXTRA_SECONDS):
                await self._keeper.write(ready=False)
        deadline = time.monotonic() + grace_seconds
        for number, until in (
            (signal.SIGTERM, deadline),
            (signal.SIGKILL, deadline + SHUTDOWN_EXTRA_SECONDS),
        ):
            told: set[str] = set()
            pause = 0.01
            while time.monotonic() < until:
                running = await self._running_ids()
                if not running:
                    return
                # A start that was under way when this began shows up late.
                late = [one for one in running if one not in told]
                await asyncio.gather(*(self._spawners.signal(one, number) for one in late))
                told.update(late)
                await asyncio.sleep(pause)
                pause = min(0.1, pause * 2)

    async def _running_ids(self) -> list[str]:
        found: list[str] = []
        for one in self._spawners.clients().values():
            with contextlib.suppress(spawner_client.SpawnerError):
                found += [state.id for state in await one.list() if state.running]
        return found
