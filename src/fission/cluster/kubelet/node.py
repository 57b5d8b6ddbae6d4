"""The Node object and its Lease: what this machine is, and that its kubelet lives."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import platform
import socket
from pathlib import Path
from typing import Any

import fission
from fission.base import clock as clocks
from fission.base import errors as base_errors
from fission.cluster.kubelet import images
from fission.cluster.kubelet.sandbox import probe
from fission.kube import client as kube_client
from fission.meta import gvk, status

log = logging.getLogger(__name__)

Obj = dict[str, Any]

LEASE_NAMESPACE = "kube-node-lease"
LEASE_SECONDS = 40
RENEW_SECONDS = 10.0
MAX_PODS = 500
RETRY_SECONDS = 0.2
ISOLATION_CONDITION = "Isolated"


def capacity() -> dict[str, str]:
    return {
        "cpu": str(os.cpu_count() or 1),
        "memory": f"{memory_kibibytes()}Ki",
        "ephemeral-storage": f"{_disk_kibibytes()}Ki",
        "pods": str(MAX_PODS),
    }


def memory_kibibytes() -> int:
    with contextlib.suppress(OSError, ValueError):
        for line in Path("/proc/meminfo").read_text().splitlines():
            if line.startswith("MemTotal:"):
                return int(line.split()[1])
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 1024


def _disk_kibibytes() -> int:
    found = os.statvfs("/")
    return found.f_blocks * found.f_frsize // 1024


def make_node(name: str) -> Obj:
    labels = {
        "kubernetes.io/arch": _architecture(),
        "kubernetes.io/hostname": name,
        "kubernetes.io/os": platform.system().lower(),
    }
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": name, "labels": labels},
        "spec": {},
    }


def make_status(
    name: str,
    host_ip: str,
    boot_id: str,
    catalog: images.Catalog,
    isolation: probe.Isolation,
    now: str,
    old: Obj,
    *,
    ready: bool,
) -> Obj:
    """The status of the Node."""
    amounts = capacity()
    before = {c["type"]: c for c in old.get("conditions") or ()}

    def condition(kind: str, value: bool, reason: str, message: str) -> Obj:
        text = "True" if value else "False"
        previous = before.get(kind) or {}
        since = previous.get("lastTransitionTime") if previous.get("status") == text else None
        return {
            "type": kind,
            "status": text,
            "lastHeartbeatTime": now,
            "lastTransitionTime": since or now,
            "reason": reason,
            "message": message,
        }

    full = isolation.mode == "full" and not isolation.gaps
    lacking = " ".join((isolation.failed_step, isolation.remedy, *isolation.gaps)).strip()
    return {
        "capacity": amounts,
        "allocatable": dict(amounts),
        "conditions": [
            condition(
                "MemoryPressure", False, "KubeletHasSufficientMemory",
                "kubelet has sufficient memory available",
            ),
            condition(
                "DiskPressure", False, "KubeletHasNoDiskPressure", "kubelet has no disk pressure"
            ),
            condition(
                "PIDPressure", False, "KubeletHasSufficientPID",
                "kubelet has sufficient PID available",
            ),
            condition(
                "Ready", ready, "KubeletReady" if ready else "KubeletStopping",
                "kubelet is posting ready status" if ready else "kubelet is stopping",
            ),
            condition(
                ISOLATION_CONDITION, full, f"Mode{isolation.mode.capitalize()}",
                lacking or "pods are confined in full",
            ),
        ],
        "addresses": [
            {"type": "InternalIP", "address": host_ip},
            {"type": "Hostname", "address": name},
        ],
        "daemonEndpoints": {"kubeletEndpoint": {"Port": 0}},
        "nodeInfo": {
            "machineID": boot_id.replace("-", ""),
            "systemUUID": boot_id,
            "bootID": boot_id,
            "kernelVersion": platform.release(),
            "osImage": _os_name(),
            "containerRuntimeVersion": f"fission://{fission.__version__}",
            "kubeletVersion": f"v1.36.0+fission-{fission.__version__}",
            "kubeProxyVersion": "",
            "operatingSystem": platform.system().lower(),
            "architecture": _architecture(),
        },
        "images": [{"names": sorted(i.match), "sizeBytes": 0} for i in catalog.images],
    }  # fmt: skip


def make_lease(name: str, node_uid: str, now: str) -> Obj:
    return {
        "apiVersion": "coordination.k8s.io/v1",
        "kind": "Lease",
        "metadata": {
            "name": name,
            "namespace": LEASE_NAMESPACE,
            "ownerReferences": [
                {"apiVersion": "v1", "kind": "Node", "name": name, "uid": node_uid}
            ],
        },
        "spec": {
            "holderIdentity": name,
            "leaseDurationSeconds": LEASE_SECONDS,
            "renewTime": now,
        },
    }


class NodeKeeper:
    """Registers the node and renews its lease."""

    def __init__(
        self,
        client: kube_client.Client,
        name: str,
        host_ip: str,
        boot_id: str,
        catalog: images.Catalog,
        isolation: probe.Isolation,
        clock: clocks.Clock,
    ) -> None:
        self._client = client
        self._name = name
        self._host_ip = host_ip
        self._boot_id = boot_id
        self._catalog = catalog
        self._isolation = isolation
        self._clock = clock

    async def register(self) -> None:
        """Create or refresh the Node; tried until the API server takes it."""
        while True:
            try:
                await self.write(ready=True)
                return
            except base_errors.Error as error:
                log.debug("node was not registered: %s", error)
            await asyncio.sleep(RETRY_SECONDS)

    async def write(self, *, ready: bool) -> None:
        try:
            node = await self._client.get(gvk.NODES, self._name)
        except status.NotFound:
            node = await self._client.create(gvk.NODES, make_node(self._name))
        wanted = make_status(
            self._name,
            self._host_ip,
            self._boot_id,
            self._catalog,
            self._isolation,
            clocks.format_rfc3339(self._clock.now()),
            node.get("status") or {},
            ready=ready,
        )
        await self._client.patch(gvk.NODES, self._name, {"status": wanted}, subresource="status")
        self._uid = node["metadata"]["uid"]

    async def run(self) -> None:
        """Renew the lease until cancelled."""
        while True:
            try:
                await self._renew()
            except base_errors.Error as error:
                log.warning("lease was not renewed: %s", error)
            await asyncio.sleep(RENEW_SECONDS)

    async def _renew(self) -> None:
        now = clocks.format_rfc3339_micro(self._clock.now())
        lease = make_lease(self._name, self._uid, now)
        try:
            await self._client.patch(
                gvk.LEASES, self._name, {"spec": lease["spec"]}, LEASE_NAMESPACE
            )
        except status.NotFound:
            try:
                await self._client.create(gvk.LEASES, lease, LEASE_NAMESPACE)
            except status.NotFound:
                namespace = {
                    "apiVersion": "v1",
                    "kind": "Namespace",
                    "metadata": {"name": LEASE_NAMESPACE},
                }
                with contextlib.suppress(status.AlreadyExists):
                    await self._client.create(gvk.NAMESPACES, namespace)
                await self._client.create(gvk.LEASES, lease, LEASE_NAMESPACE)


def default_name() -> str:
    return socket.gethostname().lower().split(".")[0] or "node"


def _architecture() -> str:
    machine = platform.machine()
    return {"x86_64": "amd64", "aarch64": "arm64"}.get(machine, machine)


def _os_name() -> str:
    with contextlib.suppress(OSError):
        for line in Path("/etc/os-release").read_text().splitlines():
            if line.startswith("PRETTY_NAME="):
                return line.partition("=")[2].strip('"')
    return platform.system()
