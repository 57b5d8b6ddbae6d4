"""One pod's containers as they are asked and told from outside: probes and life cycle hooks."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from fission.base import clock as clocks
from fission.base import tasks as task_groups
from fission.cluster.kubelet import addresses, hooks, probes
from fission.meta import podports
from fission_http import client as http_client

Obj = dict[str, Any]

Report = Callable[[str, bool, float | None], None]
"""(kind, healthy, the probe's own grace)"""


class Health:
    """Probes what runs, until it is forgotten; runs hooks. Ports are those really bound."""

    def __init__(
        self, http: http_client.Client, clock: clocks.Clock, tasks: task_groups.Tasks
    ) -> None:
        self._http = http
        self._clock = clock
        self._tasks = tasks
        self._probes: dict[str, asyncio.Task[Any]] = {}

    def watch(
        self,
        pod: Obj,
        container: Obj,
        endpoint: addresses.Endpoint,
        execute: probes.Execute,
        report: Report,
    ) -> None:
        """Probe a container that has started; instead of its former run."""
        rules = probes.parse_rules(container, execute)
        if not rules:
            return
        name = container["name"]
        self.forget(name)
        resolve = _resolver(pod, endpoint)
        self._probes[name] = self._tasks.spawn(
            probes.run(rules, endpoint.ip, resolve, self._http, report, self._clock),
            f"probe {name}",
        )

    def forget(self, name: str) -> None:
        task = self._probes.pop(name, None)
        if task is not None:
            task.cancel()

    def forget_all(self) -> None:
        for name in list(self._probes):
            self.forget(name)

    async def run_hook(
        self,
        kind: str,
        pod: Obj,
        container: Obj,
        endpoint: addresses.Endpoint,
        execute: probes.Execute,
        timeout_seconds: float,
    ) -> str | None:
        """None without such a hook; else why it failed, empty when it did not."""
        hook = hooks.parse(container, kind)
        if hook is None:
            return None
        resolve = _resolver(pod, endpoint)
        return await hooks.run(hook, endpoint.ip, resolve, self._http, execute, timeout_seconds)


def _resolver(pod: Obj, endpoint: addresses.Endpoint) -> probes.Resolve:
    return lambda port: endpoint.real(podports.declared_port(pod, port))
