"""The spawners of this node: one for each image, preload list and outbound policy.

Started when an image is first seen, attached to when an earlier kubelet started it, started again
when it dies. Containers are found by their id; a spawner that dies takes its containers with it,
and each is reported lost.
"""

from __future__ import annotations

import asyncio
import logging
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from fission.base import singleflight
from fission.cluster.kubelet import errors, images, outbound
from fission.cluster.kubelet.zygote import client, messages

log = logging.getLogger(__name__)

PREFIX = "sp-"
LOST_EXIT_CODE = 137
"""What a process ended by SIGKILL answers."""

Exit = Callable[[messages.ContainerState], None]


class Spawners:
    """Starts, keeps and finds spawners; routes the ends of their containers."""

    def __init__(
        self,
        run_dir: Path,
        log_dir: Path,
        mode: messages.Mode,
        blocked_ports: Sequence[messages.PortRange],
        on_exit: Exit,
    ) -> None:
        self._run_dir = run_dir
        self._log_dir = log_dir
        self._mode: messages.Mode = mode
        self._blocked_ports = tuple(blocked_ports)
        self._on_exit = on_exit
        self._clients: dict[str, client.SpawnerClient] = {}
        self._owners: dict[str, client.SpawnerClient] = {}
        self._launches: dict[str, messages.ImageLaunch] = {}
        self._flights: singleflight.SingleFlight[str, client.SpawnerClient] = (
            singleflight.SingleFlight()
        )
        self._background: set[asyncio.Task[None]] = set()
        self._closing = False

    @property
    def mode(self) -> messages.Mode:
        return self._mode

    def clients(self) -> dict[str, client.SpawnerClient]:
        return dict(self._clients)

    def warm(self, image: images.Image) -> None:
        """Start the image's usual spawner in the background."""
        task = asyncio.get_running_loop().create_task(self._warm(image))
        self._background.add(task)
        task.add_done_callback(self._background.discard)

    async def _warm(self, image: images.Image) -> None:
        try:
            await self.get(image)
        except errors.CannotRun as error:
            log.error("spawner was not started: %s", error, extra={"image": image.name})

    async def get(
        self, image: images.Image, preload: tuple[str, ...] = (), *, chosen_outbound: bool = False
    ) -> client.SpawnerClient:
        """The running spawner for the image; starts it when there is none."""
        launch = self._launch(image, preload, chosen_outbound=chosen_outbound)
        return await self._get(launch)

    async def _get(self, launch: messages.ImageLaunch) -> client.SpawnerClient:
        found = self._clients.get(launch.name)
        if found is not None:
            return found
        return await self._flights.do(launch.name, lambda: self._start(launch))

    async def _start(self, launch: messages.ImageLaunch) -> client.SpawnerClient:
        self._log_dir.mkdir(parents=True, exist_ok=True)
        mode: messages.Mode = self._mode if launch.confined else "none"
        try:
            started = await client.SpawnerClient.launch(
                launch, self._run_dir, mode, self._log_dir / f"{launch.name}.log"
            )
        except (client.SpawnerError, OSError, TimeoutError) as error:
            raise errors.CannotRun(f"image {launch.name}: {error}") from error
        log.info("started spawner", extra={"spawner": launch.name, "pid": started.pid})
        self._launches[launch.name] = launch
        self._take(started, launch.name)
        return started

    def _launch(
        self, image: images.Image, preload: tuple[str, ...], *, chosen_outbound: bool
    ) -> messages.ImageLaunch:
        chosen = chosen_outbound or not image.confined
        modules = (*image.preload, *(m for m in preload if m not in image.preload))
        policy = "chosen" if chosen else "default"
        name = image.spawner_name(modules, f"{self._mode}/{policy}{'/own' * image.listens}")
        return messages.ImageLaunch(
            name=name,
            python=sys.executable,
            entry=image.entry,
            preload=modules,
            pythonpath=image.pythonpath,
            env=dict(image.env),
            confined=image.confined,
            working_dir=image.working_dir,
            visible=image.visible,
            outbound="chosen" if chosen else "default",
            blocked_ports=self._blocked_ports,
            own_ports=outbound.OWN_PORTS if image.listens else (),
        )

    def _take(self, one: client.SpawnerClient, name: str) -> None:
        self._clients[name] = one
        one.on_exit = self._on_exit
        one.on_lost = lambda: self._lost(one, name)

    def _lost(self, one: client.SpawnerClient, name: str) -> None:
        if self._clients.get(name) is one:
            del self._clients[name]
        one.close()
        orphans = [cid for cid, owner in self._owners.items() if owner is one]
        log.error("spawner ended", extra={"spawner": name, "containers": len(orphans)})
        for cid in orphans:
            del self._owners[cid]
            self._on_exit(lost(cid))
        launch = self._launches.get(name)
        if launch is not None and not self._closing:
            task = asyncio.get_running_loop().create_task(self._restart(launch))
            self._background.add(task)
            task.add_done_callback(self._background.discard)

    async def _restart(self, launch: messages.ImageLaunch) -> None:
        try:
            await self._get(launch)
        except errors.CannotRun as error:
            # Whoever starts a container next tries again, with a back-off of its own.
            log.error("spawner was not started again: %s", error)

    # -- containers -------------------------------------------------------------------------

    def own(self, container_id: str, one: client.SpawnerClient) -> None:
        self._owners[container_id] = one

    def owner(self, container_id: str) -> client.SpawnerClient | None:
        return self._owners.get(container_id)

    async def signal(self, container_id: str, number: int) -> None:
        """Signal a container that may have ended meanwhile."""
        one = self._owners.get(container_id)
        if one is None:
            return
        try:
            await one.signal(container_id, number)
        except client.SpawnerError as error:
            log.debug("signal was not delivered: %s", error, extra={"container": container_id})

    async def acknowledge(self, container_id: str) -> None:
        one = self._owners.pop(container_id, None)
        if one is None:
            return
        try:
            await one.acknowledge(container_id)
        except client.SpawnerError as error:
            log.debug("end was not acknowledged: %s", error, extra={"container": container_id})

    # -- adoption and end -------------------------------------------------------------------

    async def adopt(
        self, images_known: Sequence[images.Image]
    ) -> dict[str, messages.ContainerState]:
        """Attach to every spawner of an earlier kubelet; what they hold, by container id.

        A socket that nobody answers at is removed; a spawner without containers that no image
        of this kubelet asks for is ended.
        """
        expected = {
            self._launch(image, (), chosen_outbound=False).name: self._launch(
                image, (), chosen_outbound=False
            )
            for image in images_known
        }
        found: dict[str, messages.ContainerState] = {}
        for path in sorted(self._run_dir.glob(f"{PREFIX}*.sock")):
            try:
                one = await client.SpawnerClient.attach(path)
                states = await one.list()
            except client.SpawnerError as error:
                log.info("spawner of an earlier run is gone: %s", error)
                path.unlink(missing_ok=True)
                continue
            name = path.stem
            if name in expected:
                self._launches[name] = expected[name]
            elif not states:
                await one.shutdown()
                continue
            self._take(one, name)
            for state in states:
                found[state.id] = state
                self._owners[state.id] = one
        return found

    async def shutdown(self, timeout_seconds: float = 10.0) -> None:
        """End every spawner and what is left of its containers."""
        self._closing = True
        for task in list(self._background):
            task.cancel()
        results = await asyncio.gather(
            *(one.shutdown(timeout_seconds) for one in self._clients.values()),
            return_exceptions=True,
        )
        for result in results:
            if isinstance(result, BaseException):
                log.error("spawner did not end: %s", result)
        self._clients.clear()

    def detach(self) -> None:
        """Leave every spawner running."""
        self._closing = True
        for task in list(self._background):
            task.cancel()
        for one in self._clients.values():
            one.on_lost = None
            one.close()


def lost(container_id: str) -> messages.ContainerState:
    return messages.ContainerState(
        id=container_id, pid=0, start_time_ticks=0, boot_id="", exit_code=LOST_EXIT_CODE
    )


def quiet_end() -> messages.ContainerState:
    """The end of a container that has no process of its own."""
    return messages.ContainerState(id="", pid=-1, start_time_ticks=0, boot_id="", exit_code=0)


def is_lost(state: messages.ContainerState) -> bool:
    return state.pid == 0


def own_uid() -> int:
    return os.getuid()
