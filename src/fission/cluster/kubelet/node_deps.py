"""What every pod's worker of the node shares."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from fission.base import clock as clocks
from fission.base import turns
from fission.cluster.kubelet import addresses, launcher, paths, status_writer, volumes
from fission.kube import events
from fission_http import client as http_client

Obj = dict[str, Any]


@dataclass(frozen=True)
class Deps:
    """The node's one of each."""

    places: paths.Paths
    boot_id: str
    host_ip: str
    clock: clocks.Clock
    launcher: launcher.Launcher
    addresses: addresses.Pool
    volumes: volumes.Store
    api: status_writer.PodApi
    http: http_client.Client
    recorder: events.Recorder
    starts: turns.Turns
    secret: Callable[[str, str], Awaitable[Obj | None]]
    config_map: Callable[[str, str], Awaitable[Obj | None]]
