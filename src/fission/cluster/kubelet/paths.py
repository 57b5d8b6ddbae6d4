"""Where everything of a home lies, as far as the kubelet is concerned. Pure names, no I/O."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Paths:
    """The folders of one home."""

    home: Path
    run: Path
    """Sockets; outside the home where its path is too long for one."""

    @property
    def pods(self) -> Path:
        return self.home / "pods"

    def pod(self, uid: str) -> Path:
        return self.pods / uid

    def volume(self, uid: str, name: str) -> Path:
        return self.pod(uid) / "volumes" / name

    def temporary(self, uid: str, container: str) -> Path:
        """A container's `/tmp`, where it cannot have a file system of its own there."""
        return self.pod(uid) / "tmp" / container

    def message(self, uid: str, container: str, attempt: int) -> Path:
        """Where a container may leave its termination message."""
        return self.pod(uid) / "messages" / f"{container}.{attempt}"

    def record(self, uid: str) -> Path:
        return self.pod(uid) / "record.json"

    def claim(self, namespace: str, name: str) -> Path:
        return self.home / "volumes" / "pvc" / namespace / name

    def pod_logs(self, namespace: str, name: str, uid: str) -> Path:
        return self.home / "logs" / "pods" / f"{namespace}_{name}_{uid}"

    def logs(self, namespace: str, name: str, uid: str, container: str) -> Path:
        return self.pod_logs(namespace, name, uid) / container

    @property
    def image_caches(self) -> Path:
        """What images prepare on this machine; a folder per image and content."""
        return self.home / "cache" / "images"

    @property
    def image_logs(self) -> Path:
        return self.home / "logs" / "images"

    @property
    def control_socket(self) -> Path:
        return self.run / "kubelet.sock"

    @property
    def supervisor_socket(self) -> Path:
        return self.run / "supervisor.sock"

    @property
    def spawners(self) -> Path:
        return self.run

    @property
    def spawner_logs(self) -> Path:
        return self.home / "logs" / "spawners"
