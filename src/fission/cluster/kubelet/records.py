"""What the kubelet must know of a pod after its own death: one JSON file in the pod's folder.

Written before an action is carried out, so that a start that nobody remembers cannot happen. Valid
for one boot: processes and loopback sockets do not outlive it.
"""

from __future__ import annotations

import dataclasses
import logging
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson

from fission.cluster.kubelet import addresses, podstate

log = logging.getLogger(__name__)

NAME = "record.json"


@dataclass(frozen=True)
class PodRecord:
    """One pod as far as it was brought."""

    boot_id: str
    uid: str
    namespace: str
    name: str
    endpoint: addresses.Endpoint | None
    state: podstate.PodState
    start_time: float = 0.0
    container_ports: Mapping[str, Mapping[int, str]] = field(default_factory=dict)
    """Container → declared port → name of its socket."""


def container_id(uid: str, container: str, attempt: int) -> str:
    return f"{uid}.{container}.{attempt}"


def parse_container_id(text: str) -> tuple[str, str, int] | None:
    parts = text.split(".")
    if len(parts) != 3 or not parts[2].isdigit():
        return None
    return parts[0], parts[1], int(parts[2])


def write(path: Path, record: PodRecord) -> None:
    """Replace the file whole. No fsync: a power cut ends the processes that it is about."""
    path.parent.mkdir(mode=0o711, parents=True, exist_ok=True)
    temporary = path.with_suffix(".tmp")
    fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with os.fdopen(fd, "wb") as output:
        output.write(encode(record))
    temporary.replace(path)


def read_all(pods: Path) -> list[PodRecord]:
    """Every readable record; a damaged one is logged and left out."""
    found: list[PodRecord] = []
    if not pods.is_dir():
        return found
    for entry in sorted(pods.iterdir()):
        path = entry / NAME
        if not path.is_file():
            continue
        try:
            found.append(decode(orjson.loads(path.read_bytes())))
        except (OSError, ValueError, KeyError, TypeError) as error:
            log.error("record was not readable: %s", error, extra={"path": str(path)})
    return found


def encode(record: PodRecord) -> bytes:
    return orjson.dumps(record, option=orjson.OPT_NON_STR_KEYS)


def decode(raw: dict[str, Any]) -> PodRecord:
    endpoint = raw.get("endpoint")
    state = dict(raw["state"])
    state["containers"] = tuple(_container(c) for c in state["containers"])
    for name in ("problem", "failed"):
        if state.get(name) is not None:
            state[name] = tuple(state[name])
    return PodRecord(
        boot_id=raw["boot_id"],
        uid=raw["uid"],
        namespace=raw["namespace"],
        name=raw["name"],
        endpoint=addresses.Endpoint(
            endpoint["ip"], {int(k): v for k, v in endpoint["port_map"].items()}
        )
        if endpoint
        else None,
        state=podstate.PodState(**state),
        start_time=raw["start_time"],
        container_ports={
            name: {int(port): label for port, label in ports.items()}
            for name, ports in raw["container_ports"].items()
        },
    )


def _container(raw: dict[str, Any]) -> podstate.Container:
    values = {**raw, "phase": podstate.Phase(raw["phase"])}
    for name in ("current", "last"):
        if values[name] is not None:
            values[name] = podstate.Termination(**values[name])
    return podstate.Container(**values)


def from_status(rules: podstate.PodRules, pod: dict[str, Any], now: float) -> podstate.PodState:
    """What is left to say about a pod whose record is of another boot, or gone.

    Containers that ran are lost and count as ended; finished init containers stay finished.
    """
    status = pod.get("status") or {}
    known = {
        entry["name"]: entry
        for key in ("initContainerStatuses", "containerStatuses")
        for entry in status.get(key) or ()
    }
    state = podstate.fresh(rules)
    containers = tuple(_from_container_status(c, known.get(c.name), now) for c in state.containers)
    return dataclasses.replace(state, containers=containers)


def _from_container_status(
    fresh: podstate.Container, entry: dict[str, Any] | None, now: float
) -> podstate.Container:
    if entry is None:
        return fresh
    state, last = entry.get("state") or {}, entry.get("lastState") or {}
    ended = state.get("terminated") or (last.get("terminated") if "waiting" in state else None)
    if ended is None and "running" not in state:
        return fresh
    if ended is None:
        ended = {
            "exitCode": 137,
            "reason": "ContainerStatusUnknown",
            "message": "The container was not found when the node started",
        }
    return dataclasses.replace(
        fresh,
        phase=podstate.Phase.TERMINATED,
        attempt=int(entry.get("restartCount") or 0),
        container_id=entry.get("containerID") or "",
        current=podstate.Termination(
            exit_code=int(ended["exitCode"]),
            signal=ended.get("signal"),
            reason=ended.get("reason") or "Error",
            message=ended.get("message") or "",
            started_at=now,
            finished_at=now,
            container_id=entry.get("containerID") or "",
        ),
    )
