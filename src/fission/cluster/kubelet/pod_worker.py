"""One pod from its binding to its end: carries out what `podstate` decides.

One task takes stimuli from one queue, in order; starts, stops and probes run beside it and report
back through the same queue, so the state has one writer. The status in the API is written behind it
by a second task, always the latest, never two at once. The record on disk is written before an
action: a successor of this process finds at least what was tried.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import functools
import logging
import signal
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fission.base import clock as clocks
from fission.base import errors as base_errors
from fission.base import tasks as task_groups
from fission.cluster.kubelet import (
    addresses,
    admission,
    errors,
    health,
    hooks,
    launcher,
    node_deps,
    podstate,
    podstatus,
    probes,
    records,
    references,
    spawners,
    startturns,
    status_writer,
    storage,
)
from fission.cluster.kubelet.zygote import messages
from fission.meta import podports

log = logging.getLogger(__name__)

Obj = dict[str, Any]

FIRST_PREPARE_RETRY_SECONDS = 0.2
LONGEST_PREPARE_RETRY_SECONDS = 10.0
DRAIN_SECONDS = 0.25
"""From deletion to SIGTERM where no hook waits: callers take a moment to hear that it goes."""


class PodWorker:
    """Owns one pod (one uid) on this node."""

    def __init__(
        self,
        deps: node_deps.Deps,
        pod: Obj,
        record: records.PodRecord | None,
        found: Mapping[str, messages.ContainerState],
    ) -> None:
        """`found`: the pod's containers that spawners hold, by id."""
        self._deps = deps
        self._pod = pod
        self._rules = podstate.parse_rules(pod)
        self._inbox: asyncio.Queue[podstate.Stimulus] = asyncio.Queue()
        self._tasks = task_groups.Tasks()
        self._health = health.Health(deps.http, deps.clock, self._tasks)
        self._starting: dict[str, asyncio.Task[Any]] = {}
        self._sockets: dict[int, socket.socket] = {}
        self._volumes: dict[str, Path] = {}
        self._renew_at: float | None = None
        self._renew = asyncio.Event()
        self._mounted = asyncio.Event()
        self._is_up = asyncio.Event()
        self._vanished = False
        self._over_limit: set[str] = set()
        self._found = dict(found)
        now = self._now()
        is_ours = record is not None and record.boot_id == deps.boot_id
        if record is not None and is_ours:
            # Nothing starts before this process has mounted the volumes itself.
            self._state = dataclasses.replace(record.state, sandbox_ready=False)
            self._endpoint = record.endpoint
            self._start_time = record.start_time
            if record.endpoint is not None:
                deps.addresses.claim(record.endpoint.ip)
        else:
            self._state = records.from_status(self._rules, pod, now)
            self._endpoint = None
            self._start_time = now
        self._restored = is_ours
        self._writer = status_writer.StatusWriter(deps.api, self._make_status)

    @property
    def uid(self) -> str:
        return self._rules.uid

    @property
    def pod(self) -> Obj:
        return self._pod

    # -- what happens from outside ----------------------------------------------------------

    def update(self, pod: Obj) -> None:
        """The API has a newer version of the pod."""
        self._pod = pod
        self._note_deletion()
        self._writer.poke()

    def vanished(self) -> None:
        """The pod is gone from the API: end what runs, tell nobody."""
        self._vanished = True
        self._inbox.put_nowait(podstate.Deleted(self._now()))

    def container_ended(self, container: str, attempt: int, ended: messages.ContainerState) -> None:
        self._tasks.spawn(self._ended(container, attempt, ended), f"end {container}")

    def evict(self, reason: str, message: str) -> None:
        self._inbox.put_nowait(podstate.Fail(reason, message, self._now()))

    def services_changed(self) -> None:
        """Restart what a host port's Service has come to select: sockets come with the start."""
        for spec in self._pod["spec"]["containers"]:
            state = self._state.of(spec["name"])
            if self._deps.launcher.lacks_host_port(self._pod, spec, state.attempt):
                self._tell("HostPort", f"Restarting container {spec['name']} for its host port")
                self._inbox.put_nowait(podstate.Probed(spec["name"], "liveness", False, 5.0))

    def out_of_memory(self, container: str) -> None:
        """A container uses more memory than its limit, and no cgroup ended it."""
        self._over_limit.add(container)
        attempt = self._state.of(container).attempt
        self._tasks.spawn(self._signal(container, attempt, signal.SIGKILL), f"oom {container}")

    def serve_again(self, container: str) -> None:
        """The node's shared process is another and was not told of this container."""
        self._tasks.spawn(self._serve_again(container), f"serve {container}")

    def shared_ended(self, container: str, code: int, message: str) -> None:
        """The node's shared process cannot serve this container."""
        attempt = self._state.of(container).attempt
        self._deps.launcher.log_shared_end(self._pod, container, attempt, message)
        ended = dataclasses.replace(spawners.quiet_end(), exit_code=code)
        self._tasks.spawn(self._ended(container, attempt, ended, message), f"end {container}")

    def sources_changed(self) -> None:
        """A Secret or ConfigMap that the pod may use is different."""
        self._renew.set()

    def pids(self) -> dict[str, int]:
        """Container → process, for those that run in one of their own."""
        found: dict[str, int] = {}
        for container in self._state.containers:
            identifier = records.container_id(self.uid, container.name, container.attempt)
            running = self._deps.launcher.running.get(identifier)
            if container.has_process and running is not None and running.pid:
                found[container.name] = running.pid
        return found

    def names(self, kind: str, name: str) -> bool:
        """Whether the pod's volumes name this Secret or ConfigMap."""
        return name in references.of_volumes(self._pod, kind)

    # -- the loop ---------------------------------------------------------------------------

    async def run(self) -> None:
        """Serve the pod to its end."""
        async with self._tasks:
            self._tasks.spawn(self._writer.run(), "status")
            try:
                await self._begin()
                await self._loop()
                await self._finish()
            finally:
                for sock in self._sockets.values():
                    sock.close()
                self._sockets.clear()

    async def _begin(self) -> None:
        phase = (self._pod.get("status") or {}).get("phase")
        if not self._restored and phase in ("Succeeded", "Failed"):
            self._state = dataclasses.replace(self._state, torn_down=True)
        if not self._state.torn_down:
            if self._restored:
                await self._reattach()
            try:
                admission.check(self._pod, self._deps.launcher.user_of(self._pod))
            except errors.Refused as error:
                self._warn(error.reason, str(error))
                self._inbox.put_nowait(podstate.Fail(error.reason, str(error), self._now()))
            else:
                self._tasks.spawn(self._come_up(), "prepare")
                self._tasks.spawn(self._watch_bounds(), "bounds")
            self._writer.poke()
        self._note_deletion()

    async def _loop(self) -> None:
        wake_at: float | None = None
        while True:
            stimulus: podstate.Stimulus = podstate.Tick()
            timeout = None if wake_at is None else max(0.0, wake_at - self._now())
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(timeout):
                    stimulus = await self._inbox.get()
            decision = podstate.step(self._rules, self._state, stimulus, self._now())
            changed = decision.state != self._state
            self._state = decision.state
            wake_at = decision.wake_at
            if podstate.is_settled(self._rules, self._state):
                self._is_up.set()
            if changed:
                self._write_record()
            for action in decision.actions:
                if isinstance(action, podstate.Teardown):
                    await self._tear_down()
                else:
                    self._carry_out(action)
            if changed:
                self._writer.poke()
            if self._state.torn_down and (self._vanished or self._state.deleting):
                return

    async def _finish(self) -> None:
        """The last words to the API, and nothing of the pod is left."""
        await self._deps.launcher.forget(self._pod)
        if not self._vanished:
            await self._writer.last()
        await asyncio.to_thread(self._deps.volumes.remove, self._pod)
        if not self._vanished:
            await self._deps.api.remove(self._pod)

    def _carry_out(self, action: podstate.Action) -> None:
        match action:
            case podstate.Start(name, attempt):
                task = self._tasks.spawn(self._start(name, attempt), f"start {name}")
                self._starting[name] = task
            case podstate.Stop(name, grace):
                attempt = self._state.of(name).attempt
                self._tasks.spawn(self._stop(name, attempt, grace), f"stop {name}")
            case podstate.Kill(name):
                attempt = self._state.of(name).attempt
                self._tasks.spawn(self._signal(name, attempt, signal.SIGKILL), f"kill {name}")

    def _note_deletion(self) -> None:
        meta, now = self._pod["metadata"], self._now()
        text = meta.get("deletionTimestamp")
        if text:
            # Written in whole seconds, cut off: a grace of one second must not become none.
            deadline = clocks.parse_rfc3339(text).timestamp() + 1.0
            grace = float(meta.get("deletionGracePeriodSeconds") or 0)
            self._inbox.put_nowait(podstate.Deleted(max(min(deadline, now + grace), now)))

    # -- address and volumes ----------------------------------------------------------------

    async def _come_up(self) -> None:
        """In its turn, unless it was up before or is the platform's."""
        if self._restored or not self._deps.launcher.is_confined(self._pod):
            await self._prepare()
        else:
            async with self._deps.starts.turn(startturns.owner_of(self._pod)):
                await self._prepare()
                await self._is_up.wait()
        await self._keep_mounted()

    async def _prepare(self) -> None:
        """Address, sockets, volumes: tried until they are there, or refused."""
        wait = FIRST_PREPARE_RETRY_SECONDS
        while True:
            try:
                await self._acquire_address()
                await self._mount()
                break
            except errors.Refused as error:
                self._warn(error.reason, str(error))
                self._inbox.put_nowait(podstate.Fail(error.reason, str(error), self._now()))
                return
            except base_errors.Error as error:
                self._warn(error.reason, str(error))
                self._inbox.put_nowait(podstate.SandboxFailed(error.reason, str(error)))
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(wait):
                    await self._renew.wait()
            self._renew.clear()
            wait = min(LONGEST_PREPARE_RETRY_SECONDS, wait * 2)
        self._mounted.set()
        self._inbox.put_nowait(podstate.SandboxReady())

    async def _keep_mounted(self) -> None:
        """Keep the volumes fresh."""
        while self._mounted.is_set():
            self._renew.clear()
            timeout = None
            if self._renew_at is not None:
                timeout = max(0.0, self._renew_at - self._now())
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(timeout):
                    await self._renew.wait()
            try:
                await self._mount()
            except base_errors.Error as error:
                # What is there stays there: a pod that runs is not ended for a missing secret.
                self._warn(error.reason, str(error))
                self._renew_at = self._now() + LONGEST_PREPARE_RETRY_SECONDS

    async def _acquire_address(self) -> None:
        if self._endpoint is None:
            ports = {
                port
                for declared in self._deps.launcher.declared_ports(self._pod).values()
                for port in declared
            }
            self._endpoint, self._sockets = self._deps.addresses.acquire(sorted(ports))
        wanted = dict(self._endpoint.port_map)
        if podports.port_map(self._pod) != wanted:
            # Before any status names the address: nobody must connect to the declared port.
            await self._deps.api.annotate_ports(self._pod, wanted)

    async def _mount(self) -> None:
        assert self._endpoint is not None
        self._volumes, self._renew_at = await self._deps.volumes.mount(
            self._pod,
            self._endpoint.ip,
            confined=self._deps.launcher.is_confined(self._pod),
            owner=self._deps.launcher.owner_of(self._pod, self._endpoint.ip),
        )

    async def _tear_down(self) -> None:
        self._health.forget_all()
        for sock in self._sockets.values():
            sock.close()
        self._sockets.clear()
        await self._deps.launcher.forget(self._pod)
        if self._endpoint is not None:
            self._deps.addresses.release(self._endpoint.ip)

    async def _watch_bounds(self) -> None:
        """What the pod declared for itself as a whole: time, and room on disk."""
        meta = self._pod["metadata"]
        logs = self._deps.places.pod_logs(meta["namespace"], meta["name"], meta["uid"])
        reason, message = await storage.watch(
            self._pod, lambda: self._volumes, logs, self._start_time, self._now
        )
        self._warn(reason, message)
        self.evict(reason, message)

    # -- containers -------------------------------------------------------------------------

    def _spec(self, name: str) -> Obj:
        spec = self._pod["spec"]
        everyone = (*(spec.get("initContainers") or ()), *spec["containers"])
        return next(c for c in everyone if c["name"] == name)

    async def _start(self, name: str, attempt: int) -> None:
        assert self._endpoint is not None
        sockets = {}
        for declared in self._deps.launcher.declared_ports(self._pod).get(name, {}):
            if declared in self._sockets:
                sockets[declared] = self._sockets.pop(declared)
        try:
            running, started_at = await self._launch(name, attempt, self._endpoint, sockets)
        except errors.Refused as error:
            self._inbox.put_nowait(podstate.Fail(error.reason, str(error), self._now()))
            self._inbox.put_nowait(podstate.StartFailed(name, error.reason, str(error)))
            return
        except base_errors.Error as error:
            self._warn(error.reason, str(error))
            self._inbox.put_nowait(podstate.StartFailed(name, error.reason, str(error)))
            return
        except Exception as error:
            log.exception("container was not started", extra=self._fields(container=name))
            self._inbox.put_nowait(podstate.StartFailed(name, "RunContainerError", str(error)))
            return
        await self._after_start(name, attempt, self._endpoint)
        identifier = f"{podstatus.RUNTIME}://{running.id}"
        self._inbox.put_nowait(podstate.Started(name, identifier, started_at))
        self._tell("Started", f"Started container {name}")
        self._watch_health(name, attempt)
        self.services_changed()

    async def _launch(
        self,
        name: str,
        attempt: int,
        endpoint: addresses.Endpoint,
        sockets: dict[int, socket.socket],
    ) -> tuple[launcher.Running, float]:
        container, namespace = self._spec(name), self._rules.namespace
        request = launcher.Request(
            pod=self._pod,
            container=container,
            attempt=attempt,
            endpoint=endpoint,
            volumes=self._volumes,
            secrets=await references.look_up(container, "secret", namespace, self._deps.secret),
            config_maps=await references.look_up(
                container, "configMap", namespace, self._deps.config_map
            ),
            sockets=sockets,
        )
        return await self._deps.launcher.start(request)

    async def _serve_again(self, name: str) -> None:
        await self._mounted.wait()
        attempt = self._state.of(name).attempt
        assert self._endpoint is not None
        try:
            await self._launch(name, attempt, self._endpoint, {})
        except base_errors.Error as error:
            self._warn(error.reason, str(error))
            lost = spawners.lost(records.container_id(self.uid, name, attempt))
            await self._ended(name, attempt, lost)

    def _watch_health(self, name: str, attempt: int) -> None:
        if self._endpoint is None:
            return

        def report(kind: str, healthy: bool, own_grace: float | None) -> None:
            if not healthy:
                self._warn("Unhealthy", f"{kind.capitalize()} probe of container {name} failed")
            given = hooks.grace_seconds(self._pod) if own_grace is None else float(own_grace)
            if self._state.of(name).attempt == attempt:
                self._inbox.put_nowait(podstate.Probed(name, kind, healthy, given))

        execute = self._execute(name, attempt)
        self._health.watch(self._pod, self._spec(name), self._endpoint, execute, report)

    def _execute(self, name: str, attempt: int) -> probes.Execute:
        return functools.partial(self._deps.launcher.run, self._pod, name, attempt)

    async def _after_start(self, name: str, attempt: int, endpoint: addresses.Endpoint) -> None:
        """The container counts as started when its hook is done; if that fails, it is ended."""
        execute, longest = self._execute(name, attempt), hooks.POST_START_SECONDS
        failure = await self._health.run_hook(
            "postStart", self._pod, self._spec(name), endpoint, execute, longest
        )
        if failure:
            self._warn("FailedPostStartHook", failure)
            stop = podstate.Probed(name, "liveness", False, hooks.grace_seconds(self._pod))
            asyncio.get_running_loop().call_soon(self._inbox.put_nowait, stop)

    async def _stop(self, name: str, attempt: int, grace_seconds: float) -> None:
        self._tell("Killing", f"Stopping container {name}")
        assert self._endpoint is not None
        was_serving = self._state.of(name).ready and name in self._deps.launcher.declared_ports(
            self._pod
        )
        execute = self._execute(name, attempt)
        failure = await self._health.run_hook(
            "preStop", self._pod, self._spec(name), self._endpoint, execute, grace_seconds
        )
        if failure:
            self._warn("FailedPreStopHook", failure)
        elif failure is None and self._state.deleting and was_serving:
            await asyncio.sleep(min(DRAIN_SECONDS, grace_seconds / 2))
        await self._signal(name, attempt, signal.SIGTERM)

    async def _signal(self, name: str, attempt: int, number: int) -> None:
        if await self._deps.launcher.stop(self._pod, self._spec(name), attempt, number):
            await self._ended(name, attempt, spawners.quiet_end())

    async def _ended(
        self, name: str, attempt: int, ended: messages.ContainerState, message: str = ""
    ) -> None:
        start = self._starting.get(name)
        if start is not None and not start.done():
            await asyncio.wait([start])  # its Started comes first, or its StartFailed
        container = self._state.of(name)
        if container.attempt != attempt or not container.has_process:
            return
        self._health.forget(name)
        code = ended.exit_code
        if code is None:
            code = 128 + (ended.signal or 0)
        reason = ""
        if ended.oom or name in self._over_limit:
            reason = podstate.OUT_OF_MEMORY
            code = 128 + signal.SIGKILL
            self._over_limit.discard(name)
            limit = (self._spec(name).get("resources") or {}).get("limits") or {}
            self._warn(
                "OOMKilling",
                f"Container {name} was ended: it used more memory than its limit of "
                f"{limit.get('memory', 'this machine')}",
            )
        if spawners.is_lost(ended):
            reason = podstate.LOST
            message = "The process that held the container ended"
        finished = ended.finished_at or self._now()
        own = self._rules.of(name)
        again = podstate.restarts(
            self._rules,
            own,
            podstate.Termination(code, ended.signal, reason, message, 0.0, finished, ""),
        )
        restarts = again and not self._state.deleting and self._state.failed is None
        await self._deps.launcher.ended(self._pod, name, attempt, restarts=restarts)
        if not message:
            spec = self._spec(name)
            message = self._deps.launcher.last_words(self._pod, spec, attempt, failed=code != 0)
        exited = podstate.Exited(name, code, finished, ended.signal, reason, message)
        self._inbox.put_nowait(exited)

    # -- after a crash of the kubelet -------------------------------------------------------

    async def _reattach(self) -> None:
        """Match what the record says with what the spawners hold."""
        for container in self._state.containers:
            if not container.has_process:
                continue
            name, attempt = container.name, container.attempt
            identifier = records.container_id(self.uid, name, attempt)
            state = self._found.pop(identifier, None)
            if state is None and self._reattach_shared(container):
                continue
            if state is None:
                lost = spawners.lost(identifier)
                if container.phase is podstate.Phase.STARTING:
                    self._inbox.put_nowait(
                        podstate.StartFailed(name, "RunContainerError", "the node was restarted")
                    )
                else:
                    self._state = podstate.forgive(self._state, name)
                    self._tasks.spawn(self._ended(name, attempt, lost), f"end {name}")
                continue
            await self._deps.launcher.adopt(self._pod, name, attempt, state)
            if container.phase is podstate.Phase.STARTING:
                container_id = f"{podstatus.RUNTIME}://{identifier}"
                self._inbox.put_nowait(podstate.Started(name, container_id, state.started_at))
            if state.running:
                self._watch_health(name, attempt)
            else:
                self._tasks.spawn(self._ended(name, attempt, state), f"end {name}")

    def _reattach_shared(self, container: podstate.Container) -> bool:
        try:
            image = self._deps.launcher.catalog.find(self._spec(container.name).get("image") or "")
        except errors.UnknownImage:
            return False
        if not image.shared or container.phase is not podstate.Phase.RUNNING:
            return False
        spec = self._spec(container.name)
        if self._deps.launcher.adopt_shared_member(self._pod, spec, container.attempt, image):
            self._watch_health(container.name, container.attempt)
            return True
        return False

    # -- what others see --------------------------------------------------------------------

    def _make_status(self) -> tuple[Obj, Obj]:
        endpoint = self._endpoint
        ready = self._state.sandbox_ready or any(c.attempt >= 0 for c in self._state.containers)
        facts = podstatus.Facts(
            host_ip=self._deps.host_ip,
            pod_ip=endpoint.ip if endpoint is not None and ready else None,
            start_time=self._start_time,
            image_ids=self._deps.launcher.image_ids(self._pod),
            unconfined=self._deps.launcher.unconfined(
                records.container_id(self.uid, one.name, one.attempt)
                for one in self._state.containers
            ),
        )
        pod = podstatus.with_written(self._pod, self._writer.written)
        return pod, podstatus.make_status(pod, self._rules, self._state, facts, self._now())

    def _write_record(self) -> None:
        record = records.PodRecord(
            boot_id=self._deps.boot_id,
            uid=self.uid,
            namespace=self._rules.namespace,
            name=self._rules.name,
            endpoint=self._endpoint,
            state=self._state,
            start_time=self._start_time,
        )
        try:
            records.write(self._deps.places.record(self.uid), record)
        except OSError as error:
            log.error("record was not written: %s", error, extra=self._fields())

    def _now(self) -> float:
        return self._deps.clock.now().timestamp()

    def _warn(self, reason: str, message: str) -> None:
        log.info("pod has a problem: %s", message, extra=self._fields(reason=reason))
        self._deps.recorder.event(podstatus.identified(self._pod), "Warning", reason, message)

    def _tell(self, reason: str, message: str) -> None:
        self._deps.recorder.event(podstatus.identified(self._pod), "Normal", reason, message)

    def _fields(self, **more: str) -> dict[str, str]:
        return {
            "namespace": self._rules.namespace,
            "pod": self._rules.name,
            "uid": self.uid,
            **more,
        }
